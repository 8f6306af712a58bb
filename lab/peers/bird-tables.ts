import { canonicalIp } from './canonical.ts'
import type { PeerPath, PeerRoute, PeerSession } from './router.ts'

/** `203.0.113.0/24  unicast [r 18:53:04.273] * (100) [AS65000i]`; further paths of a prefix begin with blanks. */
const HEAD = /^(\S+)?\s+(?:unicast|blackhole|unreachable|prohibit) \[(\S+)[^\]]*\]( \*)?(?: \((\d+)(-?)(s?))?/
const ORIGINS: Readonly<Record<string, PeerPath['origin']>> = { IGP: 'igp', EGP: 'egp' }

/** Reads `show route all table master4` (or master6) of BIRD 2. `restarting`: protocols whose neighbour restarts, so that their routes are stale. */
export function parseBirdRoutes(text: string, restarting: ReadonlySet<string> = new Set()): readonly PeerRoute[] {
  const routes = new Map<string, PeerPath[]>()
  let prefix = ''
  for (const block of blocks(text)) {
    const [head = '', ...lines] = block
    const [, name = prefix, protocol = '', best, , , stale] = HEAD.exec(head) ?? []
    prefix = name
    const paths = routes.get(prefix) ?? []
    routes.set(prefix, paths)
    paths.push(peerPath(protocol, lines, { best: best !== undefined, stale: stale === 's' || restarting.has(protocol) }))
  }
  return [...routes].map(([name, paths]) => ({ prefix: name, paths }))
}

function blocks(text: string): string[][] {
  const all: string[][] = []
  for (const line of text.split('\n')) {
    if (HEAD.test(line) && !line.startsWith('\t')) all.push([line])
    else if (line.startsWith('\t')) all.at(-1)?.push(line.trim())
  }
  return all
}

function peerPath(protocol: string, lines: readonly string[], { best, stale }: Pick<PeerPath, 'best' | 'stale'>): PeerPath {
  const value = (name: string) =>
    lines
      .find((line) => line.startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim()
  const number = (name: string) => (value(name) === undefined ? undefined : Number(value(name)))
  const ofBgp = value('Type')?.startsWith('BGP') === true
  return {
    // The second next hop, if any, is the link-local one of the first.
    nextHops: (value('BGP.next_hop') ?? '')
      .split(' ')
      .slice(0, 1)
      .filter((ip) => ip !== '')
      .map(canonicalIp),
    from: ofBgp ? protocol : undefined,
    asPath: (value('BGP.as_path') ?? '')
      .split(' ')
      .filter((word) => /^\d+$/.test(word))
      .map(Number),
    origin: ORIGINS[value('BGP.origin') ?? ''] ?? 'incomplete',
    med: number('BGP.med'),
    localPref: number('BGP.local_pref'),
    communities: tuples(value('BGP.community')),
    largeCommunities: tuples(value('BGP.large_community')),
    extendedCommunities: tuples(value('BGP.ext_community')),
    stale,
    best,
  }
}

/** `(65001,7) (65001,8)` as `65001:7` and so on. */
function tuples(text: string | undefined): string[] {
  return [...(text ?? '').matchAll(/\(([^)]*)\)/g)].map(([, inside = '']) => inside.split(/,\s*/).join(':'))
}

/** Names in `show protocols all` whose neighbour restarts gracefully. */
export function parseBirdRestarting(text: string): ReadonlySet<string> {
  const parts = text.split(/\n(?=\S)/).filter((part) => part.includes('Neighbor graceful restart active'))
  return new Set(parts.map((part) => part.replace(/\s.*/s, '')))
}

/** Reads the parts of `show protocols all`: of the protocol of that name, or of the sessions that a dynamic one has made (the one that is up first). */
export function parseBirdSession(text: string, name: string): PeerSession | undefined {
  const parts = text.split(/\n(?=\S)/).filter((part) => isPart(part, name))
  const part = parts.find((one) => one.includes('BGP state:          Established')) ?? parts.at(-1)
  if (part === undefined) return undefined
  const value = (key: string) => new RegExp(`^\\s+${key}:\\s+(.*)$`, 'm').exec(part)?.[1]
  const state = value('BGP state') ?? 'Down'
  const hold = /\/(\d+)/.exec(value('Hold timer') ?? '')?.[1]
  const neighbour = /Neighbor capabilities\n([\s\S]*?)\n {4}Session:/.exec(part)?.[1] ?? ''
  return {
    established: state === 'Established',
    state,
    opensReceived: undefined,
    notificationsReceived: undefined,
    ups: undefined,
    holdSec: hold === undefined ? undefined : Number(hold),
    capabilities: neighbour
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
    lastError: value('Last error'),
    bfd: undefined,
  }
}

const isPart = (part: string, name: string): boolean => new RegExp(`^${name}(_\\d+)?\\s+BGP\\s`).test(part)
