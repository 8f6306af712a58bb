import type { Logger } from '../runtime/logger.ts'
import type { StatusPatch } from './claim-status.ts'
import type { Decision } from './desired.ts'
import type { Ownership } from './ownership.ts'
import { explainSilence } from './silence.ts'

/** One line per decision, not per look: remembers what was said last about each claim. */
export interface Journal {
  decided(claim: string, ownership: Ownership): void
  /** A status write of this node went through. */
  wrote(claim: string, decision: Decision, patch: StatusPatch): void
  /** True the first time that this process is asked about an Eip. */
  isFirstOf(eip: string): boolean
  forget(claim: string): void
}

/** Creates a journal without memory. */
export function createJournal(logger: Logger): Journal {
  const said = new Map<string, string>()
  const eips = new Set<string>()
  return {
    decided(claim, ownership) {
      const text =
        ownership.kind === 'answer' ? `answer ${ownership.epoch}` : `${ownership.kind} ${'reason' in ownership ? ownership.reason : ''}`
      const before = said.get(claim)
      if (before === text) return
      said.set(claim, text)
      if (ownership.kind === 'answer') {
        const { ability, epoch } = ownership
        logger.info('answering for an address', { claim, interface: ability.interface.name, epoch })
      } else if (ownership.kind === 'silent') {
        const why = { claim, reason: ownership.reason, why: explainSilence(ownership.reason) }
        if (before?.startsWith('answer')) logger.info('no longer answering for an address', why)
        else logger.debug('not answering for an address', why)
      }
    },
    wrote(claim, { ownership, report }, { status }) {
      if (ownership.kind === 'take')
        logger.info('took an address over', { claim, epoch: status.owner?.epoch, from: ownership.departure ?? 'unowned' })
      else if (ownership.kind === 'yield')
        logger.warn('gave an address up', { claim, reason: ownership.reason, why: explainSilence(ownership.reason) })
      else if (ownership.kind === 'answer')
        logger.info('recorded the interface of an address', { claim, interface: status.owner?.interface })
      else if (report !== undefined) logger.warn('nobody announces an address', { claim, reason: report.reason, why: report.message })
    },
    isFirstOf(eip) {
      const isFirst = !eips.has(eip)
      eips.add(eip)
      return isFirst
    },
    forget: (claim) => void said.delete(claim),
  }
}
