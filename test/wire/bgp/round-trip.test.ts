import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Family } from '../../../src/addr/ip.ts'
import { ATTRIBUTES } from '../../../src/wire/bgp/attributes/table.ts'
import { EXTENDED_MESSAGE_MAX, MESSAGE_MAX, parseFrame } from '../../../src/wire/bgp/header.ts'
import { checkNlri, entriesOf } from '../../../src/wire/bgp/nlri.ts'
import { parseNotification } from '../../../src/wire/bgp/notification.ts'
import { parseOpen, serializeOpen } from '../../../src/wire/bgp/open.ts'
import { parseRouteRefresh } from '../../../src/wire/bgp/route-refresh.ts'
import { parseUpdate, type UpdateReading } from '../../../src/wire/bgp/update.ts'
import { packRoutes, packWithdrawals } from '../../../src/wire/bgp/update-pack.ts'
import { attributesIn, contexts, entriesIn, nextHopsIn, opens } from './arbitrary.ts'
import { context, hex, value } from './build.ts'

t.test('an OPEN is read as it was written', async (t) => {
  fc.assert(
    fc.property(opens, (open) => {
      const frame = value(parseFrame(serializeOpen(open), MESSAGE_MAX))
      assert.deepEqual(value(parseOpen(frame?.body ?? new Uint8Array(0))), open)
    }),
    { numRuns: 300 },
  )
  t.pass('300 messages')
})

/** One session, and routes of one attribute set for it. */
const routes = fc
  .tuple(contexts, fc.constantFrom<Family>('IPv4', 'IPv6'), fc.constantFrom(1200, MESSAGE_MAX))
  .chain(([session, family, longest]) =>
    fc.record({
      session: fc.constant(session),
      family: fc.constant(family),
      longest: fc.constant(longest),
      attributes: attributesIn(session),
      nextHop: nextHopsIn(family, session),
      entries: entriesIn(family, session.families[family]?.pathIds ?? false, 120),
    }),
  )

const bodyOf = (message: Uint8Array, longest: number): Uint8Array => {
  const frame = value(parseFrame(message, longest))
  assert.equal(frame?.type, 'update')
  assert.equal(frame?.length, message.length)
  return frame?.body ?? new Uint8Array(0)
}

t.test('routes are read as they were packed: attributes, next hops, prefixes and their order', async (t) => {
  let packed = 0
  fc.assert(
    fc.property(routes, ({ session, longest, entries, ...set }) => {
      const messages = packRoutes({ ...set, entries }, session, longest)
      if (!messages.ok) return
      const found = [...messages.value].flatMap((message) => {
        packed++
        const reading = parseUpdate(bodyOf(message, longest), session)
        assert.equal(reading.action, 'accept', JSON.stringify(reading.defects))
        const { announced, attributes, withdrawn, defects } = reading as Extract<UpdateReading, { action: 'accept' }>
        assert.deepEqual({ withdrawn, defects, attributes }, { withdrawn: [], defects: [], attributes: set.attributes })
        return announced.flatMap(({ nextHop, nlri }) => {
          assert.deepEqual(nextHop, set.nextHop)
          return [...entriesOf(nlri)]
        })
      })
      assert.deepEqual(found, entries)
    }),
    { numRuns: 400 },
  )
  t.ok(packed > 400, `${packed} messages`)
})

t.test('withdrawals likewise', async (t) => {
  fc.assert(
    fc.property(routes, ({ session, family, longest, entries }) => {
      const found = [...packWithdrawals(family, entries, session, longest)].flatMap((message) => {
        const reading = parseUpdate(bodyOf(message, longest), session)
        assert.equal(reading.action, 'accept')
        const { announced, withdrawn, endOfRib } = reading as Extract<UpdateReading, { action: 'accept' }>
        assert.deepEqual({ announced, endOfRib }, { announced: [], endOfRib: undefined })
        return withdrawn.flatMap((nlri) => [...entriesOf(nlri)])
      })
      assert.deepEqual(found, entries)
    }),
    { numRuns: 200 },
  )
  t.pass('200 lists')
})

t.test('MP_REACH_NLRI and MP_UNREACH_NLRI are written as they were read, those of other families without what they carry', async (t) => {
  const session = context()
  const hop = '20010db8000000000000000000000001'
  const { mpReach, mpUnreach } = ATTRIBUTES
  const reach = hex(`0002 01 10 ${hop} 00 20 20010db8 80 ${hop}`)
  const unreach = hex(`0002 01 20 20010db8 80 ${hop}`)
  t.same(mpReach.write(value(mpReach.read(reach, session)), session), reach)
  t.same(mpUnreach.write(value(mpUnreach.read(unreach, session)), session), unreach)
  t.same(mpReach.write(value(mpReach.read(hex('0019 46 04 0a000001 00 0102'), session)), session), hex('0019 46 00 00'))
  t.same(mpUnreach.write(value(mpUnreach.read(hex('0001 80 0102'), session)), session), hex('0001 80'))
})

/** Random bytes, sound messages, and sound messages with a few bytes changed, cut or put in: the last find the checks behind the first. */
const nearly = routes.chain(({ session, longest, entries, ...set }) => {
  const messages = packRoutes({ ...set, entries: entries.slice(0, 4) }, session, longest)
  const body = messages.ok ? ([...messages.value][0] ?? new Uint8Array(0)).subarray(19) : new Uint8Array(0)
  const flip = fc.array(fc.tuple(fc.nat(Math.max(body.length - 1, 0)), fc.nat(255)), { minLength: 1, maxLength: 4 }).map((changes) => {
    const copy = body.slice()
    for (const [at, byte] of changes) copy[at] = byte
    return copy
  })
  const cut = fc.nat(body.length).map((length) => body.slice(0, length))
  return fc.tuple(fc.constant(session), fc.oneof(fc.uint8Array({ maxLength: 120 }), flip, flip, cut))
})

/** The same bytes in the middle of others: whoever reads past an end finds something else there. */
function surrounded(bytes: Uint8Array, filling: number): Uint8Array {
  const around = new Uint8Array(bytes.length + 64).fill(filling)
  around.set(bytes, 32)
  return around.subarray(32, 32 + bytes.length)
}

/** Everything that a reading holds, decoded. */
const decoded = (reading: UpdateReading): unknown => {
  if (reading.action === 'session-reset') return reading
  const withdrawn = reading.withdrawn.map((nlri) => [...entriesOf(nlri)])
  if (reading.action === 'treat-as-withdraw') return { ...reading, withdrawn }
  return { ...reading, withdrawn, announced: reading.announced.map(({ nextHop, nlri }) => ({ nextHop, entries: [...entriesOf(nlri)] })) }
}

t.test('no bytes make an UPDATE throw, or be read past its end', async (t) => {
  const seen = { accept: 0, 'treat-as-withdraw': 0, 'session-reset': 0 }
  fc.assert(
    fc.property(nearly, ([session, bytes]) => {
      const reading = parseUpdate(surrounded(bytes, 0xff), session)
      assert.deepEqual(decoded(reading), decoded(parseUpdate(surrounded(bytes, 0x00), session)))
      seen[reading.action]++
      if (reading.action === 'session-reset') assert.equal(reading.error.code, 3)
    }),
    { numRuns: 2000 },
  )
  for (const [action, count] of Object.entries(seen)) t.ok(count > 20, `${action}: ${count}`)
})

t.test('nor any other message or attribute', async (t) => {
  const session = context({
    families: { IPv4: { pathIds: true, extendedNextHop: true }, IPv6: { pathIds: false, extendedNextHop: false } },
  })
  const parsers: ((bytes: Uint8Array) => unknown)[] = [
    (bytes) => parseFrame(bytes, EXTENDED_MESSAGE_MAX),
    (bytes) => parseFrame(new Uint8Array([...new Uint8Array(16).fill(0xff), ...bytes]), MESSAGE_MAX),
    parseOpen,
    parseNotification,
    parseRouteRefresh,
    (bytes) => checkNlri(bytes, 'IPv4', true),
    (bytes) => checkNlri(bytes, 'IPv6', false),
    ...Object.values(ATTRIBUTES).map((codec) => (bytes: Uint8Array) => codec.read(bytes, session)),
  ]
  const nearlyOpen = fc.tuple(opens, fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 3 })).map(([open, changes]) => {
    const body = serializeOpen(open).slice(19)
    for (const [at, byte] of changes) if (at < body.length) body[at] = byte
    return body
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), nearlyOpen), (bytes) => {
      for (const parse of parsers) assert.deepEqual(parse(surrounded(bytes, 0xff)), parse(surrounded(bytes, 0x00)))
    }),
    { numRuns: 500 },
  )
  t.pass(`${parsers.length} parsers`)
})
