import type { Decision } from '../../src/allocator/decide.ts'
import { holdersText } from '../../src/api/address-claim.ts'
import type { Refusal } from '../../src/policy/refusal.ts'

const word = (refusal: Refusal): string =>
  refusal.code === 'DualStackIncomplete' ? `${refusal.family}:${word(refusal.because)}` : refusal.code

/** A decision in one line, so that a table stays readable. */
export function brief(decision: Decision): string {
  switch (decision.kind) {
    case 'leave':
      return `leave: ${decision.reason}`
    case 'await-namespace':
      return 'await namespace'
    case 'claim':
      return `claim ${decision.spec.address} of ${decision.spec.eip} (${decision.from})`
    case 'join':
      return `join ${decision.spec.address} of ${decision.spec.eip} beside ${holdersText(decision.holding.claim.spec.holders)} (${decision.from})`
    case 'amend':
      return `amend ${decision.holding.address} to ${decision.spec.eip} ${decision.spec.protocol} ${decision.spec.interface ?? '-'}`
    case 'release': {
      const words = [
        decision.drop.map((each) => each.address).join(','),
        decision.desired.ingress?.length === 0 ? 'clear' : 'leave ingress',
      ]
      return `release ${[...words, ...Object.entries(decision.desired.annotations ?? {}).map(([key, value]) => `${key}=${value}`)].join(' ')}`
    }
    case 'settle': {
      const { keep, drop, refusals, desired } = decision
      const kept = keep.map((each) => each.address).join('+')
      const parts = [
        kept === '' ? 'nothing' : `keep ${kept} of ${desired.eip ?? '-'}`,
        refusals.length > 0 ? `refused ${refusals.map(word).join('+')}` : '',
      ]
      return [...parts, drop.length > 0 ? `drop ${drop.map((each) => each.address).join(',')}` : '']
        .filter((part) => part !== '')
        .join(', ')
    }
  }
}
