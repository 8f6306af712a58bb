/** Who announces an address, and what the network and the speakers said about it. */
import type { AddressClaimObject } from '../../api/address-claim.ts'
import { formatAge } from '../age.ts'

/** Sentences about one claim; the first names who answers. */
export function announcement({ spec, status }: AddressClaimObject, nowMs: number): readonly string[] {
  const { owner, announcers = [], conditions = [], history = [] } = status ?? {}
  const by =
    owner === undefined
      ? announcers.length === 0
        ? 'nobody yet'
        : announcers.map(({ node }) => node).join(', ')
      : `${owner.node} on ${owner.interface}, for ${formatAge(owner.since, nowMs)}, epoch ${owner.epoch}`
  const past = history.at(-1)
  return [
    `${spec.address} (${spec.protocol}) by ${by}`,
    ...conditions.map(({ type, status: value, reason, message }) => `${type}=${value} ${reason}: ${message}`),
    ...(past === undefined ? [] : [`before by ${past.node}, until ${past.until ?? 'an unknown time'}: ${past.reason}`]),
  ]
}
