/** What people read of the last messages, and that it stays small. */
import t from 'tap'
import { createCapture } from '../../../src/speaker/bgp/capture.ts'
import { describeMessage } from '../../../src/speaker/bgp/capture-text.ts'
import { serializeFrame } from '../../../src/wire/bgp/header.ts'
import { serializeKeepalive } from '../../../src/wire/bgp/keepalive.ts'
import { serializeNotification, shutdownNotification } from '../../../src/wire/bgp/notification.ts'
import { serializeOpen } from '../../../src/wire/bgp/open.ts'
import { serializeEndOfRib } from '../../../src/wire/bgp/update-pack.ts'
import { attribute, context, updateBody } from '../../wire/bgp/build.ts'

const text = (type: 'open' | 'update' | 'notification', message: Uint8Array) => describeMessage(type, message, message.length, context())

t.test('messages in words', async (t) => {
  const attributes = [
    attribute(0x40, 1, '00'),
    attribute(0x40, 2, '0202 0000fde9 00000003'),
    attribute(0x40, 3, '0a000001'),
    attribute(0xc0, 8, 'ffffff01 fde90007'),
    attribute(0xc0, 32, '0000fde9 00000001 00000002'),
    attribute(0xc0, 16, '0002fde900000009'),
  ]
  const update = serializeFrame('update', updateBody({ attributes, nlri: '18 c00002', withdrawn: '18 c63364' }))
  t.equal(
    text('update', update),
    'withdraws 198.51.100.0/24; 192.0.2.0/24 by way of 10.0.0.1; AS path 65001 3, origin igp, communities no-export 65001:7 large:65001:1:2 rt:65001:9',
  )
  t.equal(text('update', serializeEndOfRib('IPv6')), 'End-of-RIB IPv6')
  t.match(text('update', serializeFrame('update', updateBody({ attributes: [], nlri: '18 c00002' }))), /withdraws .*ORIGIN is missing/)
  t.match(text('update', serializeFrame('update', updateBody({ nlri: '99' }))), /^broken: /)
  const shut = serializeNotification(shutdownNotification('administrativeShutdown', 'bye\nnow'))
  t.notMatch(text('notification', shut), /\n/)
  t.match(text('notification', shut), /Cease\/Administrative Shutdown "bye.*now"/)
  const open = serializeOpen({ as: 65_001, holdSeconds: 90, routerId: 0x0a000001, capabilities: [{ kind: 'four-octet-as', as: 65_001 }] })
  t.equal(text('open', open), 'AS 65001, hold time 90 s, identifier 10.0.0.1, AS of four octets 65001')
  t.equal(describeMessage('update', update.subarray(0, 30), 4000, undefined), '4000 bytes, too long to be kept')
})

t.test('at most 200 messages, and 64 KiB', async (t) => {
  const capture = createCapture()
  const big = new Uint8Array(60_000)
  const add = (message: Uint8Array, atMs: number) =>
    capture.add({ direction: 'received', atMs, type: 'keepalive', message, context: undefined })
  for (let at = 0; at < 1000; at++) add(serializeKeepalive(), at)
  t.same(
    capture.messages('peer').map(({ atMs }) => atMs),
    Array.from({ length: 200 }, (_, at) => 800 + at),
  )
  for (let at = 0; at < 100; at++) add(big, 1000 + at)
  const kept = capture.messages('peer')
  t.ok(kept.length <= 16 && kept.every(({ bytes, atMs }) => bytes === 60_000 && atMs >= 1000), `${kept.length} are kept`)
})
