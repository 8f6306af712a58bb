import fc from 'fast-check'
import type { ExportPolicy } from '../../../../../src/speaker/bgp/export-policy.ts'
import type { BgpLine, NextHopNode } from '../../../../../src/speaker/bgp/route.ts'
import type { NextHopMode, PeerSettings } from '../../../../../src/speaker/bgp/settings.ts'
import { isOdd, isThird, type ModelPolicy, type ModelSession } from './expectation.ts'
import { attributes, ip, line, node, peer, SECOND, SELF, THIRD, terms } from './samples.ts'

/** Lines, peers, sessions and what happens to them, at random. */

const only = (address: NextHopNode['IPv4']) => address && { address, linkLocal: undefined }
const on = (pathIds: boolean, extendedNextHop = false) => ({ pathIds, extendedNextHop })

/** Sessions of every kind, with the next hops that a router of that kind can use. */
export const SESSIONS: readonly ModelSession[] = [
  {
    terms: terms(),
    nextHop: { IPv4: ({ IPv4 }) => only(IPv4), IPv6: ({ IPv6 }) => only(IPv6) },
  },
  {
    terms: terms({ families: { IPv4: on(true), IPv6: on(true) }, enhanced: false }),
    nextHop: { IPv4: ({ IPv4 }) => only(IPv4), IPv6: ({ IPv6 }) => only(IPv6) },
  },
  {
    terms: terms({ peering: 'internal', families: { IPv4: on(true) } }),
    nextHop: { IPv4: ({ IPv4 }) => only(IPv4) },
  },
  {
    terms: terms({ local: '2001:db8::1', remote: '2001:db8::ffff', families: { IPv4: on(true, true), IPv6: on(false) } }),
    nextHop: { IPv4: ({ IPv4, IPv6 }) => only(IPv6 ?? IPv4), IPv6: ({ IPv6 }) => only(IPv6) },
  },
  {
    terms: terms({ local: 'fe80::1', remote: 'fe80::2', families: { IPv4: on(false, true), IPv6: on(true) }, longest: 200 }),
    nextHop: {
      IPv4: ({ self, IPv4, IPv6 }) => (self && IPv6 ? { address: IPv6, linkLocal: ip('fe80::1') } : only(IPv6 ?? IPv4)),
      IPv6: ({ self, IPv6 }) => (self && IPv6 ? { address: IPv6, linkLocal: ip('fe80::1') } : only(IPv6)),
    },
  },
]

const FOURTH = node('n4', undefined, '2001:db8::4')
/** Objects that many lines share, as the glue of the cluster makes them. */
const HOPS: readonly (readonly NextHopNode[])[] = [
  [SELF],
  [SELF, SECOND, THIRD],
  [SECOND, THIRD],
  [THIRD],
  [FOURTH],
  [SELF, FOURTH, SECOND],
]
const ATTRIBUTES = [
  attributes({}),
  attributes({ med: 5, communities: [65_000 * 65_536 + 1] }),
  attributes({ localPref: 300, largeCommunities: [{ global: 1, local1: 2, local2: 3 }] }),
  attributes({ extendedCommunities: [Uint8Array.of(0, 2, 253, 232, 0, 0, 0, 1)] }),
]
const PEERS: readonly (readonly string[] | undefined)[] = [undefined, undefined, ['router'], ['other']]
const TEXTS = Array.from({ length: 14 }, (_, index) => (index % 2 === 0 ? `198.18.0.${index}/32` : `2001:db8:5::${index}/128`))

const lineArbitrary: fc.Arbitrary<BgpLine> = fc
  .tuple(fc.constantFrom(...TEXTS), fc.constantFrom(...HOPS), fc.constantFrom(...ATTRIBUTES), fc.constantFrom(...PEERS))
  .map(([text, nextHops, said, peers]) => line(text, { nextHops, attributes: said, peers }))

export const lineSets: fc.Arbitrary<readonly BgpLine[]> = fc.uniqueArray(lineArbitrary, {
  selector: ({ text }) => text,
  maxLength: 14,
  size: 'max',
})

const POLICIES: { readonly [P in ModelPolicy]: ExportPolicy['judge'] } = {
  own: (subject) => ({ kind: 'accept', subject, statement: undefined }),
  odd: (subject) => (isOdd(subject) ? { kind: 'accept', subject, statement: 'odd' } : { kind: 'reject', statement: undefined }),
  med: (subject) => ({
    kind: 'accept',
    subject: { ...subject, prepend: 2, attributes: { ...subject.attributes, med: 77 } },
    statement: 'med',
  }),
  long: (subject) => ({
    kind: 'accept',
    subject: isThird(subject) ? { ...subject, attributes: { ...subject.attributes, communities: LONG } } : subject,
    statement: undefined,
  }),
}
const LONG = Array.from({ length: 1500 }, (_, index) => index)

/** Settings of a peer, and what its policy means to the model. */
export interface ModelPeer {
  readonly settings: PeerSettings
  readonly policy: ModelPolicy
}

export const modelPeers: fc.Arbitrary<ModelPeer> = fc
  .tuple(
    fc.constantFrom<ModelPolicy>('own', 'odd', 'med', 'long'),
    fc.constantFrom<NextHopMode>('auto', 'self', 'nodes'),
    fc.integer({ min: 1, max: 4 }),
    fc.constantFrom(0, 1000),
  )
  .map(([policy, nextHop, addPathSend, advertisementMs]) => ({
    policy,
    settings: peer({
      policy: { text: policy, judge: POLICIES[policy] },
      nextHop,
      families: [
        { family: 'IPv4', addPathSend, restarts: false },
        { family: 'IPv6', addPathSend, restarts: false },
      ],
      times: { ...peer().times, advertisementMs },
    }),
  }))

export type Step =
  | { readonly kind: 'follow'; readonly lines: readonly BgpLine[] }
  /** A few lines of the last set are other ones, all others the same objects. */
  | { readonly kind: 'edit'; readonly lines: readonly BgpLine[]; readonly gone: number }
  | { readonly kind: 'pull'; readonly most: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'configure'; readonly peer: ModelPeer }
  | { readonly kind: 'reconnect'; readonly session: ModelSession }
  | { readonly kind: 'refresh'; readonly afi: number }

const kind = <K extends Step['kind']>(name: K) => fc.constant(name)
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>

const followSteps = record({ kind: kind('follow'), lines: lineSets })
const edits = record({ kind: kind('edit'), lines: fc.array(lineArbitrary, { maxLength: 2 }), gone: fc.nat(13) })
const pulls = record({ kind: kind('pull'), most: fc.integer({ min: 1, max: 3 }) })
const waits = record({ kind: kind('wait'), ms: fc.constantFrom(1, 400, 1000) })
const configures = record({ kind: kind('configure'), peer: modelPeers })
const reconnects = record({ kind: kind('reconnect'), session: fc.constantFrom(...SESSIONS) })
const refreshes = record({ kind: kind('refresh'), afi: fc.constantFrom(1, 2) })

/** Changes of lines, messages, and time. */
export const churn: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(followSteps, { weight: 3, arbitrary: edits }, { weight: 3, arbitrary: pulls }, waits),
  { maxLength: 40, size: 'max' },
)

/** And all else that may happen. */
export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(followSteps, { weight: 3, arbitrary: edits }, { weight: 3, arbitrary: pulls }, waits, configures, reconnects, refreshes),
  { maxLength: 40, size: 'max' },
)
