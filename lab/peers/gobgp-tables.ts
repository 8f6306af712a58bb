import { z } from 'zod'
import { canonicalIp } from './canonical.ts'
import type { PeerPath, PeerRoute, PeerSession } from './router.ts'

const Attribute = z.looseObject({ type: z.number() })
const Path = z.looseObject({
  attrs: z.array(Attribute),
  stale: z.boolean().default(false),
  best: z.boolean().default(false),
  'neighbor-ip': z.string().optional(),
})
const Table = z.record(z.string(), z.array(Path))
/** Type codes of path attributes (RFC 4271 and followers) as GoBGP's JSON has them. */
const TYPE = { origin: 1, asPath: 2, nextHop: 3, med: 4, localPref: 5, communities: 8, mpReach: 14, extended: 16, large: 32 } as const
const ORIGINS = ['igp', 'egp'] as const

/** Reads `gobgp -j global rib`. Throws when it has another form. */
export function parseGobgpRoutes(text: string): readonly PeerRoute[] {
  const table = Table.parse(JSON.parse(text.trim() === '' ? '{}' : text))
  return Object.entries(table).map(([prefix, paths]) => ({ prefix, paths: paths.map(peerPath) }))
}

function peerPath(path: z.output<typeof Path>): PeerPath {
  const field = (type: number, name: string): unknown => path.attrs.find((one) => one.type === type)?.[name]
  const number = (type: number, name: string) => (typeof field(type, name) === 'number' ? (field(type, name) as number) : undefined)
  const nextHop = field(TYPE.mpReach, 'nexthop') ?? field(TYPE.nextHop, 'nexthop')
  const segments = (field(TYPE.asPath, 'as_paths') ?? []) as readonly { readonly asns: readonly number[] }[]
  const from = path['neighbor-ip']
  return {
    nextHops: typeof nextHop === 'string' ? [canonicalIp(nextHop)] : [],
    from: from === undefined || from === '<nil>' ? undefined : from,
    asPath: segments.flatMap(({ asns }) => asns),
    origin: ORIGINS[number(TYPE.origin, 'value') ?? 2] ?? 'incomplete',
    med: number(TYPE.med, 'metric'),
    localPref: number(TYPE.localPref, 'value'),
    communities: ((field(TYPE.communities, 'communities') ?? []) as readonly number[]).map((one) => `${one >>> 16}:${one & 0xffff}`),
    largeCommunities: ((field(TYPE.large, 'value') ?? []) as readonly Large[]).map(
      (one) => `${one.ASN}:${one.LocalData1}:${one.LocalData2}`,
    ),
    extendedCommunities: ((field(TYPE.extended, 'value') ?? []) as readonly Extended[]).map(extendedWord),
    stale: path.stale,
    best: path.best,
  }
}

interface Large {
  readonly ASN: number
  readonly LocalData1: number
  readonly LocalData2: number
}
interface Extended {
  readonly subtype: number
  readonly value: string
}

/** Subtypes 2 and 3: route target and route origin (RFC 4360). */
const extendedWord = ({ subtype, value }: Extended): string => `${{ 2: 'rt', 3: 'ro' }[subtype] ?? `type ${subtype}`}:${value}`

const Neighbour = z.looseObject({
  conf: z.looseObject({ neighbor_address: z.string().optional(), neighbor_interface: z.string().optional() }),
  state: z.looseObject({
    session_state: z.number().default(0),
    neighbor_address: z.string().optional(),
    flops: z.number().optional(),
    messages: z.looseObject({ received: z.looseObject({ open: z.number().default(0), notification: z.number().default(0) }).optional() }),
    remote_cap: z.array(z.looseObject({ type_url: z.string() })).default([]),
  }),
  timers: z.looseObject({ state: z.looseObject({ negotiated_hold_time: z.number().optional() }).optional() }),
})
/** In the order of its protocol buffers. */
const STATES = ['UNKNOWN', 'IDLE', 'CONNECT', 'ACTIVE', 'OPENSENT', 'OPENCONFIRM', 'ESTABLISHED'] as const

/** Reads one neighbour of `gobgp -j neighbor`, by its address or, where it has none, by its interface; undefined: there is none. */
export function parseGobgpSession(text: string, key: string): Omit<PeerSession, 'lastError'> | undefined {
  const all = z.array(Neighbour).parse(JSON.parse(text.trim() === '' ? '[]' : text))
  const found = all.find(({ conf, state }) =>
    [conf.neighbor_address, conf.neighbor_interface, state.neighbor_address?.split('%')[1]].includes(key),
  )
  if (found === undefined) return undefined
  const { state, timers } = found
  return {
    established: STATES[state.session_state] === 'ESTABLISHED',
    state: STATES[state.session_state] ?? String(state.session_state),
    opensReceived: state.messages.received?.open ?? 0,
    notificationsReceived: state.messages.received?.notification ?? 0,
    ups: undefined,
    holdSec: timers.state?.negotiated_hold_time,
    capabilities: state.remote_cap.map(({ type_url: url }) => url.replace(/^.*\./, '')),
    bfd: undefined,
  }
}
