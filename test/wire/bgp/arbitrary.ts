import fc from 'fast-check'
import { FAMILY_BITS, type Family, type Ip } from '../../../src/addr/ip.ts'
import { prefixOf } from '../../../src/addr/prefix.ts'
import type { AsPath } from '../../../src/wire/bgp/attributes/as-path.ts'
import type { NextHop } from '../../../src/wire/bgp/attributes/mp-reach.ts'
import type { PathAttributes } from '../../../src/wire/bgp/attributes/table.ts'
import type { Capability } from '../../../src/wire/bgp/capabilities.ts'
import type { UpdateContext } from '../../../src/wire/bgp/context.ts'
import type { NlriEntry } from '../../../src/wire/bgp/nlri.ts'
import type { Open } from '../../../src/wire/bgp/open.ts'

/** Everything that BGP can say, at random. */

const u8 = fc.nat(0xff)
const u16 = fc.nat(0xffff)
const u32 = fc.nat(0xffff_ffff)
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>
const family = { afi: u16, safi: u8 }
const list = <T>(item: fc.Arbitrary<T>, maxLength = 6) => fc.array(item, { maxLength })
const kind = <K extends string>(name: K) => fc.constant(name)

const capabilities: fc.Arbitrary<Capability> = fc.oneof(
  record({ kind: kind('multiprotocol'), ...family }),
  record({ kind: fc.constantFrom('route-refresh' as const, 'enhanced-route-refresh' as const, 'extended-message' as const) }),
  record({ kind: kind('extended-next-hop'), families: list(record({ afi: u16, safi: u16, nextHopAfi: u16 })) }),
  record({ kind: kind('role'), role: u8 }),
  record({
    kind: kind('graceful-restart'),
    restarting: fc.boolean(),
    notification: fc.boolean(),
    restartSeconds: fc.nat(4095),
    families: list(record({ ...family, preserved: fc.boolean() })),
  }),
  record({ kind: kind('add-path'), families: list(record({ ...family, mode: fc.constantFrom('receive', 'send', 'both') })) }),
  record({
    kind: kind('long-lived-graceful-restart'),
    families: list(record({ ...family, preserved: fc.boolean(), staleSeconds: fc.nat(0xff_ffff) })),
  }),
  record({ kind: kind('fqdn'), host: fc.string({ maxLength: 60 }), domain: fc.string({ unit: 'binary', maxLength: 60 }) }),
  record({ kind: kind('unknown'), code: fc.integer({ min: 128, max: 255 }), value: fc.uint8Array({ maxLength: 250 }) }),
) as fc.Arbitrary<Capability>

export const opens: fc.Arbitrary<Open> = fc
  .tuple(
    fc.integer({ min: 1, max: 0xffff_ffff }),
    fc.integer({ min: 3, max: 0xffff }),
    fc.integer({ min: 1, max: 0xffff_ffff }),
    list(capabilities, 12),
  )
  .map(([as, holdSeconds, routerId, others]) => ({ as, holdSeconds, routerId, capabilities: [...others, { kind: 'four-octet-as', as }] }))

/** Sessions of every kind. */
export const contexts: fc.Arbitrary<UpdateContext> = fc
  .tuple(fc.constantFrom('external' as const, 'internal' as const), fc.boolean(), fc.boolean(), fc.boolean())
  .map(([peering, fourOctetAs, pathIds, extendedNextHop]) => ({
    peering,
    fourOctetAs,
    families: { IPv4: { pathIds, extendedNextHop }, IPv6: { pathIds: !pathIds, extendedNextHop: false } },
  }))

const as = fc.oneof(fc.integer({ min: 1, max: 0xffff }), fc.integer({ min: 0x1_0000, max: 0xffff_ffff }))
const ases = fc.array(as, { minLength: 1, maxLength: 5 })

/** Without two sequences in a row: a merge of AS4_PATH makes one of them. */
export const asPaths: fc.Arbitrary<AsPath> = list(record({ kind: fc.constantFrom('sequence' as const, 'set' as const), ases }), 4).map(
  (path) => path.filter((segment, at) => segment.kind === 'set' || path[at - 1]?.kind !== 'sequence'),
)

const optional = <T extends object>(item: fc.Arbitrary<T>): fc.Arbitrary<T | Record<string, never>> => fc.oneof(item, fc.constant({}))
const some = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 4 })

/** What a neighbour of this kind may say of a route. */
export function attributesIn({ peering }: UpdateContext): fc.Arbitrary<PathAttributes> {
  const aggregator = record({ as, routerId: u32 })
  const large = fc.uniqueArray(record({ global: u32, local1: u32, local2: u32 }), {
    minLength: 1,
    maxLength: 4,
    selector: (one) => JSON.stringify(one),
  })
  const unknown = record({
    flags: fc.constantFrom(0x80, 0xc0, 0xe0),
    code: fc.integer({ min: 200, max: 255 }),
    value: fc.uint8Array({ maxLength: 300 }),
  })
  const parts: fc.Arbitrary<PathAttributes>[] = [
    record({ origin: fc.constantFrom('igp' as const, 'egp' as const, 'incomplete' as const), asPath: asPaths }),
    optional(record({ med: u32 })),
    optional(record({ atomicAggregate: fc.constant(true as const) })),
    optional(record({ aggregator })),
    optional(record({ communities: some(u32) })),
    optional(record({ extendedCommunities: some(bytes(8)) })),
    optional(record({ ipv6ExtendedCommunities: some(bytes(20)) })),
    optional(record({ largeCommunities: large })),
    optional(record({ onlyToCustomer: u32 })),
    optional(record({ unknown: fc.uniqueArray(unknown, { minLength: 1, maxLength: 3, selector: ({ code }) => code }) })),
  ]
  if (peering === 'internal') parts.push(record({ localPref: u32 }), optional(record({ originatorId: u32, clusterList: some(u32) })))
  return fc.tuple(...parts).map((all) => {
    const set = Object.assign({}, ...all) as PathAttributes
    return set.unknown ? { ...set, unknown: set.unknown.toSorted((a, b) => a.code - b.code) } : set
  })
}

const number = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n })

export const entriesIn = (family: Family, pathIds: boolean, maxLength = 40): fc.Arbitrary<NlriEntry[]> =>
  fc.array(
    fc
      .tuple(number(FAMILY_BITS[family]), fc.nat(FAMILY_BITS[family]), u32)
      .map(([value, length, id]) => ({ prefix: prefixOf({ family, value }, length), pathId: pathIds ? id : undefined })),
    { minLength: 1, maxLength, size: 'max' },
  )

const ipv4: fc.Arbitrary<Ip> = number(24).map((low) => ({ family: 'IPv4', value: (10n << 24n) + low }))
const global: fc.Arbitrary<Ip> = number(64).map((low) => ({ family: 'IPv6', value: (0x2001_0db8n << 96n) + low }))
const linkLocal: fc.Arbitrary<Ip> = number(64).map((low) => ({ family: 'IPv6', value: (0xfe80n << 112n) + low }))

/** Next hops that the session allows for the family. */
export function nextHopsIn(family: Family, { families }: UpdateContext): fc.Arbitrary<NextHop> {
  const alone = (address: fc.Arbitrary<Ip>) => address.map((one): NextHop => ({ address: one, linkLocal: undefined }))
  const pair = fc.tuple(global, linkLocal).map(([address, second]): NextHop => ({ address, linkLocal: second }))
  const six = [alone(global), alone(linkLocal), pair]
  if (family === 'IPv6') return fc.oneof(...six)
  return families.IPv4?.extendedNextHop ? fc.oneof(alone(ipv4), ...six) : alone(ipv4)
}
