import t, { type Test } from 'tap'
import { parseUpdate, type UpdateReading } from '../../../src/wire/bgp/update.ts'
import { attribute, context, prefixes, toHex, updateBody } from './build.ts'

/**
 * Every attribute with every defect, from an external and from an internal neighbour. A route with a sound set of attributes, whose
 * prefix is the sentinel, gets one of them replaced, or one more. Then the sentinel must be announced without the attribute, or be
 * withdrawn, or the session must end with the NOTIFICATION of RFC 4271 section 6.3.
 */
type Want = 'keep' | 'discard' | 'withdraw' | readonly ['reset', number, string?]

interface Row {
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

const SENTINEL = '18 c00002'
const ORIGIN = attribute(0x40, 1, '00')
const PATH = attribute(0x40, 2, '02 01 0000fde9')
const PATH_2 = attribute(0x40, 2, '02 01 fde9')
const HOP = attribute(0x40, 3, '0a000001')
const COMMUNITY = attribute(0xc0, 8, 'ffff0000')
const PREF = attribute(0x40, 5, '00000064')

/** What an attribute of each code is called in what is read; codes without a key are prefixes or next hops. */
const KEYS: Readonly<Record<number, string>> = {
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

const V6 = '20 20010db8'
const HOP6 = '20010db8000000000000000000000001'
const reach = (value: string, flags = 0x80, claimed?: number) => attribute(flags, 14, value, claimed)
const unreach = (value: string, flags = 0x80, claimed?: number) => attribute(flags, 15, value, claimed)
const mp = (name: string, code: number, ...rest: [string | readonly string[], Want]): Row => ({
  name,
  code,
  with: typeof rest[0] === 'string' ? [rest[0]] : rest[0],
  ...both(rest[1]),
})
const SOUND_REACH = `0002 01 10 ${HOP6} 00 ${V6}`
const shown = (text: string) => toHex(Buffer.from(text.replaceAll(' ', ''), 'hex'))

const multiprotocolRows: readonly Row[] = [
  mp('MP_REACH_NLRI: sound', 14, reach(SOUND_REACH), 'keep'),
  mp('MP_REACH_NLRI: with a length of two bytes', 14, reach(SOUND_REACH, 0x90), 'keep'),
  mp('MP_REACH_NLRI: two addresses', 14, reach(`0002 01 20 ${HOP6} fe800000000000000000000000000001 00 ${V6}`), 'keep'),
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

const rows = [...soundRows, ...flagRows, ...duplicateRows, ...valueRows, ...missingRows, ...overrunRows, ...multiprotocolRows]

for (const row of rows) {
  for (const peering of ['external', 'internal'] as const) {
    t.test(`${row.name} (${peering})`, async (t) => {
      const sound = new Map([
        [1, ORIGIN],
        [2, row.twoOctets ? PATH_2 : PATH],
        [3, HOP],
      ])
      if (peering === 'internal') sound.set(5, PREF)
      sound.delete(row.code)
      const attributes = [...sound.values(), ...row.with]
      const reading = parseUpdate(updateBody({ attributes, nlri: SENTINEL }), context({ peering, fourOctetAs: row.twoOctets !== true }))
      judge(t, row, reading, row[peering])
    })
  }
}

function judge(t: Test, row: Row, reading: UpdateReading, want: Want): void {
  if (typeof want !== 'string') {
    const [, subcode, evidence] = want
    if (reading.action !== 'session-reset') return void t.fail(`${reading.action} instead of a reset`)
    t.match(reading.error, { code: 3, subcode })
    if (evidence !== undefined) t.equal(toHex(reading.error.data), evidence.replaceAll(' ', ''))
    return
  }
  if (want === 'withdraw') {
    if (reading.action !== 'treat-as-withdraw') return void t.fail(`${reading.action} instead of a withdrawal`)
    t.ok(prefixes(reading.withdrawn).includes('192.0.2.0/24'), 'the sentinel is withdrawn')
    return
  }
  if (reading.action !== 'accept') return void t.fail(`${reading.action}: ${reading.defects.map(({ cause }) => cause).join()}`)
  t.ok(prefixes(reading.announced.map(({ nlri }) => nlri)).includes('192.0.2.0/24'), 'the sentinel is announced')
  const key = KEYS[row.code]
  if (want === 'discard') {
    t.match(reading.defects, [{ attribute: row.code, action: 'attribute-discard' }])
    if (key !== undefined) t.notOk(key in reading.attributes, `${key} is left out`)
  } else if (key !== undefined && row.with.length > 0) t.ok(key in reading.attributes, `${key} is kept`)
}

t.test(`${rows.length * 2} cases`, async (t) => t.ok(rows.length * 2 >= 150))

/** An UPDATE in which nothing can be reached. */
const unreachable: readonly {
  readonly name: string
  readonly attributes: readonly string[]
  readonly withdrawn?: string
  readonly want: UpdateReading['action']
}[] = [
  { name: 'attributes alone, sound', attributes: [ORIGIN, PATH], want: 'accept' },
  { name: 'attributes alone, one malformed', attributes: [attribute(0x40, 1, '07'), PATH], want: 'session-reset' },
  { name: 'attributes alone, one with wrong flags', attributes: [attribute(0xc0, 1, '00'), PATH], want: 'session-reset' },
  { name: 'attributes alone, one to be discarded', attributes: [ORIGIN, attribute(0x40, 6, '00')], want: 'accept' },
  { name: 'withdrawals and a malformed attribute', withdrawn: SENTINEL, attributes: [attribute(0x40, 1, '07')], want: 'session-reset' },
  { name: 'MP_UNREACH_NLRI and a malformed attribute', attributes: [unreach('0002 01'), attribute(0x40, 1, '07')], want: 'session-reset' },
  { name: 'MP_UNREACH_NLRI and stray bytes', attributes: [unreach(`0002 01 ${V6}`), 'c0'], want: 'session-reset' },
  { name: 'MP_UNREACH_NLRI alone with wrong flags', attributes: [unreach(`0002 01 ${V6}`, 0xc0)], want: 'treat-as-withdraw' },
  {
    name: 'MP_REACH_NLRI without prefixes, and a malformed attribute',
    attributes: [reach(`0002 01 10 ${HOP6} 00`), attribute(0x80, 4, '')],
    want: 'session-reset',
  },
  { name: 'stray bytes alone', attributes: ['c0'], want: 'session-reset' },
]
for (const { name, attributes, withdrawn = '', want } of unreachable) {
  t.test(`RFC 7606 section 5.2: ${name}`, async (t) => {
    t.equal(parseUpdate(updateBody({ attributes, withdrawn }), context()).action, want)
  })
}

const subcodes: readonly (readonly [name: string, subcode: number, data: string, attribute: string])[] = [
  ['flags', 4, 'c0010100', attribute(0xc0, 1, '00')],
  ['a length', 5, '80040100', attribute(0x80, 4, '00')],
  ['a length of an optional attribute', 5, 'c00801ff', attribute(0xc0, 8, 'ff')],
  ['ORIGIN', 6, '40010107', attribute(0x40, 1, '07')],
  ['NEXT_HOP', 8, '40030400000000', attribute(0x40, 3, '00000000')],
  ['AS_PATH, a type', 11, '', attribute(0x40, 2, '09 01 00000001')],
  ['AS_PATH, a length', 11, '', attribute(0x40, 2, '02 02 00000001')],
  ['AS_PATH, AS 0', 11, '', attribute(0x40, 2, '02 01 00000000')],
  ['the list', 1, '', 'c008'],
]
for (const [name, subcode, data, broken] of subcodes) {
  t.test(`the NOTIFICATION of a defect that cannot be withdrawn: ${name}`, async (t) => {
    const reading = parseUpdate(updateBody({ attributes: [broken] }), context())
    if (reading.action !== 'session-reset') return t.fail(reading.action)
    const { error } = reading
    t.same([error.code, error.subcode, toHex(error.data)], [3, subcode, data])
    return undefined
  })
}

t.test('NEXT_HOP counts with the field NLRI only', async (t) => {
  const broken = attribute(0x40, 3, '0a')
  const beside = parseUpdate(updateBody({ attributes: [reach(SOUND_REACH), ORIGIN, PATH, broken] }), context())
  t.match(beside, { action: 'accept', defects: [{ attribute: 3, action: 'attribute-discard' }] })
  t.match(parseUpdate(updateBody({ attributes: [reach(SOUND_REACH), ORIGIN, PATH] }), context()), { action: 'accept', defects: [] })
})

t.test('the gravest defect counts, and a discarded one beside it is told too', async (t) => {
  const both = [ORIGIN, PATH, HOP, attribute(0x40, 6, '00'), attribute(0x80, 4, '00')]
  const reading = parseUpdate(updateBody({ attributes: both, nlri: SENTINEL }), context())
  t.match(reading, { action: 'treat-as-withdraw', defects: [{ attribute: 6 }, { attribute: 4 }] })
  const fatal = parseUpdate(updateBody({ attributes: [...both, attribute(0x40, 200, '')], nlri: SENTINEL }), context())
  t.match(fatal, { action: 'session-reset', error: { code: 3, subcode: 2 } })
})

const fields: readonly { readonly name: string; readonly body: Uint8Array; readonly subcode: number }[] = [
  { name: 'Withdrawn Routes ends behind the message', body: updateBody({ withdrawnLength: 1 }), subcode: 1 },
  { name: 'Path Attributes ends behind the message', body: updateBody({ attributesLength: 1 }), subcode: 1 },
  { name: 'lengths of 65535', body: updateBody({ withdrawnLength: 0xffff, attributesLength: 0xffff }), subcode: 1 },
  { name: 'a body of 0 bytes', body: new Uint8Array(0), subcode: 1 },
  { name: 'a withdrawn prefix of 33 bits', body: updateBody({ withdrawn: '21 c000020100' }), subcode: 10 },
  { name: 'a withdrawn prefix behind its field', body: updateBody({ withdrawn: '18 c000' }), subcode: 10 },
  { name: 'a prefix of 33 bits', body: updateBody({ attributes: [ORIGIN, PATH, HOP], nlri: '21 c000020100' }), subcode: 10 },
  { name: 'a prefix behind the message', body: updateBody({ attributes: [ORIGIN, PATH, HOP], nlri: '18 c000' }), subcode: 10 },
]
for (const { name, body, subcode } of fields) {
  t.test(`resets the session: ${name}`, async (t) => {
    t.match(parseUpdate(body, context()), { action: 'session-reset', error: { code: 3, subcode } })
  })
}

t.test('routes of a family that was not agreed on are left out', async (t) => {
  const only6 = context({ families: { IPv6: { pathIds: false, extendedNextHop: false } } })
  const reading = parseUpdate(updateBody({ withdrawn: SENTINEL, attributes: [ORIGIN, PATH, HOP], nlri: SENTINEL }), only6)
  t.match(reading, { action: 'accept', withdrawn: [], announced: [], defects: [{ kind: 'not-negotiated' }] })
})

t.test('End-of-RIB is an UPDATE with nothing else in it', async (t) => {
  const end = (body: Uint8Array, session = context()) => {
    const reading = parseUpdate(body, session)
    return reading.action === 'accept' ? reading.endOfRib : reading.action
  }
  const only6 = context({ families: { IPv6: { pathIds: false, extendedNextHop: false } } })
  t.equal(end(updateBody({})), 'IPv4')
  t.equal(end(updateBody({ attributes: [unreach('0002 01')] })), 'IPv6')
  t.equal(end(updateBody({ attributes: [unreach('0001 01')] })), 'IPv4', 'of IPv4 in the form of the other families')
  t.equal(end(updateBody({ attributes: [unreach('0002 01'), ORIGIN] })), undefined)
  t.equal(end(updateBody({ attributes: [unreach(`0002 01 ${V6}`)] })), undefined)
  t.equal(end(updateBody({ attributes: [unreach('0001 80')] })), undefined, 'of a family that was not agreed on')
  t.equal(end(updateBody({ attributes: [unreach('0002 01')], withdrawn: SENTINEL })), undefined)
  t.equal(end(updateBody({ withdrawn: SENTINEL })), undefined)
  t.equal(end(updateBody({}), only6), undefined)
  t.match(parseUpdate(updateBody({}), only6), { action: 'accept', defects: [] })
  t.equal(parseUpdate(updateBody({}), only6).defects.length, 0)
})
