/** Peers that stall: they do not read, or do not go on. */
import t from 'tap'
import { parseNotification } from '../../../src/wire/bgp/notification.ts'
import { createPaperSession } from './support/paper-session.ts'

const AS = { peerAs: 65_001, localAs: 64_999 }

t.test('a connection that takes nothing is left alone until it has taken some', async (t) => {
  let looks = 0
  let unwritten = 1 << 20
  const unwrittenBytes = (): number => {
    looks++
    return unwritten
  }
  const session = createPaperSession({ ...AS, unwrittenBytes })
  session.establish()
  session.later(1)
  const before = looks
  for (let turn = 0; turn < 100; turn++) session.later(1)
  t.equal(looks, before, 'no turn is spent on it')
  t.match(session.report(), { state: 'Established', prefixes: { announced: 0, pending: 3 } })
  unwritten = 0
  session.wake()
  t.match(session.report(), { prefixes: { announced: 3, pending: 0 } })
})

t.test('an OPEN and nothing more: the cause is named soon, and the hold time ends it', async (t) => {
  const session = createPaperSession({ ...AS, settings: { ttl: 1 } })
  session.call()
  t.equal(session.report().state, 'OpenConfirm')
  for (let seconds = 0; seconds < 9; seconds++) session.later(1000)
  t.match(session.report(), { state: 'OpenConfirm', lastError: { code: 'ttl', message: /has sent its OPEN/ } })
  for (let seconds = 0; seconds < 90 && session.report().state === 'OpenConfirm'; seconds++) session.later(1000)
  const said = parseNotification(session.lastSent()?.subarray(19) ?? new Uint8Array(0))
  t.match(said.ok && said.value, { code: 4 })
  t.match(session.report(), { lastError: { code: 'hold' } })
})
