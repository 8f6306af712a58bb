import type { Family } from '../../addr/ip.ts'
import { familyOf } from '../../wire/bgp/iana.ts'
import { type Agreement, negotiate } from '../../wire/bgp/negotiate.ts'
import type { Open } from '../../wire/bgp/open.ts'

const NAME: Readonly<Record<Family, string>> = { IPv4: 'ipv4', IPv6: 'ipv6' }

/** The capabilities that both sides have, in words, for the status of the peer. */
export function capabilityWords(ours: Open, theirs: Open, agreement: Agreement = negotiate(ours, theirs)): readonly string[] {
  const { send, receive } = agreement
  const families = (['IPv4', 'IPv6'] as const).filter((family) => send.families[family] !== undefined)
  const words = families.map((family) => `${NAME[family]}-unicast`)
  if (send.fourOctetAs) words.push('four-octet-as')
  if (agreement.routeRefresh) words.push('route-refresh')
  if (agreement.enhancedRouteRefresh) words.push('enhanced-route-refresh')
  if (agreement.longestReceived === agreement.longestSent && agreement.longestSent > 4096) words.push('extended-message')
  if (families.some((family) => send.families[family]?.extendedNextHop)) words.push('extended-next-hop ipv4')
  for (const family of families) {
    if (send.families[family]?.pathIds) words.push(`add-path ${NAME[family]} send`)
    if (receive.families[family]?.pathIds) words.push(`add-path ${NAME[family]} receive`)
  }
  return [...words, ...restartWords(ours, theirs)]
}

function restartWords(ours: Open, theirs: Open): readonly string[] {
  const words: string[] = []
  const [own, peer] = [ours, theirs].map(({ capabilities }) => capabilities.findLast(({ kind }) => kind === 'graceful-restart'))
  if (own?.kind === 'graceful-restart' && peer?.kind === 'graceful-restart') {
    const families = peer.families.flatMap(({ afi, safi }) => familyOf(afi, safi) ?? [])
    const which = families.length === 0 ? 'helper' : families.map((family) => NAME[family]).join(' ')
    words.push(`graceful-restart ${peer.restartSeconds} s ${which}`)
    if (own.notification && peer.notification) words.push('graceful-restart notification')
  }
  const isLongLived = [ours, theirs].every(({ capabilities }) => capabilities.some(({ kind }) => kind === 'long-lived-graceful-restart'))
  if (isLongLived) words.push('long-lived-graceful-restart')
  if ([ours, theirs].every(({ capabilities }) => capabilities.some(({ kind }) => kind === 'role'))) words.push('role')
  return words
}
