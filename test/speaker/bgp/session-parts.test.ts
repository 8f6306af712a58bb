/** The pure parts of a session: what new settings ask, what failures are called, timers. */
import t from 'tap'
import type { EndReason } from '../../../src/speaker/bgp/fsm-actions.ts'
import { BLIND, causeOf, type ErrorSight, PEER_ERROR_CODES } from '../../../src/speaker/bgp/peer-error.ts'
import { settingsChange } from '../../../src/speaker/bgp/session-changes.ts'
import { createNamedTimers } from '../../../src/speaker/bgp/session-timers.ts'
import { segmentDropsOf } from '../../../src/speaker/io/bgp-segment-drops.ts'
import { hardReset, shutdownNotification } from '../../../src/wire/bgp/notification.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { type PeerText, peerOf } from '../support/bgp-settings.ts'

const BASE: PeerText = { remote: '192.0.2.1', gracefulRestart: { restartSec: 60, notification: true, longLivedSec: undefined } }

t.test('what new settings ask of a session', async (t) => {
  const cases: readonly [string, Partial<PeerText>, ReturnType<typeof settingsChange>][] = [
    ['nothing', {}, 'nothing'],
    ['password', { password: 'x' }, 'soft'],
    ['hold time', { holdMs: 30_000 }, 'soft'],
    ['connect retry', { connectRetryMs: 9 }, 'soft'],
    ['advertisement interval', { advertisementMs: 9 }, 'soft'],
    ['next hops', { nextHop: 'nodes' }, 'soft'],
    ['BFD', { bfd: {} }, 'soft'],
    ['passive', { passive: true }, 'soft'],
    ['down', { adminDown: true }, 'soft'],
    ['AS that is the peer’s', { expectedAs: 'external' }, 'soft'],
    ['AS that is not', { expectedAs: 65_009 }, 'reset'],
    ['our AS', { localAs: 65_009 }, 'reset'],
    ['router id', { routerId: '10.0.0.9' }, 'reset'],
    ['families', { families: ['IPv4'] }, 'reset'],
    ['several paths', { addPathSend: 2 }, 'reset'],
    ['role', { role: 'customer' }, 'reset'],
    ['restart time', { gracefulRestart: { restartSec: 61, notification: true, longLivedSec: undefined } }, 'reset'],
    ['local address', { localAddress: '192.0.2.2' }, 'reset'],
    ['device', { device: 'eth1' }, 'reset'],
    ['TTL', { ttl: 255 }, 'reset'],
    ['least TTL', { leastTtl: 255 }, 'reset'],
    ['another router', { remote: '192.0.2.3' }, 'replace'],
    ['another port', { port: 1790 }, 'replace'],
  ]
  for (const [name, over, want] of cases)
    t.equal(settingsChange(peerOf(BASE), peerOf({ ...BASE, name: '192.0.2.1', ...over }), 65_000), want, name)
  t.equal(settingsChange(peerOf(BASE), peerOf({ ...BASE, expectedAs: 65_009 }), undefined), 'soft', 'no session yet')
})

const sent = (code: number, subcode = 0, data = new Uint8Array(0)): EndReason => ({ kind: 'notification-sent', code, subcode, data })
const received = (code: number, subcode = 0, data: Uint8Array = new Uint8Array(0)): EndReason => ({
  kind: 'notification-received',
  code,
  subcode,
  data,
})
const failed = (cause: string): EndReason => ({ kind: 'tcp-failed', cause })

t.test('every failure has a name, a sentence and a cure', async (t) => {
  const goodbye = shutdownNotification('administrativeShutdown', 'maintenance')
  const cases: readonly [EndReason, Partial<ErrorSight>, Partial<PeerText>, string, RegExp][] = [
    [failed('ECONNREFUSED'), {}, {}, 'refused', /192\.0\.2\.1 port 179 refuses/],
    [failed('EHOSTUNREACH'), {}, { ttl: 1 }, 'unreachable', /no way/],
    [failed('silence'), {}, {}, 'timeout', /does not answer/],
    [failed('ETIMEDOUT'), {}, { password: 'x' }, 'md5', /signed/],
    [failed('silence'), { md5Drops: 3 }, {}, 'md5', /MD5 signature/],
    [failed('silence'), { ttlDrops: 3 }, { leastTtl: 255 }, 'ttl', /TTL below 255/],
    [failed('mute'), {}, {}, 'timeout', /no OPEN/],
    [failed('mute'), { ttlDrops: 1, wasConnected: true }, { leastTtl: 255 }, 'ttl', /TTL below 255/],
    [failed('unconfirmed'), {}, { ttl: 1 }, 'ttl', /takes nothing/],
    [failed('unconfirmed'), {}, { ttl: 255 }, 'timeout', /takes nothing/],
    [failed('uncalled'), {}, { passive: true }, 'timeout', /has not called/],
    [failed('ETIMEDOUT'), { wasConnected: true }, {}, 'lost', /lost/],
    [failed('EADDRNOTAVAIL'), {}, {}, 'local-address', /local address/],
    [failed('ENODEV'), {}, { device: 'vrf9' }, 'device', /vrf9/],
    [failed('EPERM'), {}, {}, 'permission', /permit/],
    [failed('no-router'), {}, { remote: 'interface:eth9' }, 'no-router', /No router was seen on eth9/],
    [failed('ECONNRESET'), { wasConnected: true }, {}, 'lost', /ECONNRESET/],
    [failed('EOF'), {}, {}, 'lost', /without a word/],
    [failed('rekeyed'), {}, {}, 'configuration', /password was changed/],
    [sent(2, 2), { peerAs: 65_007 }, {}, 'as', /AS 65007, and AS 65000 was expected/],
    [sent(2, 3), { peerRouterId: 0x0a00_0001 }, {}, 'router-id', /10\.0\.0\.1/],
    [sent(2, 11), { detail: 'both are peers' }, {}, 'role', /both are peers/],
    [sent(2, 7), {}, {}, 'families', /address families/],
    [sent(2, 6), {}, {}, 'hold-time', /hold time/],
    [sent(2, 4), { detail: 'odd' }, {}, 'open', /odd/],
    [sent(3, 1), { detail: 'odd' }, {}, 'message', /Malformed Attribute List: odd/],
    [{ kind: 'unexpected', event: 'UpdateMsg' }, {}, {}, 'message', /UpdateMsg/],
    [sent(4), { holdMs: 9000 }, {}, 'hold', /hold time of 9 s/],
    [sent(4), { holdMs: 9000, md5Drops: 1 }, {}, 'hold', /MD5/],
    [sent(4), {}, {}, 'timeout', /no OPEN/],
    [sent(8), {}, {}, 'send-hold', /no byte/],
    [sent(6, 10), {}, {}, 'bfd', /BFD/],
    [sent(6, 6), {}, {}, 'configuration', /settings/],
    [received(2, 2), {}, {}, 'notification-received', /OPEN Message Error\/Bad Peer AS/],
    [received(goodbye.code, goodbye.subcode, goodbye.data), {}, {}, 'notification-received', /"maintenance"/],
    [{ kind: 'notification-received', ...hardReset(goodbye) }, {}, {}, 'notification-received', /hard reset.*"maintenance"/],
  ]
  for (const [reason, sight, over, code, message] of cases) {
    const cause = causeOf(reason, peerOf({ remote: '192.0.2.1', ...over }), { ...BLIND, ...sight })
    t.equal(cause?.code, code, JSON.stringify(reason))
    t.match(cause?.message, message)
    t.ok((cause?.cure.length ?? 0) > 10 && !/undefined/.test(`${cause?.message}${cause?.cure}`), `${cause?.message} ${cause?.cure}`)
  }
  const heldBy = (ttl: number) => causeOf(sent(4), peerOf({ ...BASE, ttl }), { ...BLIND, holdMs: 9000 })?.cure ?? ''
  t.match(heldBy(1), /TTL security/, 'a router that demands it lets a session come up, and die')
  t.notMatch(heldBy(255), /TTL/)
  t.same(
    PEER_ERROR_CODES.filter((code) => code !== 'internal' && !cases.some((one) => one[3] === code)),
    [],
    'each of them can come to be; internal ones are of no reason',
  )
  for (const quiet of [
    sent(6, 7),
    received(6, 7),
    sent(6, 2),
    sent(6, 3),
    { kind: 'collision' },
    { kind: 'stopped' },
    { kind: 'replaced' },
  ] as const)
    t.equal(causeOf(quiet, peerOf(BASE), BLIND), undefined, JSON.stringify(quiet))
})

t.test('timers: put off again and again they expire once, at the last deadline', async (t) => {
  const clock = createManualClock()
  const expired: string[] = []
  const timers = createNamedTimers(clock, (name) => expired.push(`${name} ${clock.monotonicMs()}`))
  timers.start('hold', 100)
  timers.start('other', 50)
  for (let ms = 0; ms < 1000; ms += 10) {
    await clock.advance(10)
    timers.start('hold', 100)
  }
  t.same(expired, ['other 50'])
  t.equal(timers.remainingMs('hold'), 100)
  t.equal(timers.remainingMs('other'), undefined)
  await clock.advance(5000)
  t.same(expired, ['other 50', 'hold 1100'])
  timers.start('sooner', 100)
  timers.start('sooner', 10)
  timers.start('1/a', 10)
  timers.start('1/b', 10)
  timers.start('11/c', 10)
  timers.stopAll('1/')
  await clock.advance(100)
  t.same(expired.slice(2), ['sooner 6010', '11/c 6010'])
})

t.test('what the kernel threw away', async (t) => {
  const text = 'TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPMinTTLDrop\nTcpExt: 1 2 3 4 5\nIpExt: A\nIpExt: 1\n'
  t.same(segmentDropsOf(text), { md5: 9, ttl: 5 })
  t.same(segmentDropsOf('TcpExt: A\nTcpExt: 1\n'), { md5: undefined, ttl: undefined })
  t.same(segmentDropsOf(''), { md5: undefined, ttl: undefined })
})
