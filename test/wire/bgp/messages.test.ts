import t from 'tap'
import { EXTENDED_MESSAGE_MAX, type Frame, MESSAGE_MAX, parseFrame, serializeFrame } from '../../../src/wire/bgp/header.ts'
import { familyName } from '../../../src/wire/bgp/iana.ts'
import {
  hardReset,
  hardResetReason,
  notificationName,
  parseNotification,
  prefixLimit,
  prefixLimitNotification,
  serializeNotification,
  shutdownNotification,
  shutdownText,
} from '../../../src/wire/bgp/notification.ts'
import { parseOpen, serializeOpen } from '../../../src/wire/bgp/open.ts'
import { parseRouteRefresh } from '../../../src/wire/bgp/route-refresh.ts'
import { hex, toHex, value } from './build.ts'

const MARKER = 'ff'.repeat(16)

const headers: readonly { readonly name: string; readonly bytes: string; readonly longest?: number; readonly want: object }[] = [
  { name: 'a marker that is not all ones', bytes: `${'ff'.repeat(15)}fe 0013 04`, want: { code: 1, subcode: 1 } },
  { name: 'the first byte alone, of another protocol', bytes: '47', want: { code: 1, subcode: 1 } },
  { name: 'a length of 18', bytes: `${MARKER} 0012 04`, want: { code: 1, subcode: 2, data: hex('0012') } },
  { name: 'a length of 0', bytes: `${MARKER} 0000 04`, want: { code: 1, subcode: 2, data: hex('0000') } },
  { name: 'a length of 4097 unless agreed on', bytes: `${MARKER} 1001 02`, want: { code: 1, subcode: 2, data: hex('1001') } },
  { name: 'an OPEN of 28', bytes: `${MARKER} 001c 01`, want: { code: 1, subcode: 2, data: hex('001c') } },
  { name: 'an OPEN of 4097, agreed on or not', bytes: `${MARKER} 1001 01`, longest: EXTENDED_MESSAGE_MAX, want: { code: 1, subcode: 2 } },
  { name: 'an UPDATE of 22', bytes: `${MARKER} 0016 02`, want: { code: 1, subcode: 2 } },
  { name: 'a NOTIFICATION of 20', bytes: `${MARKER} 0014 03`, want: { code: 1, subcode: 2 } },
  { name: 'a KEEPALIVE of 20', bytes: `${MARKER} 0014 04 00`, want: { code: 1, subcode: 2 } },
  { name: 'a ROUTE-REFRESH of 22', bytes: `${MARKER} 0016 05`, want: { code: 1, subcode: 2 } },
  { name: 'the type 0', bytes: `${MARKER} 0013 00`, want: { code: 1, subcode: 3, data: hex('00') } },
  { name: 'the type 6', bytes: `${MARKER} 0013 06`, want: { code: 1, subcode: 3, data: hex('06') } },
]
for (const { name, bytes, longest = MESSAGE_MAX, want } of headers) {
  t.test(`refuses ${name}`, async (t) => {
    t.match(parseFrame(hex(bytes), longest), { ok: false, error: want })
  })
}

t.test('a message comes in pieces, and behind it the next one', async (t) => {
  const update = serializeFrame('update', hex('00000000'))
  const stream = new Uint8Array([...update, ...serializeFrame('keepalive', new Uint8Array(0))])
  for (let end = 0; end < update.length; end++) t.same(parseFrame(stream.subarray(0, end), MESSAGE_MAX), { ok: true, value: undefined })
  const frame = value(parseFrame(stream, MESSAGE_MAX)) as Frame
  t.match(frame, { type: 'update', length: 23, body: hex('00000000') })
  t.match(parseFrame(stream.subarray(frame.length), MESSAGE_MAX), { ok: true, value: { type: 'keepalive', length: 19 } })
})

t.test('extended messages are read where they were agreed on, and none is written that no message can be', async (t) => {
  const bytes = serializeFrame('update', new Uint8Array(EXTENDED_MESSAGE_MAX - 19))
  t.match(parseFrame(bytes, EXTENDED_MESSAGE_MAX), { ok: true, value: { length: 65_535 } })
  t.match(parseFrame(bytes, MESSAGE_MAX), { ok: false, error: { code: 1, subcode: 2 } })
  t.throws(() => serializeFrame('update', new Uint8Array(EXTENDED_MESSAGE_MAX - 18)), RangeError)
})

const FIXED = '04 fde9 005a 0a000001'
const opens: readonly { readonly name: string; readonly body: string; readonly want: object }[] = [
  { name: 'version 3', body: '03 fde9 005a 0a000001 00', want: { subcode: 1, data: hex('0004') } },
  { name: 'AS 0', body: '04 0000 005a 0a000001 00', want: { subcode: 2 } },
  { name: 'AS 0 in the capability', body: `${FIXED} 08 02 06 41 04 00000000`, want: { subcode: 2 } },
  { name: 'the identifier 0.0.0.0', body: '04 fde9 005a 00000000 00', want: { subcode: 3 } },
  { name: 'the parameter of authentication', body: `${FIXED} 03 01 01 00`, want: { subcode: 4 } },
  { name: 'a hold time of 1 s', body: '04 fde9 0001 0a000001 00', want: { subcode: 6 } },
  { name: 'a hold time of 2 s', body: '04 fde9 0002 0a000001 00', want: { subcode: 6 } },
  { name: 'fewer parameters than their length', body: `${FIXED} 04 02 00`, want: { subcode: 0 } },
  { name: 'bytes behind the parameters', body: `${FIXED} 00 02`, want: { subcode: 0 } },
  { name: 'a parameter behind the message', body: `${FIXED} 04 02 06 02 00`, want: { subcode: 0 } },
  { name: 'half the head of a parameter', body: `${FIXED} 01 02`, want: { subcode: 0 } },
  { name: 'a capability behind its parameter', body: `${FIXED} 04 02 02 41 04`, want: { subcode: 0 } },
  { name: 'half the head of a capability', body: `${FIXED} 03 02 01 41`, want: { subcode: 0 } },
  { name: 'extended parameters without their length', body: `${FIXED} 01 ff`, want: { subcode: 0 } },
  { name: 'extended parameters of another length', body: `${FIXED} ff ff 0006 02 0002 02 00`, want: { subcode: 0 } },
]
for (const { name, body, want } of opens) {
  t.test(`refuses an OPEN with ${name}`, async (t) => {
    t.match(parseOpen(hex(body)), { ok: false, error: { code: 2, ...want } })
  })
}

const misshapen: readonly (readonly [name: string, code: number, value: string])[] = [
  ['multiprotocol of 3 bytes', 1, '000101'],
  ['route refresh with a value', 2, '00'],
  ['extended next hop of 5 bytes', 5, '0001000100'],
  ['extended message with a value', 6, '00'],
  ['a role of 2 bytes', 9, '0000'],
  ['graceful restart of 1 byte', 64, '00'],
  ['graceful restart with half a family', 64, '00780001'],
  ['four-octet AS of 2 bytes', 65, 'fde9'],
  ['add-path of 3 bytes', 69, '000101'],
  ['add-path with the mode 0', 69, '00010100'],
  ['add-path with a sound mode and the mode 4', 69, '0001010100020104'],
  ['enhanced route refresh with a value', 70, '00'],
  ['long-lived graceful restart of 6 bytes', 71, '000101800000'],
  ['a name behind its end', 73, '0561'],
  ['a name that is not UTF-8', 73, '01ff00'],
  ['no names at all', 73, ''],
]
for (const [name, code, text] of misshapen) {
  t.test(`takes no notice of the capability ${name}`, async (t) => {
    const { length } = hex(text)
    const capability = Buffer.from([2, length + 2, code, length]).toString('hex') + text
    const body = `${FIXED} ${(length + 4).toString(16).padStart(2, '0')} ${capability}`
    t.same(value(parseOpen(hex(body))).capabilities, [{ kind: 'unknown', code, value: hex(text) }])
  })
}

t.test('parameters that need more than 255 bytes are written as RFC 9072 has it, and 253 are not', async (t) => {
  const open = (length: number) => ({
    as: 65001,
    holdSeconds: 90,
    routerId: 1,
    capabilities: [{ kind: 'unknown', code: 200, value: new Uint8Array(length) }] as const,
  })
  const short = serializeOpen(open(250))
  t.equal(toHex(short.subarray(28, 33)), 'fe02fcc8fa')
  t.same(value(parseOpen(short.subarray(19))), open(250))
  const long = serializeOpen(open(251))
  t.equal(toHex(long.subarray(28, 37)), 'ffff01000200fdc8fb')
  t.same(value(parseOpen(long.subarray(19))), open(251))
  t.throws(() => serializeOpen(open(256)), RangeError)
})

t.test('an AS that the OPEN cannot carry is a bug of the caller', async (t) => {
  const open = { as: 65536, holdSeconds: 90, routerId: 1, capabilities: [] }
  t.throws(() => serializeOpen(open), RangeError)
  t.throws(() => serializeOpen({ ...open, as: 65001, capabilities: [{ kind: 'four-octet-as', as: 65002 }] }), RangeError)
  t.throws(() => serializeOpen({ ...open, as: 1, holdSeconds: 70000 }), RangeError)
  const families = [{ afi: 1, safi: 1, preserved: true }]
  const restart = { kind: 'graceful-restart', restarting: false, notification: false, restartSeconds: 4096, families } as const
  t.throws(() => serializeOpen({ ...open, as: 1, capabilities: [restart] }), RangeError)
  const stale = { kind: 'long-lived-graceful-restart', families: [{ afi: 1, safi: 1, preserved: true, staleSeconds: 0x1000000 }] } as const
  t.throws(() => serializeOpen({ ...open, as: 1, capabilities: [stale] }), RangeError)
})

t.test('RFC 9003: what is wrong with a text changes nothing else', async (t) => {
  const cease = (data: string, subcode = 2) => shutdownText({ code: 6, subcode, data: hex(data) })
  t.same(cease('03 616263'), { ok: true, value: 'abc' })
  t.same(cease('03 616263', 4), { ok: true, value: 'abc' })
  t.same(cease('02 616263'), { ok: true, value: 'ab' })
  t.same(cease(''), { ok: true, value: undefined })
  t.same(cease('00'), { ok: true, value: undefined })
  t.same(cease('03 616263', 3), { ok: true, value: undefined }, 'other subcodes have none')
  t.match(cease('04 616263'), { ok: false, error: { code: 'TRUNCATED', need: 4, have: 3 } })
  t.match(cease('02 c3 28'), { ok: false, error: { code: 'BAD_FIELD', field: 'UTF-8' } })
  t.match(cease('03 eda080'), { ok: false }, 'half of a surrogate pair')
  t.match(cease('02 c080'), { ok: false }, 'an overlong form')
})

t.test('a text is cut to 255 bytes between two characters', async (t) => {
  const notification = shutdownNotification('administrativeReset', `a${'ü'.repeat(200)}`)
  t.equal(notification.data.length, 256)
  t.equal(value(shutdownText(notification)), `a${'ü'.repeat(127)}`)
  const odd = shutdownNotification('administrativeShutdown', 'ü'.repeat(200))
  t.equal(value(shutdownText(odd)), 'ü'.repeat(127))
})

t.test('a hard reset carries its reason', async (t) => {
  const reason = { code: 6, subcode: 3, data: hex('0102') }
  t.same(hardResetReason(hardReset(reason)), reason)
  t.equal(hardResetReason(reason), undefined)
  t.equal(hardResetReason({ code: 6, subcode: 9, data: hex('06') }), undefined)
})

t.test('evidence that is longer than a message is cut', async (t) => {
  const long = parseRouteRefresh(Uint8Array.from({ length: EXTENDED_MESSAGE_MAX - 19 }, (_, at) => (at === 2 ? 1 : 0)))
  if (long.ok) return t.fail('a BoRR of 65535 bytes is refused')
  t.equal(long.error.data.length, EXTENDED_MESSAGE_MAX)
  const message = serializeNotification(long.error)
  t.match(parseFrame(message, MESSAGE_MAX), { ok: true, value: { type: 'notification', length: MESSAGE_MAX } })
  return undefined
})

t.test('the limit of prefixes is told with its family', async (t) => {
  t.same(prefixLimit(prefixLimitNotification(2, 1, 1_000_000)), { afi: 2, safi: 1, limit: 1_000_000 })
  t.equal(prefixLimit({ code: 6, subcode: 1, data: hex('0002') }), undefined)
  t.equal(prefixLimit({ code: 4, subcode: 0, data: hex('000201000003e8') }), undefined)
})

/** All subcodes that have a name, in their order; those between them have none. */
const registered: readonly (readonly [code: number, names: readonly string[]])[] = [
  [1, ['1 Connection Not Synchronized', '2 Bad Message Length', '3 Bad Message Type']],
  [
    2,
    [
      '1 Unsupported Version Number',
      '2 Bad Peer AS',
      '3 Bad BGP Identifier',
      '4 Unsupported Optional Parameter',
      '6 Unacceptable Hold Time',
      '7 Unsupported Capability',
      '11 Role Mismatch',
    ],
  ],
  [
    3,
    [
      '1 Malformed Attribute List',
      '2 Unrecognized Well-known Attribute',
      '3 Missing Well-known Attribute',
      '4 Attribute Flags Error',
      '5 Attribute Length Error',
      '6 Invalid ORIGIN Attribute',
      '8 Invalid NEXT_HOP Attribute',
      '9 Optional Attribute Error',
      '10 Invalid Network Field',
      '11 Malformed AS_PATH',
    ],
  ],
  [
    6,
    [
      '1 Maximum Number of Prefixes Reached',
      '2 Administrative Shutdown',
      '3 Peer De-configured',
      '4 Administrative Reset',
      '5 Connection Rejected',
      '6 Other Configuration Change',
      '7 Connection Collision Resolution',
      '8 Out of Resources',
      '9 Hard Reset',
      '10 BFD Down',
    ],
  ],
]
for (const [code, wanted] of registered) {
  t.test(`the subcodes of ${notificationName({ code, subcode: 0 })}`, async (t) => {
    const found = Array.from({ length: 256 }, (_, subcode) => `${subcode} ${notificationName({ code, subcode }).split('/')[1]}`)
    t.same(
      found.slice(1).filter((name) => !/^(\d+) subcode \1$/.test(name)),
      wanted,
    )
  })
}

const names: readonly (readonly [code: number, subcode: number, name: string])[] = [
  [1, 1, 'Message Header Error/Connection Not Synchronized'],
  [2, 11, 'OPEN Message Error/Role Mismatch'],
  [3, 11, 'UPDATE Message Error/Malformed AS_PATH'],
  [4, 0, 'Hold Timer Expired'],
  [5, 3, 'Finite State Machine Error/in Established'],
  [6, 10, 'Cease/BFD Down'],
  [6, 99, 'Cease/subcode 99'],
  [7, 1, 'ROUTE-REFRESH Message Error/Invalid Message Length'],
  [8, 0, 'Send Hold Timer Expired'],
  [42, 1, 'error 42/subcode 1'],
]
t.test('codes have their registered names', async (t) => {
  for (const [code, subcode, name] of names) t.equal(notificationName({ code, subcode }), name)
  t.equal(familyName(2, 1), 'IPv6 unicast')
  t.equal(familyName(25, 70), 'AFI 25 SAFI 70')
  t.same(parseNotification(hex('06')), { ok: false, error: { code: 'TRUNCATED', at: 0, need: 2, have: 1 } })
})

t.test('ROUTE-REFRESH: subtypes and lengths', async (t) => {
  t.same(parseRouteRefresh(hex('0001 03 01')), { ok: true, value: undefined }, 'an unknown subtype is ignored')
  t.same(parseRouteRefresh(hex('0001 ff 01')), { ok: true, value: undefined })
  const begin = parseRouteRefresh(hex('0001 01 01 00'))
  t.match(begin, { ok: false, error: { code: 7, subcode: 1, data: serializeFrame('routeRefresh', hex('0001 01 01 00')) } })
  t.match(parseRouteRefresh(hex('0001 02 01 0000')), { ok: false, error: { code: 7, subcode: 1 } })
  t.match(parseRouteRefresh(hex('0001 00 01 0000')), { ok: false, error: { code: 1, subcode: 2, data: hex('0019') } })
})
