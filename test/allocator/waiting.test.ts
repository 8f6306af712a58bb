/** In which order Services are looked at: lines for room, the first pass, what is asked for again, what is over. */
import t from 'tap'
import { AUDIT_PERIOD_MS, startAudit } from '../../src/allocator/audit.ts'
import { createExpiry } from '../../src/allocator/expiry.ts'
import { runFirstPass } from '../../src/allocator/first-pass.ts'
import { createLedger } from '../../src/allocator/ledger.ts'
import { isOpening } from '../../src/allocator/openings.ts'
import { createPoolBook } from '../../src/allocator/pools.ts'
import { createRemembered } from '../../src/allocator/remembered.ts'
import { createRoomLine } from '../../src/allocator/room-line.ts'
import { createWaiters, type Opening } from '../../src/allocator/waiters.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { at, knowledgeOf } from '../support/allocator-knowledge.ts'
import { claim, eip, ip, service } from '../support/allocator-objects.ts'
import { createManualClock, settle } from '../support/manual-clock.ts'

const freed = (pool: string, family: 'IPv4' | 'IPv6' = 'IPv4', namespaces: readonly string[] = []) =>
  ({ kind: 'released', address: family === 'IPv4' ? '10.0.0.1' : 'fd00::1', family, pools: [pool], namespaces }) as const

/** A line over pools with this many free addresses. */
function lineOver(room: Record<string, number>) {
  const waiters = createWaiters()
  const called: string[] = []
  const asked: Opening[] = []
  const isOpen = (opening: Opening): boolean => {
    asked.push(opening)
    return (room[opening.pool] ?? 0) > 0
  }
  const line = createRoomLine({ waiters, isOpen, add: (key) => called.push(key) })
  const wait = (key: string, ...pools: string[]): void =>
    waiters.wait(
      key,
      'PoolExhausted',
      pools.map((pool) => ({ on: 'released-in', pool }) as const),
    )
  return { room, waiters, line, wait, asked, called: () => called.splice(0) }
}

t.test('a freed address calls one Service, and that one calls the next as long as there is room', async (t) => {
  const { room, line, wait, called, asked } = lineOver({ p: 2 })
  for (const key of ['a', 'b', 'c', 'd']) wait(key, 'p')
  line.wake(freed('p'))
  t.same(called(), ['a'])
  room['p'] = 1
  line.worked('a')
  t.same(called(), ['b'])
  room['p'] = 0
  line.worked('b')
  t.same(called(), [], 'full again')
  line.worked('b')
  line.wake(freed('p'))
  t.same(called(), [], 'no room for anybody in particular')
  t.ok(asked.length <= 4, 'and nobody went through the line')
})

t.test('whoever is called in vain and waits again is called once per freed address', async (t) => {
  const { line, wait, called } = lineOver({ p: 1 })
  for (const key of ['a', 'b']) wait(key, 'p')
  line.wake(freed('p'))
  for (const key of ['a', 'b']) {
    t.same(called(), [key])
    wait(key, 'p')
    line.worked(key)
  }
  t.same(called(), [], 'not for ever')
  line.wake(freed('p'))
  t.same(called(), ['a'])
})

t.test('one that is called for two pools at a time hands both on', async (t) => {
  const { line, wait, called } = lineOver({ p: 1, q: 1 })
  wait('a', 'p', 'q')
  line.wake(freed('p'))
  t.same(called(), ['a'])
  wait('a', 'p', 'q')
  line.wake(freed('q'))
  t.same(called(), ['a'], 'it waits while its refusal is being written')
  wait('b', 'p')
  wait('c', 'q')
  line.worked('a')
  t.same(called(), [], 'b and c came later than what was freed, and found the room themselves')
})

t.test('quotas have lines too', async (t) => {
  const { line, waiters, called } = lineOver({ p: 1 })
  for (const key of ['a', 'b']) waiters.wait(key, 'QuotaExceeded', [{ on: 'quota', pool: 'p', namespace: 'n' }])
  line.wake(freed('p', 'IPv4', ['m']))
  t.same(called(), [])
  line.wake({ kind: 'holders-changed', address: '10.0.0.1', pools: ['p'], namespaces: ['n'] })
  t.same(called(), ['a'])
  line.worked('a')
  t.same(called(), ['b'])
})

t.test('what is an opening', async (t) => {
  const reservations = [{ address: '10.0.0.3', namespace: 'n', name: 's' }]
  const eips = [
    eip('p', '10.0.0.0/30', { addresses: ['fd00::/127'], reservations, quota: { perNamespace: 1 } }),
    eip('bad', 'x'),
    eip('late', '10.0.0.1', { created: '2026-02-01T00:00:00Z' }),
  ]
  const pools = createPoolBook(eips)
  const ledger = createLedger()
  const obstacles = {
    nodeOf: (of: { value: bigint }) => (of.value === ip('10.0.0.1').value ? 'n1' : undefined),
    setAsideUntil: (of: { value: bigint }) => (of.value === ip('10.0.0.2').value ? '2026-01-01T00:00:00Z' : undefined),
    isExcluded: () => false,
  }
  const isOpen = (opening: Opening): boolean => isOpening(opening, { pools, ledger, obstacles })
  const room = (pool: string, family: 'IPv4' | 'IPv6'): boolean => isOpen({ kind: 'room', pool, family })
  t.same(
    [room('p', 'IPv4'), room('p', 'IPv6'), room('bad', 'IPv4'), room('late', 'IPv4'), room('none', 'IPv4')],
    [true, true, false, false, false],
  )
  ledger.note('uid-other', [ip('10.0.0.0')])
  t.notOk(room('p', 'IPv4'), 'shown, a node has it, set aside, reserved')
  const quota = (): boolean => isOpen({ kind: 'quota', pool: 'p', namespace: 'default' })
  t.ok(quota())
  ledger.upsert(claim('fd00::', 'p', 'a'))
  ledger.upsert(claim('fd00::1', 'p', 'a'))
  t.notOk(quota() || room('p', 'IPv6'))
})

/** A first pass whose looks end when the test says so. */
function passOver(phases: readonly (readonly string[])[]) {
  const clock = createManualClock()
  const over = new AbortController()
  const looks: { readonly key: string; end(): void; fail(error: Error): void }[] = []
  const later: string[] = []
  const work = (key: string): Promise<void> => new Promise((end, fail) => looks.push({ key, end, fail }))
  const pass = runFirstPass({
    phases,
    work,
    later: (key) => later.push(key),
    concurrency: 2,
    clock,
    logger: silentLogger,
    signal: over.signal,
  })
  let isDone = false
  pass.done.then(
    () => {
      isDone = true
    },
    () => undefined,
  )
  return { clock, over, looks, later, pass, done: () => isDone, keys: () => looks.map(({ key }) => key) }
}

t.test('the first pass: one group after the other', async (t) => {
  const { looks, pass, keys, later } = passOver([['a', 'b', 'c'], [], ['d']])
  t.same(keys(), ['a', 'b'], 'some at a time')
  looks[1]?.end()
  await settle()
  looks[2]?.end()
  await settle()
  t.same(keys(), ['a', 'b', 'c'], 'd has to wait for a')
  looks[0]?.end()
  await settle()
  t.same(keys(), ['a', 'b', 'c', 'd'])
  looks[3]?.end()
  await pass.done
  await pass.settled()
  t.same([later, [...pass.unfinished]], [[], []])
})

t.test('the first pass: one that cannot be written goes on later, one that hangs is left behind', async (t) => {
  const { clock, looks, pass, keys, later, done } = passOver([['bad', 'hangs'], ['next']])
  for (const pauseMs of [100, 400, 0]) {
    looks.at(pauseMs === 100 ? 0 : -1)?.fail(new Error('no'))
    await clock.advance(pauseMs)
  }
  t.same([keys(), later], [['bad', 'hangs', 'bad', 'bad'], ['bad']])
  await clock.advance(4499)
  t.notOk(keys().includes('next'))
  await clock.advance(1)
  t.same(keys().at(-1), 'next', 'after five seconds the others go on')
  looks.at(-1)?.end()
  await settle()
  t.ok(done())
  t.same([...pass.unfinished], ['bad', 'hangs'])
  let isSettled = false
  pass.settled().then(() => {
    isSettled = true
  })
  await settle()
  t.notOk(isSettled, 'hangs is still in flight')
  looks[1]?.end()
  await settle()
  t.ok(isSettled)
  t.same([later, [...pass.unfinished]], [['bad'], ['bad']], 'it came to an end after all')
})

t.test('the first pass ends with the term', async (t) => {
  const { over, looks, pass, later, keys } = passOver([['a'], ['b']])
  over.abort(new Error('the term is over'))
  looks[0]?.fail(new Error('aborted'))
  await t.rejects(pass.done, { message: 'the term is over' })
  await pass.settled()
  t.same([keys(), later], [['a'], []])
})

t.test('addresses that an Eip noted are kept until their Service was looked at', async (t) => {
  const ledger = createLedger()
  const remembered = createRemembered(new Map([['default/a', [ip('10.0.0.1')]]]), ledger)
  t.same(remembered.notes.get('default/a'), [ip('10.0.0.1')])
  t.ok(ledger.isShownByAnother(ip('10.0.0.1'), 'uid-b'))
  t.same(remembered.settle('default/b'), [])
  t.same(remembered.settle('default/a'), [ip('10.0.0.1')])
  t.notOk(ledger.isShownByAnother(ip('10.0.0.1'), 'uid-b') || remembered.notes.has('default/a'))
  t.same(remembered.settle('default/a'), [])
})

t.test('what only our own requests know of is asked for', async (t) => {
  const clock = createManualClock()
  const { sources, knowledge, news } = knowledgeOf()
  const added: string[] = []
  const asked: string[] = []
  let broken = true
  const audit = startAudit({
    knowledge,
    clock,
    logger: silentLogger,
    add: (key) => added.push(key),
    store: {
      async findClaim(name) {
        asked.push(name)
        return name === '10.0.0.2' ? claim(name, 'p', 'b') : undefined
      },
      async findService({ namespace, name }) {
        asked.push(`${namespace}/${name}`)
        if (broken) throw new Error('away')
        return name === 'there' ? service(name) : undefined
      },
    },
  })
  for (const address of ['10.0.0.1', '10.0.0.2']) knowledge.noteClaim(claim(address, 'p', 'a'))
  for (const name of ['ghost', 'there']) knowledge.noteService(service(name))
  sources.services.set('default/old', service('old'))
  knowledge.noteService(at(service('old'), '2'))
  await clock.advance(AUDIT_PERIOD_MS)
  t.same(asked, [], 'it may be a matter of milliseconds')
  await clock.advance(AUDIT_PERIOD_MS)
  t.same(asked.splice(0), ['10.0.0.1', '10.0.0.2', 'default/ghost'])
  t.same(added, ['default/a'])
  broken = false
  news()
  await clock.advance(AUDIT_PERIOD_MS)
  t.same(asked.splice(0), ['10.0.0.2', 'default/ghost', 'default/there'])
  t.equal(knowledge.service('default/ghost'), undefined, 'nobody gives it an address any more')
  t.ok(news().includes('service default/ghost'), 'and what it holds is released')
  t.ok(knowledge.service('default/there'))
  audit.stop()
  await clock.advance(10 * AUDIT_PERIOD_MS)
  t.same(asked, [])
  knowledge.close()
})

t.test('what ends at a time', async (t) => {
  const clock = createManualClock()
  let ends = [90_000]
  const calls: number[] = []
  const expiry = createExpiry(clock, {
    nextMs: () => ends[0],
    expire() {
      calls.push(clock.nowMs())
      ends = ends.filter((end) => end > clock.nowMs())
    },
  })
  expiry.arm()
  await clock.advance(89_999)
  t.same(calls, [60_000], 'looked at now and then, since clocks jump')
  ends = [89_999, 120_000, ...ends].toSorted((a, b) => a - b)
  expiry.arm()
  await clock.advance(1)
  t.same(calls, [60_000, 89_999, 90_000])
  await clock.advance(60_000)
  t.same(calls, [60_000, 89_999, 90_000, 120_000])
  ends = [200_000]
  expiry.arm()
  expiry.stop()
  expiry.arm()
  await clock.advance(600_000)
  t.equal(calls.length, 4)
})
