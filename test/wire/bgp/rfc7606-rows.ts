/** Every attribute with every defect; see rfc7606.test.ts for what is done with them. */
import { attribute, toHex } from './build.ts'

/** What becomes of the route: kept, kept without the attribute, withdrawn; or the session ends with this subcode, and this evidence. */
export type Want = 'keep' | 'discard' | 'withdraw' | readonly ['reset', number, string?]

/** One attribute that is sound or not. */
export interface Row {
  readonly name: string
  /** Code of the attribute that is replaced (or added), and what stands there; several for duplicates, none to leave it out. */
  readonly code: number
  readonly with: readonly string[]
  readonly external: Want
  readonly internal: Want
  /** Numbers of two bytes. */
  readonly twoOctets?: true
  /** Sound attributes that go with it. */
  readonly and?: readonly string[]
}

/** The prefix of every route of the table: 192.0.2.0/24. */
export const SENTINEL = '18 c00002'
export const ORIGIN = attribute(0x40, 1, '00')
export const PATH = attribute(0x40, 2, '02 01 0000fde9')
const PATH_2 = attribute(0x40, 2, '02 01 fde9')
export const HOP = attribute(0x40, 3, '0a000001')
const COMMUNITY = attribute(0xc0, 8, 'ffff0000')
const PREF = attribute(0x40, 5, '00000064')

/** What an attribute of each code is called in what is read; codes without a key are prefixes or next hops. */
export const KEYS: Readonly<Record<number, string>> = {
  1: 'origin',
  2: 'asPath',
  4: 'med',
  5: 'localPref',
  6: 'atomicAggregate',
  7: 'aggregator',
  8: 'communities',
  9: 'originatorId',
  10: 'clusterList',
  16: 'extendedCommunities',
  25: 'ipv6ExtendedCommunities',
  32: 'largeCommunities',
  35: 'onlyToCustomer',
}

const both = (want: Want) => ({ external: want, internal: want })
const bad = (code: number, name: string, flags: number, value: string, want: Want = 'withdraw', claimed?: number): Row => ({
  name,
  code,
  with: [attribute(flags, code, value, claimed)],
  ...both(want),
})

/** Sound values and their right flags. */
const SOUND: readonly (readonly [code: number, flags: number, value: string])[] = [
  [1, 0x40, '00'],
  [2, 0x40, '02 01 0000fde9'],
  [3, 0x40, '0a000001'],
  [4, 0x80, '00000001'],
  [6, 0x40, ''],
  [7, 0xc0, '0000fde9 0a000001'],
  [8, 0xc0, 'ffff0000'],
  [16, 0xc0, '0002fde900000001'],
  [25, 0xc0, '0002 20010db8000000000000000000000001 0001'],
  [32, 0xc0, '0000fde9 00000001 00000002'],
  [35, 0xc0, '0000fde9'],
]
const INTERNAL: typeof SOUND = [
  [5, 0x40, '00000064'],
  [9, 0x80, '0a000001'],
  [10, 0x80, '0a000001'],
]

const flagRows = [...SOUND, ...INTERNAL].flatMap(([code, flags, value]): Row[] => {
  const external = INTERNAL.some(([own]) => own === code) ? ('discard' as const) : ('withdraw' as const)
  const row = (name: string, wrong: number): Row => ({
    name: `${KEYS[code] ?? code}: ${name}`,
    code,
    with: [attribute(wrong, code, value)],
    external,
    internal: 'withdraw',
  })
  return [row('Optional is wrong', flags ^ 0x80), row('Transitive is wrong', flags ^ 0x40)]
})

const soundRows = [...SOUND, ...INTERNAL].flatMap(([code, flags, value]): Row[] => {
  const external = INTERNAL.some(([own]) => own === code) ? ('discard' as const) : ('keep' as const)
  const row = (name: string, other: number): Row => ({
    name: `${KEYS[code] ?? code}: ${name}`,
    code,
    with: [attribute(other, code, value)],
    external,
    internal: 'keep',
  })
  return [
    row('sound', flags),
    row('with Partial', flags | 0x20),
    row('with a length of two bytes', flags | 0x10),
    row('with the unused flags', flags | 0x0f),
  ]
})

const duplicateRows = [...SOUND, ...INTERNAL].map(([code, flags, value]): Row => {
  const external = INTERNAL.some(([own]) => own === code) ? ('discard' as const) : ('keep' as const)
  const twice = attribute(flags, code, value)
  return { name: `${KEYS[code] ?? code}: twice, the first counts`, code, with: [twice, twice], external, internal: 'keep' }
})

const valueRows: readonly Row[] = [
  bad(1, 'ORIGIN: of 0 bytes', 0x40, ''),
  bad(1, 'ORIGIN: of 2 bytes', 0x40, '0000'),
  bad(1, 'ORIGIN: 3', 0x40, '03'),
  bad(1, 'ORIGIN: 255', 0x40, 'ff'),
  bad(2, 'AS_PATH: a segment of type 0', 0x40, '00 01 0000fde9'),
  bad(2, 'AS_PATH: a segment of type 5', 0x40, '05 01 0000fde9'),
  bad(2, 'AS_PATH: a segment without numbers', 0x40, '02 00'),
  bad(2, 'AS_PATH: a sound segment, and one without numbers', 0x40, '02 01 0000fde9 02 00'),
  bad(2, 'AS_PATH: more numbers than bytes (overrun)', 0x40, '02 02 0000fde9'),
  bad(2, 'AS_PATH: one byte behind the last segment (underrun)', 0x40, '02 01 0000fde9 02'),
  bad(2, 'AS_PATH: numbers of two bytes where four were agreed on', 0x40, '02 01 fde9'),
  bad(2, 'AS_PATH: AS 0', 0x40, '02 02 0000fde9 00000000'),
  bad(2, 'AS_PATH: AS 0 in a set', 0x40, '02 01 0000fde9 01 01 00000000'),
  {
    name: "AS_PATH: a confederation's sequence",
    code: 2,
    with: [attribute(0x40, 2, '03 01 0000fde9')],
    external: 'withdraw',
    internal: 'keep',
  },
  { name: "AS_PATH: a confederation's set", code: 2, with: [attribute(0x40, 2, '04 01 0000fde9')], external: 'withdraw', internal: 'keep' },
  bad(2, 'AS_PATH: empty', 0x40, '', 'keep'),
  bad(2, 'AS_PATH: a sequence and a set', 0x40, '02 01 0000fde9 01 02 0000fdea 0000fdeb', 'keep'),
  { ...bad(2, 'AS_PATH: numbers of two bytes, as agreed', 0x40, '02 01 fde9', 'keep'), twoOctets: true },
  { ...bad(2, 'AS_PATH: numbers of four bytes where two were agreed on', 0x40, '02 01 0000fde9'), twoOctets: true },
  { ...bad(2, 'AS_PATH: AS 0 of two bytes', 0x40, '02 01 0000'), twoOctets: true },
  bad(3, 'NEXT_HOP: of 0 bytes', 0x40, ''),
  bad(3, 'NEXT_HOP: of 3 bytes', 0x40, '0a0000'),
  bad(3, 'NEXT_HOP: of 5 bytes', 0x40, '0a00000100'),
  bad(3, 'NEXT_HOP: of 16 bytes', 0x40, '20010db8000000000000000000000001'),
  bad(3, 'NEXT_HOP: 0.0.0.0', 0x40, '00000000'),
  bad(3, 'NEXT_HOP: 127.0.0.1', 0x40, '7f000001'),
  bad(3, 'NEXT_HOP: a group', 0x40, 'e0000001'),
  bad(3, 'NEXT_HOP: 255.255.255.255', 0x40, 'ffffffff'),
  bad(4, 'MULTI_EXIT_DISC: of 0 bytes', 0x80, ''),
  bad(4, 'MULTI_EXIT_DISC: of 3 bytes', 0x80, '000001'),
  bad(4, 'MULTI_EXIT_DISC: of 8 bytes', 0x80, '0000000100000002'),
  { name: 'LOCAL_PREF: of 0 bytes', code: 5, with: [attribute(0x40, 5, '')], external: 'discard', internal: 'withdraw' },
  { name: 'LOCAL_PREF: of 3 bytes', code: 5, with: [attribute(0x40, 5, '000064')], external: 'discard', internal: 'withdraw' },
  { name: 'LOCAL_PREF: of 5 bytes', code: 5, with: [attribute(0x40, 5, '0000006400')], external: 'discard', internal: 'withdraw' },
  bad(6, 'ATOMIC_AGGREGATE: of 1 byte', 0x40, '00', 'discard'),
  bad(6, 'ATOMIC_AGGREGATE: of 4 bytes', 0x40, '00000000', 'discard'),
  bad(7, 'AGGREGATOR: of 0 bytes', 0xc0, '', 'discard'),
  bad(7, 'AGGREGATOR: of 6 bytes where AS numbers have four', 0xc0, 'fde90a000001', 'discard'),
  bad(7, 'AGGREGATOR: of 9 bytes', 0xc0, '0000fde90a00000100', 'discard'),
  bad(7, 'AGGREGATOR: AS 0', 0xc0, '000000000a000001', 'discard'),
  { ...bad(7, 'AGGREGATOR: of 8 bytes where AS numbers have two', 0xc0, '0000fde90a000001', 'discard'), twoOctets: true },
  { ...bad(7, 'AGGREGATOR: of 6 bytes, as agreed', 0xc0, 'fde90a000001', 'keep'), twoOctets: true },
  bad(8, 'COMMUNITIES: of 0 bytes', 0xc0, ''),
  bad(8, 'COMMUNITIES: of 3 bytes', 0xc0, 'ffff00'),
  bad(8, 'COMMUNITIES: of 6 bytes', 0xc0, 'ffff0000ffff'),
  { name: 'ORIGINATOR_ID: of 0 bytes', code: 9, with: [attribute(0x80, 9, '')], external: 'discard', internal: 'withdraw' },
  { name: 'ORIGINATOR_ID: of 3 bytes', code: 9, with: [attribute(0x80, 9, '0a0000')], external: 'discard', internal: 'withdraw' },
  { name: 'ORIGINATOR_ID: of 16 bytes', code: 9, with: [attribute(0x80, 9, '00'.repeat(16))], external: 'discard', internal: 'withdraw' },
  { name: 'CLUSTER_LIST: of 0 bytes', code: 10, with: [attribute(0x80, 10, '')], external: 'discard', internal: 'withdraw' },
  { name: 'CLUSTER_LIST: of 7 bytes', code: 10, with: [attribute(0x80, 10, '0a000001 0a0000')], external: 'discard', internal: 'withdraw' },
  bad(16, 'EXTENDED COMMUNITIES: of 0 bytes', 0xc0, ''),
  bad(16, 'EXTENDED COMMUNITIES: of 7 bytes', 0xc0, '0002fde9000000'),
  bad(16, 'EXTENDED COMMUNITIES: of 12 bytes', 0xc0, '0002fde9000000010002fde9'),
  bad(16, 'EXTENDED COMMUNITIES: of an unknown type', 0xc0, '7f7f000000000001', 'keep'),
  bad(25, 'IPv6 EXTENDED COMMUNITIES: of 0 bytes', 0xc0, ''),
  bad(25, 'IPv6 EXTENDED COMMUNITIES: of 8 bytes', 0xc0, '0002fde900000001'),
  bad(32, 'LARGE_COMMUNITY: of 0 bytes', 0xc0, ''),
  bad(32, 'LARGE_COMMUNITY: of 11 bytes', 0xc0, '0000fde90000000100 0000'),
  bad(32, 'LARGE_COMMUNITY: of 16 bytes', 0xc0, '00'.repeat(16)),
  bad(35, 'OTC: of 0 bytes', 0xc0, ''),
  bad(35, 'OTC: of 3 bytes', 0xc0, '00fde9'),
  bad(35, 'OTC: of 8 bytes', 0xc0, '0000fde90000fdea'),
  bad(17, 'AS4_PATH: from a neighbour with numbers of four bytes', 0xc0, '02 01 0000fdea', 'discard'),
  bad(18, 'AS4_AGGREGATOR: from a neighbour with numbers of four bytes', 0xc0, '0000fdea0a000001', 'discard'),
  { ...bad(17, 'AS4_PATH: of 0 bytes', 0xc0, '', 'keep'), twoOctets: true },
  { ...bad(17, 'AS4_PATH: a segment of type 9', 0xc0, '09 01 0000fdea', 'discard'), twoOctets: true },
  { ...bad(17, 'AS4_PATH: a segment without numbers', 0xc0, '02 00', 'discard'), twoOctets: true },
  { ...bad(17, 'AS4_PATH: overrun', 0xc0, '02 02 0000fdea', 'discard'), twoOctets: true },
  { ...bad(17, 'AS4_PATH: AS 0', 0xc0, '02 01 00000000', 'discard'), twoOctets: true },
  { ...bad(17, 'AS4_PATH: not transitive', 0x80, '02 01 0000fdea'), twoOctets: true },
  { ...bad(18, 'AS4_AGGREGATOR: of 6 bytes', 0xc0, 'fde90a000001', 'discard'), twoOctets: true },
  { ...bad(18, 'AS4_AGGREGATOR: AS 0', 0xc0, '000000000a000001', 'discard'), twoOctets: true },
  bad(99, 'an unknown attribute: optional, transitive', 0xc0, '0102', 'keep'),
  bad(99, 'an unknown attribute: optional, not transitive', 0x80, '0102', 'keep'),
  bad(99, 'an unknown attribute: well-known', 0x40, '0102', ['reset', 2, '40 63 02 0102']),
  bad(0, 'attribute 0: well-known', 0x40, '', ['reset', 2, '40 00 00']),
]

const missingRows: readonly Row[] = [
  { name: 'ORIGIN: missing', code: 1, with: [], ...both('withdraw') },
  { name: 'AS_PATH: missing', code: 2, with: [], ...both('withdraw') },
  { name: 'NEXT_HOP: missing', code: 3, with: [], ...both('withdraw') },
  { name: 'LOCAL_PREF: missing', code: 5, with: [], external: 'keep', internal: 'withdraw' },
]

const overrunRows: readonly Row[] = [
  bad(8, 'the last attribute is longer than the list', 0xc0, 'ffff0000', 'withdraw', 40),
  bad(99, 'the last attribute is unknown, and longer than the list', 0xc0, 'ffff0000', 'withdraw', 40),
  {
    name: 'one that was there already is longer than the list',
    code: 8,
    with: [COMMUNITY, attribute(0xc0, 8, 'ffff0000', 40)],
    ...both('withdraw'),
  },
  { name: 'one byte behind the last attribute', code: 99, with: ['c0'], ...both('withdraw') },
  { name: 'two bytes behind the last attribute', code: 99, with: ['c008'], ...both('withdraw') },
  { name: 'three bytes behind it, of a head of four', code: 99, with: ['d00800'], ...both('withdraw') },
]

export const V6 = '20 20010db8'
export const HOP6 = '20010db8000000000000000000000001'
export const reach = (value: string, flags = 0x80, claimed?: number) => attribute(flags, 14, value, claimed)
export const unreach = (value: string, flags = 0x80, claimed?: number) => attribute(flags, 15, value, claimed)
const mp = (name: string, code: number, ...rest: [string | readonly string[], Want]): Row => ({
  name,
  code,
  with: typeof rest[0] === 'string' ? [rest[0]] : rest[0],
  ...both(rest[1]),
})
export const SOUND_REACH = `0002 01 10 ${HOP6} 00 ${V6}`
const shown = (text: string) => toHex(Buffer.from(text.replaceAll(' ', ''), 'hex'))

const multiprotocolRows: readonly Row[] = [
  mp('MP_REACH_NLRI: sound', 14, reach(SOUND_REACH), 'keep'),
  mp('MP_REACH_NLRI: with a length of two bytes', 14, reach(SOUND_REACH, 0x90), 'keep'),
  mp('MP_REACH_NLRI: two addresses', 14, reach(`0002 01 20 ${HOP6} fe800000000000000000000000000001 00 ${V6}`), 'keep'),
  mp(
    'MP_REACH_NLRI: :: before a link-local address',
    14,
    reach(`0002 01 20 ${'00'.repeat(16)} fe800000000000000000000000000001 00 ${V6}`),
    'keep',
  ),
  mp('MP_REACH_NLRI: without prefixes', 14, reach(`0002 01 10 ${HOP6} 00`), 'keep'),
  mp('MP_REACH_NLRI: transitive', 14, reach(SOUND_REACH, 0xc0), 'withdraw'),
  mp('MP_REACH_NLRI: well-known', 14, reach(SOUND_REACH, 0x00), 'withdraw'),
  mp('MP_REACH_NLRI: of 0 bytes', 14, reach(''), ['reset', 9, '800e00']),
  mp('MP_REACH_NLRI: of 4 bytes', 14, reach('00020110'), ['reset', 9]),
  mp('MP_REACH_NLRI: a next hop behind its end', 14, reach('0002 01 10 20010db8'), ['reset', 9]),
  mp('MP_REACH_NLRI: no next hop', 14, reach(`0002 01 00 00 ${V6}`), ['reset', 9]),
  mp('MP_REACH_NLRI: a next hop of 4 bytes for IPv6', 14, reach(`0002 01 04 0a000001 00 ${V6}`), ['reset', 9]),
  mp('MP_REACH_NLRI: a next hop of 24 bytes', 14, reach(`0002 01 18 ${'00'.repeat(8)} ${HOP6} 00 ${V6}`), ['reset', 9]),
  mp('MP_REACH_NLRI: IPv4 behind IPv6, not agreed on', 14, reach(`0001 01 10 ${HOP6} 00 18 c63364`), ['reset', 9]),
  mp('MP_REACH_NLRI: IPv4 behind IPv4', 14, reach('0001 01 04 0a000001 00 18 c63364'), 'keep'),
  mp('MP_REACH_NLRI: a prefix of 129 bits', 14, reach(`0002 01 10 ${HOP6} 00 81 ${'00'.repeat(17)}`), ['reset', 9]),
  mp('MP_REACH_NLRI: a prefix behind its end', 14, reach(`0002 01 10 ${HOP6} 00 40 20010db8`), ['reset', 9]),
  mp('MP_REACH_NLRI: a sound prefix, and one behind its end', 14, reach(`${SOUND_REACH} 30 20`), ['reset', 9]),
  mp('MP_REACH_NLRI: the next hop ::', 14, reach(`0002 01 10 ${'00'.repeat(16)} 00 ${V6}`), 'withdraw'),
  mp('MP_REACH_NLRI: the next hop ::1', 14, reach(`0002 01 10 ${'00'.repeat(15)}01 00 ${V6}`), 'withdraw'),
  mp('MP_REACH_NLRI: the next hop ff02::1', 14, reach(`0002 01 10 ff02${'00'.repeat(13)}01 00 ${V6}`), 'withdraw'),
  mp('MP_REACH_NLRI: twice', 14, [reach(SOUND_REACH), reach(SOUND_REACH)], ['reset', 1, '']),
  mp('MP_REACH_NLRI: longer than the list', 14, reach(SOUND_REACH, 0x80, 90), ['reset', 1, '']),
  mp('MP_REACH_NLRI: of EVPN, which was not agreed on', 14, reach('0019 46 04 0a000001 00 0123456789'), 'keep'),
  mp('MP_REACH_NLRI: of 5 bytes, of EVPN', 14, reach('0019 46 00 00'), 'keep'),
  mp('MP_UNREACH_NLRI: sound', 15, unreach(`0002 01 ${V6}`), 'keep'),
  mp('MP_UNREACH_NLRI: without prefixes, beside a route', 15, unreach('0002 01'), 'keep'),
  mp('MP_UNREACH_NLRI: transitive', 15, unreach(`0002 01 ${V6}`, 0xc0), 'withdraw'),
  mp('MP_UNREACH_NLRI: of 0 bytes', 15, unreach(''), ['reset', 9, shown('80 0f 00')]),
  mp('MP_UNREACH_NLRI: of 2 bytes', 15, unreach('0002'), ['reset', 9, shown('80 0f 02 0002')]),
  mp('MP_UNREACH_NLRI: a prefix of 200 bits', 15, unreach('0002 01 c8'), ['reset', 9]),
  mp('MP_UNREACH_NLRI: a prefix behind its end', 15, unreach('0002 01 20 2001'), ['reset', 9]),
  mp('MP_UNREACH_NLRI: twice', 15, [unreach(`0002 01 ${V6}`), unreach(`0002 01 ${V6}`)], ['reset', 1, '']),
  mp('MP_UNREACH_NLRI: longer than the list', 15, unreach(`0002 01 ${V6}`, 0x80, 60), ['reset', 1, '']),
  mp('MP_UNREACH_NLRI: of VPN routes, which were not agreed on', 15, unreach('0001 80 ffff'), 'keep'),
]

/** All of them. */
export const ROWS: readonly Row[] = [
  ...soundRows,
  ...flagRows,
  ...duplicateRows,
  ...valueRows,
  ...missingRows,
  ...overrunRows,
  ...multiprotocolRows,
]

/** The attributes of a row's UPDATE: a sound set in which one is replaced, or one more. */
export function attributesOf(row: Row, peering: 'external' | 'internal'): readonly string[] {
  const sound = new Map([
    [1, ORIGIN],
    [2, row.twoOctets ? PATH_2 : PATH],
    [3, HOP],
  ])
  if (peering === 'internal') sound.set(5, PREF)
  sound.delete(row.code)
  return [...sound.values(), ...row.with]
}
