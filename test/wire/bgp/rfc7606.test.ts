import t, { type Test } from 'tap'
import { parseUpdate, type UpdateReading } from '../../../src/wire/bgp/update.ts'
import { attribute, context, prefixes, toHex, updateBody } from './build.ts'
import {
  attributesOf,
  HOP,
  HOP6,
  KEYS,
  ORIGIN,
  PATH,
  ROWS,
  type Row,
  reach,
  SENTINEL,
  SOUND_REACH,
  unreach,
  V6,
  type Want,
} from './rfc7606-rows.ts'

/**
 * Every attribute with every defect, from an external and from an internal neighbour. A route with a sound set of attributes, whose
 * prefix is the sentinel, gets one of them replaced, or one more. Then the sentinel must be announced without the attribute, or be
 * withdrawn, or the session must end with the NOTIFICATION of RFC 4271 section 6.3.
 */

for (const row of ROWS) {
  for (const peering of ['external', 'internal'] as const) {
    t.test(`${row.name} (${peering})`, async (t) => {
      const attributes = attributesOf(row, peering)
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

t.test(`${ROWS.length * 2} cases`, async (t) => t.ok(ROWS.length * 2 >= 150))

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
