import type { Logger } from '../runtime/logger.ts'
import type { Member } from './membership/facts.ts'

/** The log of who is heard: one line per change. */
export interface Roll {
  update(members: ReadonlyMap<string, Member>): void
}

/** Creates it, with nobody known. */
export function createRoll(logger: Logger): Roll {
  const said = new Map<string, string>()
  return {
    update(members) {
      for (const [node, member] of members) {
        const text = standingOf(member)
        if (said.get(node) === text) continue
        said.set(node, text)
        if (member.fault === 'silent' || member.fault === 'ended')
          logger.warn('a speaker is not heard any more', { speaker: node, fault: member.fault })
        else logger.info('a speaker changed', { speaker: node, standing: text })
      }
      for (const node of said.keys()) {
        if (members.has(node)) continue
        said.delete(node)
        logger.info('a speaker is gone from the list', { speaker: node })
      }
    },
  }
}

const standingOf = ({ alive, serving, leaving, fault }: Member): string =>
  alive ? (leaving ? 'leaving' : serving ? 'serving' : 'alive') : (fault ?? 'silent')
