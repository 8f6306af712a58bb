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
  forget(claim: string): void
}

/** Creates a journal without memory. */
export function createJournal(logger: Logger): Journal {
  const said = new Map<string, string>()
  return {
    decided(claim, ownership) {
      const text = textOf(ownership)
      const before = said.get(claim)
      if (before === text) return
      said.set(claim, text)
      sayDecision(logger, claim, ownership, before?.startsWith(ANSWER) ?? false)
    },
    wrote(claim, { ownership, report }, { status }) {
      const { owner, phase } = status
      if (owner === null) logger.info('recorded that nobody has an address', { claim })
      else if (owner !== undefined) {
        const first = ownership.kind === 'take' && ownership.first === 'record'
        if (first) logger.info('took an address over', { claim, epoch: owner.epoch, from: ownership.departure ?? 'unowned' })
        else logger.info('recorded the owner of an address', { claim, epoch: owner.epoch, interface: owner.interface })
      } else if (phase !== undefined) logger.info('asking the network whether an address is free', { claim })
      else if (report !== undefined)
        logger.warn('said on a claim', { claim, type: report.type, reason: report.reason, why: report.message })
      else logger.warn('an address is in use by another host', { claim })
    },
    forget: (claim) => void said.delete(claim),
  }
}

const ANSWER = 'answer'

function textOf(ownership: Ownership): string {
  if (ownership.kind === 'answer' || (ownership.kind === 'take' && ownership.first === 'announce')) return `${ANSWER} ${ownership.epoch}`
  return `${ownership.kind} ${'reason' in ownership ? ownership.reason : ''}`
}

function sayDecision(logger: Logger, claim: string, ownership: Ownership, answered: boolean): void {
  if (ownership.kind === 'answer') {
    const { ability, epoch } = ownership
    logger.info('answering for an address', { claim, interface: ability.interface.name, epoch })
  } else if (ownership.kind === 'take' && ownership.first === 'announce') {
    const { ability, epoch, departure } = ownership
    logger.info('took an address over', { claim, interface: ability.interface.name, epoch, from: departure ?? 'unowned' })
  } else if (ownership.kind === 'release')
    logger.warn('gave an address up', { claim, reason: ownership.reason, why: explainSilence(ownership.reason) })
  else if (ownership.kind === 'silent') {
    const why = { claim, reason: ownership.reason, why: explainSilence(ownership.reason) }
    if (answered) logger.info('no longer answering for an address', why)
    else logger.debug('not answering for an address', why)
  }
}
