/** Three speakers' membership over real sockets, each in a network namespace of its own, under every fault that a kernel can make. */
import { availableParallelism } from 'node:os'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { must, run } from '../../lab/command.ts'
import { deleteNetwork, enterNamespace } from '../../lab/network.ts'
import { monotonicMs } from '../../src/speaker/fence.ts'
import type { AddressWord } from '../../src/speaker/membership/message.ts'
import { TIMING_PROFILES } from '../../src/speaker/membership/timing.ts'
import type { ChildLine, ChildOrder, ChildSettings } from '../speaker/support/membership-child.ts'
import { type LineProcess, startLines } from '../speaker/support/process-lines.ts'
import { until } from '../support/until.ts'

const PORT = 7946
const NODES = ['n1', 'n2', 'n3'] as const
type Name = (typeof NODES)[number]
type Facts = Extract<ChildLine, { readonly said: 'facts' }>
type Counters = Extract<ChildLine, { readonly said: 'counters' }>

const { deadMs, heartbeatMs, joinMs } = TIMING_PROFILES.default
/** Scenarios assert times at ten times the aim: this machine may have other work. */
const GENEROUS = 10
const KILL_AIM_MS = 100
const CHILD = fileURLToPath(new URL('../speaker/support/membership-child.ts', import.meta.url))
const RELAY = fileURLToPath(new URL('../speaker/support/membership-relay.ts', import.meta.url))

t.setTimeout(240_000)
const prefix = `elbm${process.pid}`
const spaceOf = (node: string): string => `${prefix}-${node}`
const ipOf = (node: string): string => `10.252.0.${node.slice(1)}`
const spaces = [spaceOf('net'), spaceOf('lo'), ...NODES.map(spaceOf)]
const children = new Map<string, LineProcess<ChildLine>>()

t.teardown(async () => {
  await Promise.all([...children.values()].map((child) => child.stop('SIGKILL')))
  await deleteNetwork(`${prefix}-none`, spaces)
})

const batch = (space: string, lines: readonly string[]) =>
  must('network', ['ip', '-n', space, '-batch', '-'], { input: `${lines.join('\n')}\n` })
await must('network', ['ip', '-batch', '-'], { input: spaces.map((name) => `netns add ${name}\n`).join('') })
await batch(spaceOf('net'), ['link add br0 type bridge', 'link set br0 up'])
await batch(spaceOf('lo'), ['link set lo up'])
for (const node of NODES) {
  await batch(spaceOf('net'), [`link add ${node} type veth peer name eth0 netns ${spaceOf(node)}`, `link set ${node} master br0 up`])
  await batch(spaceOf(node), ['link set lo up', `addr add ${ipOf(node)}/24 dev eth0`, 'link set eth0 up'])
}

const cable = (node: Name, state: 'up' | 'down') => batch(spaceOf('net'), [`link set ${node} ${state}`])

/** Filters what comes to a node; without rules everything passes. */
async function filter(node: Name, rules: readonly string[]): Promise<void> {
  const nft = [...enterNamespace(spaceOf(node)), 'nft']
  await run([...nft, 'delete', 'table', 'inet', 'fault'])
  if (rules.length === 0) return
  const lines = ['table inet fault {', 'chain in {', 'type filter hook input priority 0', ...rules, '}', '}', '']
  await must('filter', [...nft, '-f', '-'], { input: lines.join('\n') })
}

function startChild(name: string, space: string, settings: ChildSettings): LineProcess<ChildLine> {
  const child = startLines<ChildLine>([...enterNamespace(space), process.execPath, CHILD, JSON.stringify(settings)], 'stdout')
  children.set(name, child)
  return child
}

const start = (node: Name, secret = 'sesame') =>
  startChild(node, spaceOf(node), {
    ...{ self: node, ip: ipOf(node), port: PORT, secret, profile: 'default' },
    peers: NODES.filter((other) => other !== node).map((other) => ({ node: other, ip: ipOf(other) })),
  })

const childOf = (name: string): LineProcess<ChildLine> => {
  const child = children.get(name)
  if (child === undefined) throw new Error(`no child ${name}`)
  return child
}
const order = (name: string, what: ChildOrder) => childOf(name).child.stdin?.write(`${JSON.stringify(what)}\n`)
const factsOf = (name: string): readonly Facts[] => childOf(name).lines.filter((line) => line.said === 'facts')
const sees = (name: string, other: string, wish: Partial<Facts['members'][string]>): boolean => {
  const member = factsOf(name).at(-1)?.members[other]
  return member !== undefined && Object.entries(wish).every(([key, value]) => member[key as 'alive'] === value)
}

/** When a child first said so after `sinceMs`, by the clock that all processes share. */
const since = (name: string, other: string, sinceMs: number, matches: (member: Facts['members'][string]) => boolean) =>
  until(`${name} knows of ${other}`, () => {
    const line = factsOf(name).find(({ atMs, members }) => atMs >= sinceMs && members[other] !== undefined && matches(members[other]))
    return line === undefined ? undefined : line.atMs - sinceMs
  })
const allWell = async (nodes: readonly Name[] = NODES) => {
  for (const one of nodes) {
    await until(
      `${one} sees everybody`,
      () => nodes.every((two) => sees(one, two, { alive: true, serving: true })) && factsOf(one).at(-1)?.settled,
    )
    await until(`${one} may answer`, () => childOf(one).lines.findLast((line) => line.said === 'fence')?.open)
  }
}
/** Who was taken for dead since, and by whom. What is not settled counts for nothing. */
const deathsSince = (sinceMs: number): readonly string[] =>
  NODES.flatMap((node) =>
    factsOf(node)
      .filter(({ atMs, settled }) => atMs >= sinceMs && settled)
      .flatMap(({ members }) =>
        Object.entries(members).flatMap(([other, { alive, fault }]) => (alive ? [] : [`${node} of ${other}: ${fault}`])),
      ),
  )
/** The longest time by which a timer of this process was late since the call. */
function watchHeldUp(): () => number {
  const everyMs = 5
  let [lastMs, longestMs] = [monotonicMs(), 0]
  const timer = setInterval(() => {
    const nowMs = monotonicMs()
    longestMs = Math.max(longestMs, nowMs - lastMs - everyMs)
    lastMs = nowMs
  }, everyMs)
  timer.unref()
  return () => longestMs
}

const counters = async (name: string): Promise<Counters> => {
  const askedMs = monotonicMs()
  order(name, { order: 'counters' })
  return (await childOf(name).next('counters', (line) => line.said === 'counters' && line.atMs >= askedMs)) as Counters
}

await t.test('three speakers hear one another, say that they serve, and may answer', async (t) => {
  for (const node of NODES) start(node)
  await allWell()
  for (const node of NODES) t.same((await counters(node)).problems, [])
})

await t.test('words reach everybody', async (t) => {
  const word: AddressWord = { address: 0x0afb0001, epoch: 3, state: 'held', recorded: false }
  const saidMs = monotonicMs()
  order('n1', { order: 'words', upsert: [word] })
  for (const node of ['n2', 'n3']) {
    const line = await childOf(node).next('the word', (one) => one.said === 'words' && one.node === 'n1' && one.words.length > 0)
    t.match(line, { words: [word] })
    t.comment(`${node} after ${(line.atMs - saidMs).toFixed(1)} ms`)
  }
})

await t.test('kill -9: everybody knows at once that the process has ended; restarted, it is told everything', async (t) => {
  for (let round = 0; round < 3; round++) {
    const sinceMs = monotonicMs()
    childOf('n3').child.kill('SIGKILL')
    const times = await Promise.all(['n1', 'n2'].map((node) => since(node, 'n3', sinceMs, ({ fault }) => fault === 'ended')))
    t.comment(`killed: known after ${times.map((ms) => ms.toFixed(1)).join(' and ')} ms`)
    t.ok(Math.max(...times) < GENEROUS * KILL_AIM_MS)
    await delay(2 * heartbeatMs)
    t.ok(sees('n1', 'n3', { fault: 'ended' }), 'nothing that was on its way disproves it')
    const startMs = monotonicMs()
    start('n3')
    await allWell()
    t.comment(`restarted: all well after ${(monotonicMs() - startMs).toFixed(0)} ms`)
    const told = childOf('n3').lines.find((line) => line.said === 'words' && line.words.length > 0)
    t.ok((told?.atMs ?? Infinity) <= (factsOf('n3').find(({ settled }) => settled)?.atMs ?? 0), 'words before it settles')
  }
})

await t.test(
  'SIGSTOP: replaced after its silence, itself silent before; SIGCONT: it learns what it missed, and answers then',
  async (t) => {
    const sinceMs = monotonicMs()
    childOf('n2').child.kill('SIGSTOP')
    const times = await Promise.all(['n1', 'n3'].map((node) => since(node, 'n2', sinceMs, ({ alive }) => !alive)))
    t.comment(`stopped: known after ${times.map((ms) => ms.toFixed(0)).join(' and ')} ms`)
    t.ok(times.every((ms) => ms > deadMs - heartbeatMs - 50 && ms < GENEROUS * deadMs))
    const missed: AddressWord = { address: 77, epoch: 8, state: 'held', recorded: true }
    order('n1', { order: 'words', upsert: [missed] })
    await delay(1500)
    const wokenMs = monotonicMs()
    childOf('n2').child.kill('SIGCONT')
    await since('n1', 'n2', wokenMs, ({ alive }) => alive)
    const resumed = await childOf('n2').next('resumed', (line) => line.said === 'resumed' && line.atMs > wokenMs)
    const learnt = await childOf('n2').next(
      'the word',
      (line) => line.said === 'words' && line.atMs > wokenMs && line.words.some(({ epoch }) => epoch === 8),
    )
    t.ok(learnt.atMs <= resumed.atMs, 'told before it may answer')
    const opened = await childOf('n2').next('the fence', (line) => line.said === 'fence' && line.open && line.atMs > wokenMs)
    t.ok(opened.atMs >= resumed.atMs)
    t.comment(`woken: may answer after ${(opened.atMs - wokenMs).toFixed(0)} ms`)
    await allWell()
  },
)

await t.test('a main thread that stalls for 2 s changes nothing; for 4 s, it serves no longer until it is back', async (t) => {
  let sinceMs = monotonicMs()
  order('n2', { order: 'stall', ms: 2000 })
  await delay(2500)
  t.same(
    factsOf('n1').filter(({ atMs, members: { n2 } }) => atMs >= sinceMs && (n2?.alive !== true || !n2.serving)),
    [],
  )
  sinceMs = monotonicMs()
  order('n2', { order: 'stall', ms: 4500 })
  t.ok((await since('n1', 'n2', sinceMs, ({ serving }) => !serving)) > 2000)
  t.ok(sees('n1', 'n2', { alive: true }))
  await since('n1', 'n2', sinceMs + 4000, ({ serving }) => serving)
  await allWell()
})

await t.test('20 % loss to every node for 15 s: no false death', async (t) => {
  for (const node of NODES) await filter(node, ['meta l4proto udp numgen random mod 100 < 20 drop'])
  const sinceMs = monotonicMs()
  await delay(15_000)
  t.same(deathsSince(sinceMs), [])
  for (const node of NODES) t.comment(`${node}: ${JSON.stringify((await counters(node)).sent)}`)
  for (const node of NODES) await filter(node, [])
})

await t.test('a link that is lost in one direction, and in both: the third hears both ends', async (t) => {
  const sinceMs = monotonicMs()
  await filter('n2', [`ip saddr ${ipOf('n1')} drop`])
  await delay(3000)
  await filter('n1', [`ip saddr ${ipOf('n2')} drop`])
  await delay(3000)
  t.same(deathsSince(sinceMs), [])
  await filter('n1', [])
  await filter('n2', [])
  await allWell()
})

await t.test('the cable of a node is out: a partition, known on both sides, and mended', async (t) => {
  const sinceMs = monotonicMs()
  await cable('n1', 'down')
  const times = await Promise.all([
    since('n2', 'n1', sinceMs, ({ fault }) => fault === 'silent'),
    since('n3', 'n1', sinceMs, ({ fault }) => fault === 'silent'),
    since('n1', 'n2', sinceMs, ({ fault }) => fault === 'silent'),
    since('n1', 'n3', sinceMs, ({ fault }) => fault === 'silent'),
  ])
  t.comment(`cut off: known after ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`)
  t.ok(times.every((ms) => ms < GENEROUS * 500))
  await delay(1000)
  const mendedMs = monotonicMs()
  await cable('n1', 'up')
  await allWell()
  t.comment(`mended: all well after ${(monotonicMs() - mendedMs).toFixed(0)} ms`)
  // Nothing was proved by a stream that the partition has ended: a kill is known at once again.
  await delay(2500)
  const killedMs = monotonicMs()
  childOf('n1').child.kill('SIGKILL')
  t.ok((await since('n2', 'n1', killedMs, ({ alive }) => !alive)) < GENEROUS * KILL_AIM_MS)
  t.ok(sees('n2', 'n1', { fault: 'ended' }))
  start('n1')
  await allWell()
})

await t.test('no processor to spare for 10 s: no false death', async (t) => {
  const burn = 'for (const end = Date.now() + 10_000; Date.now() < end;);'
  const busy = Array.from({ length: availableParallelism() }, () => startLines([process.execPath, '-e', burn], 'stdout'))
  await delay(1000)
  const sinceMs = monotonicMs()
  const heldUpMs = watchHeldUp()
  await delay(9000)
  const deaths = deathsSince(sinceMs)
  // What this process suffers the speakers suffer as well. Who does not run for as long as a machine without power is silent like one.
  if (heldUpMs() < deadMs - 2 * heartbeatMs) t.same(deaths, [])
  else t.comment(`the kernel held processes up for ${heldUpMs().toFixed(0)} ms; taken for dead: ${deaths.join(', ') || 'nobody'}`)
  await Promise.all(busy.map((one) => one.stop('SIGKILL')))
  await allWell()
  t.pass('and everybody is heard')
})

await t.test('the port is taken by the process before: that is said, tried again, and the next one begins when it ends', async (t) => {
  const settings = { self: 'n2', ip: ipOf('n2'), port: PORT, secret: 'sesame', profile: 'default' } as const
  const peers = ['n1', 'n3'].map((node) => ({ node, ip: ipOf(node) }))
  const former = childOf('n2')
  const next = startChild('n2', spaceOf('n2'), { ...settings, peers })
  await delay(1500)
  const { problems } = await counters('n2')
  t.match(problems.join(), /EADDRINUSE/)
  t.ok(sees('n1', 'n2', { alive: true }))
  const sinceMs = monotonicMs()
  await former.stop('SIGKILL')
  await since('n1', 'n2', sinceMs, ({ fault }) => fault === 'ended')
  await next.next('everybody', (line) => line.said === 'facts' && line.settled && Object.values(line.members).every(({ alive }) => alive))
  await allWell()
  t.same((await counters('n2')).problems, [])
})

await t.test('goodbye: known at once, before the process is gone', async (t) => {
  const sinceMs = monotonicMs()
  order('n2', { order: 'stop' })
  const times = await Promise.all(['n1', 'n3'].map((node) => since(node, 'n2', sinceMs, ({ fault }) => fault === 'ended')))
  t.comment(`said goodbye: known after ${times.map((ms) => ms.toFixed(1)).join(' and ')} ms`)
  t.ok(Math.max(...times) < GENEROUS * KILL_AIM_MS)
})

await t.test('another key: nobody hears it, and its packets are counted', async (t) => {
  const sinceMs = monotonicMs()
  start('n2', 'open barley')
  await childOf('n2').next('alone', ({ said, ...line }) => said === 'facts' && (line as Facts).members['n1']?.alive === false)
  t.ok(monotonicMs() - sinceMs >= joinMs)
  t.ok(sees('n1', 'n2', { alive: false }))
  t.ok(sees('n1', 'n3', { alive: true }))
  const { rejected } = await counters('n2')
  t.ok((rejected['unsealed'] ?? 0) > 10, JSON.stringify(rejected))
  for (const node of NODES) await childOf(node).stop('SIGKILL')
})

await t.test('200 ms of delay, and its onset: no false death', async (t) => {
  const relay = startLines<{ readonly ready?: boolean }>(
    [...enterNamespace(spaceOf('lo')), process.execPath, RELAY, String(PORT), '3'],
    'stdout',
  )
  t.teardown(() => relay.stop('SIGKILL'))
  await relay.next('the relay', ({ ready }) => ready === true)
  for (const [index, self] of NODES.entries()) {
    const own = index + 1
    const peers = NODES.map((node, at) => ({ node, ip: `127.80.${own}.${at + 1}` })).filter(({ node }) => node !== self)
    startChild(self, spaceOf('lo'), { self, ip: `127.80.0.${own}`, port: PORT, secret: 'sesame', profile: 'default', peers })
  }
  await allWell()
  const sinceMs = monotonicMs()
  relay.child.stdin?.write('200\n')
  await delay(8000)
  t.same(deathsSince(sinceMs), [])
  const deadSinceMs = monotonicMs()
  childOf('n3').child.kill('SIGKILL')
  const times = await Promise.all(['n1', 'n2'].map((node) => since(node, 'n3', deadSinceMs, ({ fault }) => fault === 'silent')))
  t.comment(`silent behind 200 ms: known after ${times.map((ms) => ms.toFixed(0)).join(' and ')} ms`)
})
