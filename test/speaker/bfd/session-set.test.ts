import t from 'tap'
import type { BfdSpec } from '../../../src/speaker/bfd/settings.ts'
import { createPair, specOf } from './support/session-pair.ts'

const OURS = specOf('192.0.2.2', '192.0.2.1')
const THEIRS = specOf('192.0.2.1', '192.0.2.2')
const SECOND_US = 1_000_000

function pairThatIsUp(ours: BfdSpec = OURS, theirs: BfdSpec = THEIRS) {
  const pair = createPair(ours, theirs)
  pair.run(4 * SECOND_US)
  if (pair.us.report(ours.key)?.state !== 'Up' || pair.peer.report(theirs.key)?.state !== 'Up') throw new Error('it does not come up')
  pair.us.changes.length = 0
  pair.peer.changes.length = 0
  return pair
}

t.test('up, told once, with the times of both', async (t) => {
  const pair = createPair(OURS, { ...THEIRS, transmitMs: 80, detectMultiplier: 4 })
  pair.run(4 * SECOND_US)
  // Which of the two says Init depends on who speaks first.
  const told = pair.us.changes.filter(({ state }) => state !== 'Init').map(({ key, state, wentDown }) => ({ key, state, wentDown }))
  t.same(told, [
    { key: '192.0.2.2', state: 'Down', wentDown: false },
    { key: '192.0.2.2', state: 'Up', wentDown: false },
  ])
  t.match(pair.us.report('192.0.2.2'), { state: 'Up', remoteState: 'Up', detectionMs: 320, transmitMs: 50, downs: 0, discarded: 0 })
})

t.test('a thread that slept reads what came meanwhile before it finds anybody silent', async (t) => {
  // The peer waits 5 s for us.
  const pair = pairThatIsUp({ ...OURS, detectMultiplier: 100 })
  const { us, peer } = pair
  for (let at = 0; at < 1000; at++) {
    pair.sleep(1000)
    peer.set.tick(pair.now())
  }
  t.ok(peer.outbox.length >= 20, `${peer.outbox.length} packets wait`)
  pair.deliver()
  us.set.tick(pair.now())
  t.same(us.changes, [])
  t.equal(us.report('192.0.2.2')?.state, 'Up')
})

t.test('a silence of the peer is told once, after a Detection Time', async (t) => {
  const pair = pairThatIsUp()
  const { us } = pair
  const received = () => us.report('192.0.2.2')?.received ?? 0
  for (const before = received(); received() === before; ) pair.run(1000)
  pair.sleep(149_000)
  us.set.tick(pair.now())
  t.same(us.changes, [])
  pair.sleep(2000)
  us.set.tick(pair.now())
  us.set.tick(pair.now())
  t.match(us.changes, [{ key: '192.0.2.2', state: 'Down', wentDown: true, diagnostic: 'control detection time expired' }])
  t.equal(us.changes.length, 1)
  t.match(us.report('192.0.2.2'), { downs: 1, upSinceMs: undefined })
})

t.test('packets leave on time: who was late once is not late for good', async (t) => {
  const { us, now, sleep } = pairThatIsUp()
  const start = us.report('192.0.2.2')?.sent ?? 0
  // Each turn comes 3 ms late.
  const times: number[] = []
  for (let packets = start; times.length < 3; ) {
    sleep(us.set.dueUs() - now() + 3000)
    us.set.tick(now())
    const { sent = 0 } = us.report('192.0.2.2') ?? {}
    if (sent > packets) times.push(now())
    packets = sent
  }
  const [first = 0, second = 0, third = 0] = times
  // 75 % to 100 % of 50 ms with a chance of one half: 43.75 ms from when it was due, not from when it left.
  t.same([second - first, third - second], [43_750, 43_750])
})

t.test('who slept long sends one packet, not all that he missed', async (t) => {
  const { us, now, sleep } = pairThatIsUp()
  us.outbox.length = 0
  sleep(10 * SECOND_US)
  us.set.tick(now())
  us.set.tick(now())
  // Down, and what was due.
  t.ok(us.outbox.length <= 2, `${us.outbox.length}`)
})

t.test('an end is said three times, and then nothing is left of it', async (t) => {
  const pair = pairThatIsUp()
  const { us, peer } = pair
  const received = peer.report('192.0.2.1')?.received ?? 0
  us.set.follow([], pair.now())
  t.match(us.says(), [{ state: 'AdminDown', desiredMinTxUs: SECOND_US }])
  t.same(us.set.reports(pair.now(), 0), [])
  pair.run(15_000)
  t.equal(us.set.isEmpty, false)
  pair.run(30_000)
  t.equal(us.set.isEmpty, true)
  t.same([...us.open], [])
  t.equal(us.set.dueUs(), Number.POSITIVE_INFINITY)
  t.equal(peer.report('192.0.2.1')?.received, received + 3)
  t.match(peer.changes, [{ state: 'Down', wentDown: false }], 'no failure for them')
  t.same(us.changes, [], 'who ended it knows')
})

t.test('one that is asked for again while it says goodbye comes back as what it was', async (t) => {
  const pair = pairThatIsUp()
  const { us } = pair
  us.set.follow([], pair.now())
  pair.run(10_000)
  us.set.follow([OURS], pair.now())
  pair.run(4 * SECOND_US)
  t.equal(us.report('192.0.2.2')?.state, 'Up')
  t.equal(
    us.changes.some(({ wentDown }) => wentDown),
    false,
  )
  t.same([...us.open], ['192.0.2.2'])
})

t.test('a passive one that was never spoken to says nothing, not even goodbye', async (t) => {
  const pair = createPair({ ...OURS, passive: true }, { ...THEIRS, passive: true })
  pair.run(3 * SECOND_US)
  pair.us.set.end(pair.now())
  pair.run(SECOND_US)
  t.equal(pair.us.set.isEmpty, true)
  t.match(pair.peer.report('192.0.2.1'), { received: 0, sent: 0, discarded: 0 })
})

t.test('a restart of the peer with a key: its new numbers count after two Detection Times', async (t) => {
  const key = { type: 'meticulous-keyed-sha1', keyId: 1, key: 'sesame' } as const
  const [ours, theirs] = [
    { ...OURS, authentication: key },
    { ...THEIRS, authentication: key },
  ]
  const first = pairThatIsUp(ours, theirs)
  const again = createPair(ours, theirs, 0.9)
  // A former life's peer is replaced by one with other numbers: what it says is refused until the silence was long enough.
  const hear = () => {
    again.peer.set.tick(first.now())
    for (const bytes of again.peer.outbox.splice(0)) first.us.set.receive(bytes, first.arrival, first.now())
  }
  first.sleep(100_000)
  hear()
  t.match(first.us.report('192.0.2.2'), { state: 'Up', lastDiscard: 'its sequence number is old, or far ahead' })
  first.sleep(60_000)
  first.us.set.tick(first.now())
  t.equal(first.us.report('192.0.2.2')?.state, 'Down')
  const { received = 0 } = first.us.report('192.0.2.2') ?? {}
  first.sleep(SECOND_US)
  hear()
  t.equal(first.us.report('192.0.2.2')?.received, received + 1)
  t.equal(first.us.report('192.0.2.2')?.state, 'Init')
})

t.test('two keys on one path are one session; the path of one that has another interface is another', async (t) => {
  const pair = pairThatIsUp()
  pair.us.set.follow([OURS, { ...OURS, key: 'second' }, { ...OURS, key: 'third', device: 'eth1' }], pair.now())
  t.equal(pair.us.report('second')?.state, 'Up')
  t.equal(pair.us.report('third')?.state, 'Down')
  t.same(pair.us.report('second'), { ...pair.us.report('192.0.2.2'), key: 'second' })
  t.equal(new Set(pair.us.says().map(({ myDiscriminator }) => myDiscriminator)).size, 1, 'one new discriminator')
  pair.us.set.follow([{ ...OURS, key: 'second' }], pair.now())
  t.equal(pair.us.report('192.0.2.2'), undefined)
  t.equal(pair.us.report('second')?.state, 'Up', 'who asked first has gone, and the session stays')
})

t.test('what is for nobody is a stray; what comes from too far away is told with its TTL', async (t) => {
  const pair = pairThatIsUp({ ...OURS, multihop: true, leastTtl: 250 }, { ...THEIRS, multihop: true })
  const { us, peer, arrival, now } = pair
  pair.sleep(50_000)
  peer.set.tick(now())
  const [bytes = new Uint8Array()] = peer.outbox
  us.set.receive(bytes, { ...arrival, ttl: 249 }, now())
  t.match(us.report('192.0.2.2'), { discarded: 1, lastDiscard: 'TTL 249, where 250 is the least' })
  const { strays } = us.set
  us.set.receive(bytes, { ...arrival, remote: 'another' }, now())
  us.set.receive(bytes.subarray(0, 20), arrival, now())
  us.set.receive(new Uint8Array(24), arrival, now())
  t.equal(us.set.strays, strays + 3)
  t.equal(us.report('192.0.2.2')?.state, 'Up')
})
