/** The address families of a peer. */
import type { Family } from '../../addr/ip.ts'
import type { BgpConfSpec } from '../../api/bgp-conf.ts'
import type { BgpPeerSpec } from '../../api/bgp-peer.ts'
import { type ProblemList, shown } from './resolve-problem.ts'
import type { PeerFamily } from './settings.ts'

/** GoBGP's words, and its numbers: AFI in the upper 16 bits, SAFI in the lower. */
const WORDS: Readonly<Record<string, Family>> = { AFI_IP: 'IPv4', AFI_IP6: 'IPv6' }
const NUMBERS: ReadonlyMap<number, Family> = new Map([
  [65_537, 'IPv4'],
  [131_073, 'IPv6'],
])
const UNICAST = 'SAFI_UNICAST'
/** More paths per prefix than nodes make no sense; the number bounds nothing on the wire. */
const MOST_PATHS = 65_535

type AfiSafi = NonNullable<BgpPeerSpec['afiSafis']>[number]

function familyOf({ config }: AfiSafi, own: Family): Family | undefined {
  const { afi = '', safi = '' } = config?.family ?? {}
  if (safi !== '' && safi !== UNICAST) return undefined
  if (afi === '') return own
  return Object.hasOwn(WORDS, afi) ? WORDS[afi] : undefined
}

const plain = (family: Family): PeerFamily => ({ family, addPathSend: 0, restarts: true })

/**
 * Without afiSafis and without families in BgpConf both are offered: a router ignores what it does not know (RFC 5492 section 3), and of a
 * family that it does not have it is told nothing; the other way round half of a dual-stack Service would be missing without a word. A router
 * that closes the session over capabilities needs afiSafis.
 */
function defaultFamilies(conf: BgpConfSpec): readonly PeerFamily[] {
  const named = new Set((conf.families ?? []).flatMap((number) => NUMBERS.get(number) ?? []))
  const families: readonly Family[] = named.size > 0 ? [...named].sort() : ['IPv4', 'IPv6']
  return families.map(plain)
}

/** At least one, each once, IPv4 first. `own`: the family of the peer's address. Undefined, and said, when none of those named is served. */
export function resolveFamilies(spec: BgpPeerSpec, conf: BgpConfSpec, own: Family, list: ProblemList): readonly PeerFamily[] | undefined {
  const entries = spec.afiSafis ?? []
  if (entries.length === 0) return defaultFamilies(conf)
  const found = new Map<Family, PeerFamily>()
  for (const [at, entry] of entries.entries()) {
    if (entry.config?.enabled === false) continue
    const family = familyOf(entry, own)
    if (family === undefined) {
      const { afi = '', safi = '' } = entry.config?.family ?? {}
      list.add(
        'ignored',
        `spec.afiSafis[${at}] is ${shown(`${afi} ${safi}`)}, which is not served`,
        'use AFI_IP or AFI_IP6, and SAFI_UNICAST',
      )
    } else if (found.has(family)) {
      list.add('ignored', `spec.afiSafis[${at}] repeats ${family}`, 'write each family once')
    } else {
      const addPathSend = Math.min(entry.addPaths?.config?.sendMax ?? 0, MOST_PATHS)
      found.set(family, { family, addPathSend, restarts: entry.mpGracefulRestart?.config?.enabled !== false })
    }
  }
  if (found.size === 0)
    return list.add('bad-setting', 'spec.afiSafis names no family that is served', 'add AFI_IP or AFI_IP6, or leave it out')
  return [...found.values()].sort((a, b) => (a.family < b.family ? -1 : 1))
}
