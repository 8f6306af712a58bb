/** Membership under every fault, on a network in memory; the sockets have a scenario of their own. */
import fc from 'fast-check'
import t from 'tap'
import { quorumOf } from '../../../src/speaker/membership/facts.ts'
import { TIMING_PROFILES } from '../../../src/speaker/membership/timing.ts'
import { createNetwork, createRandom, type Network, type NetworkOptions, nodeNames } from '../support/membership-network.ts'

const { heartbeatMs, deadMs, fenceMs, joinMs, askMs } = TIMING_PROFILES.default

/** Everybody is started, has heard everybody and may answer. */
function settledNetwork(count: number, options: Partial<NetworkOptions> = {}): Network & { readonly names: readonly string[] } {
  const names = nodeNames(count)
  const network = createNetwork({ names, raw: count > 10, ...options })
  for (const name of names) network.start(name)
  network.run(1000)
  return Object.assign(network, { names })
}

const factsAt = (network: Network, name: string) => network.node(name).protocol.facts(network.nowMs())
const memberAt = (network: Network, name: string, other: string) => factsAt(network, name).members.get(other)
const running = (network: Network) => [...network.nodes.values()].filter(({ state }) => state === 'running')
const mayAnswer = (network: Network, name: string): boolean => network.nowMs() < network.node(name).fenceUntilMs

/** When the last of those that run knew that `name` was dead, after `sinceMs`; Infinity when one does not know yet. */
function knownDeadMs(network: Network, name: string, sinceMs: number): number {
  const times = running(network).map(
    ({ log }) => log.find(({ atMs, facts }) => atMs >= sinceMs && facts.members.get(name)?.alive === false)?.atMs,
  )
  return Math.max(...times.map((atMs) => (atMs ?? Number.POSITIVE_INFINITY) - sinceMs))
}

/** Counts who is taken for dead while it runs, from the call on. */
function watchFalseDeaths(): {
  readonly onFacts: NonNullable<NetworkOptions['onFacts']>
  readonly deaths: string[]
  watch(network: Network): void
} {
  const deaths: string[] = []
  let watched: Network | undefined
  return {
    deaths,
    watch(network) {
      watched = network
    },
    onFacts(node, facts, nowMs) {
      for (const [name, { alive, fault }] of facts.members) {
        if (!alive && watched?.nodes.get(name)?.state === 'running') deaths.push(`${node.name} of ${name} at ${nowMs.toFixed(0)}: ${fault}`)
      }
    },
  }
}

for (const count of [3, 5, 10, 50]) {
  t.test(
    `${count} nodes: all are heard at once; a killed process is known within two turns, a machine without power by its silence`,
    async (t) => {
      const network = settledNetwork(count)
      for (const name of network.names) {
        const { settled, members } = factsAt(network, name)
        t.equal(settled, true, `${name} has settled`)
        t.equal(members.size, count)
        t.same(
          [...members.values()].filter(({ alive, serving }) => !alive || !serving),
          [],
          'everybody lives and serves',
        )
        t.ok(mayAnswer(network, name), 'and may answer')
        t.ok((network.node(name).log.find(({ facts }) => facts.settled)?.atMs ?? Infinity) < 1100, 'not after waiting for anybody')
      }
      const [first = '', second = ''] = network.names
      let sinceMs = network.nowMs()
      network.kill(first)
      network.run(1000)
      t.ok(knownDeadMs(network, first, sinceMs) < 10, `killed: ${knownDeadMs(network, first, sinceMs)} ms`)
      t.equal(memberAt(network, second, first)?.fault, 'ended')
      sinceMs = network.nowMs()
      network.powerOff(second)
      network.run(1000)
      const silentMs = knownDeadMs(network, second, sinceMs)
      t.ok(silentMs > deadMs - heartbeatMs - askMs && silentMs < deadMs + heartbeatMs, `without power: ${silentMs} ms`)
      for (const { protocol } of running(network)) t.equal(protocol.facts(network.nowMs()).members.get(second)?.fault, 'silent')
      t.equal(quorumOf(factsAt(network, network.names[2] ?? '')), count === 3 ? 'minority' : 'majority')
    },
  )
}

t.test('the fast profile finds a machine without power in less than 250 ms', async (t) => {
  const network = settledNetwork(3, { timing: TIMING_PROFILES.fast })
  const sinceMs = network.nowMs()
  network.powerOff('node-2')
  network.run(1000)
  t.ok(knownDeadMs(network, 'node-2', sinceMs) < 200)
})

t.test('who is alone may answer for ever, and once others come only from heartbeat to heartbeat', async (t) => {
  const names = nodeNames(2)
  const network = createNetwork({ names })
  network.start('node-1')
  network.list('node-1', ['node-1'])
  network.run(2000)
  t.equal(quorumOf(factsAt(network, 'node-1')), 'alone')
  t.equal(network.node('node-1').fenceUntilMs, Number.POSITIVE_INFINITY)
  network.start('node-2')
  network.list('node-1', names)
  network.run(500)
  t.ok(network.node('node-1').fenceUntilMs <= network.nowMs() + fenceMs)
  t.ok(mayAnswer(network, 'node-1'))
  t.ok(mayAnswer(network, 'node-2'))
})

t.test('five nodes become one and five again', async (t) => {
  const network = settledNetwork(5)
  const [first = '', ...others] = network.names
  for (const name of others) network.kill(name)
  network.list(first, [first])
  network.run(500)
  t.equal(factsAt(network, first).members.size, 1)
  for (const name of others) network.start(name)
  network.run(100)
  t.equal(memberAt(network, others[0] ?? '', first)?.alive, true, 'not heard, and it may still come')
  network.list(first, network.names)
  network.run(1000)
  for (const name of network.names) {
    t.same(
      [...factsAt(network, name).members.values()].map(({ alive }) => alive),
      [true, true, true, true, true],
      name,
    )
    t.ok(mayAnswer(network, name))
  }
})

t.test('who never comes counts as alive for a while, and no longer', async (t) => {
  const network = createNetwork({ names: nodeNames(3) })
  network.start('node-1')
  network.start('node-2')
  network.run(550)
  t.equal(factsAt(network, 'node-1').settled, false, 'it may be late')
  t.notOk(mayAnswer(network, 'node-1'))
  network.run(100)
  t.equal(factsAt(network, 'node-1').settled, true, 'but not that late')
  t.ok(mayAnswer(network, 'node-1'))
  t.match(memberAt(network, 'node-1', 'node-3'), { alive: true, serving: false, lastSignMs: undefined, fault: undefined })
  network.run(joinMs)
  t.match(memberAt(network, 'node-1', 'node-3'), { alive: false, fault: 'never-heard' })
})

t.test('a partition of three: each side knows its own, and both meet again when it heals', async (t) => {
  for (const alone of nodeNames(3)) {
    const network = settledNetwork(3)
    const others = network.names.filter((name) => name !== alone)
    const sinceMs = network.nowMs()
    network.path({ loss: 1 }, [alone], others)
    network.path({ loss: 1 }, others, [alone])
    network.run(1000)
    t.equal(quorumOf(factsAt(network, alone)), 'minority')
    for (const name of others) t.equal(quorumOf(factsAt(network, name)), 'majority')
    t.ok(knownDeadMs(network, alone, sinceMs) !== undefined)
    t.ok(mayAnswer(network, alone), 'a present owner goes on')
    network.path({ loss: 0 })
    const healedMs = network.nowMs()
    network.run(1000)
    for (const name of network.names) {
      const again = network.node(name).log.findLast(() => true)
      t.equal(quorumOf(factsAt(network, name)), 'majority')
      t.ok((again?.atMs ?? Infinity) - healedMs < 2 * heartbeatMs, `${name} after ${(again?.atMs ?? 0) - healedMs} ms`)
    }
  }
})

t.test('a link that is lost in one direction, or in both, changes nothing while somebody hears both ends', async (t) => {
  for (const back of [true, false]) {
    const watch = watchFalseDeaths()
    const network = settledNetwork(3, watch)
    watch.watch(network)
    network.path({ loss: 1 }, ['node-1'], ['node-2'])
    if (back) network.path({ loss: 1 }, ['node-2'], ['node-1'])
    network.run(60_000)
    t.same(watch.deaths, [])
  }
})

t.test('one link is lost and the others lose 15 %: the witness is asked, and five minutes pass without a death', async (t) => {
  // Without questions to the witness there are two to six deaths, whatever the seed.
  for (const seed of [2, 3]) {
    const watch = watchFalseDeaths()
    const network = settledNetwork(3, { ...watch, seed, raw: true })
    watch.watch(network)
    network.path({ loss: 0.15 })
    network.path({ loss: 1 }, ['node-1'], ['node-2'])
    network.path({ loss: 1 }, ['node-2'], ['node-1'])
    network.run(300_000)
    t.same(watch.deaths, [], `seed ${seed}`)
  }
})

t.test('a link that is lost in one direction from the start: who hears by hearsay only is heard as well', async (t) => {
  const names = nodeNames(3)
  const network = createNetwork({ names })
  network.path({ loss: 1 }, ['node-1'], ['node-2'])
  for (const name of names) network.start(name)
  network.run(2000)
  for (const name of names)
    t.same(
      [...factsAt(network, name).members.values()].filter(({ alive, serving }) => !alive || !serving),
      [],
      name,
    )
  t.ok(names.every((name) => mayAnswer(network, name)))
})

t.test('20 % loss for ten minutes: no false death', async (t) => {
  for (const [count, seconds] of [
    [3, 600],
    [5, 60],
    [10, 60],
  ] as const) {
    const watch = watchFalseDeaths()
    const network = settledNetwork(count, { ...watch, raw: true, seed: count })
    watch.watch(network)
    network.path({ loss: 0.2 })
    network.run(seconds * 1000)
    t.same(watch.deaths, [], `${count} nodes`)
  }
})

t.test('every second packet of any pair arrives, whichever: no false death', async (t) => {
  const lives = fc.property(fc.integer(), fc.integer({ min: 3, max: 6 }), (seed, count) => {
    const random = createRandom(seed)
    const watch = watchFalseDeaths()
    const names = nodeNames(count)
    const passed = new Map<string, boolean>()
    const network = createNetwork({
      ...{ names, seed, raw: true, onFacts: watch.onFacts },
      // After one that was lost the next one comes through.
      lose(from, to) {
        const pair = `${from} ${to}`
        const isLost = passed.get(pair) !== false && random() < 0.5
        passed.set(pair, !isLost)
        return isLost
      },
    })
    for (const name of names) network.start(name)
    network.run(1000)
    watch.watch(network)
    network.run(20_000)
    return watch.deaths.length === 0
  })
  fc.assert(lives, { numRuns: 30 })
  t.pass()
})

t.test('200 ms of delay, and its onset: no false death; a machine without power is still found', async (t) => {
  const watch = watchFalseDeaths()
  const network = settledNetwork(3, watch)
  watch.watch(network)
  network.path({ delayMs: 200 })
  network.run(30_000)
  t.same(watch.deaths, [])
  const sinceMs = network.nowMs()
  network.powerOff('node-2')
  network.run(2000)
  const foundMs = knownDeadMs(network, 'node-2', sinceMs)
  t.ok(foundMs < deadMs + 2 * 240 + heartbeatMs, `${foundMs} ms`)
})

t.test('a node whose processor is busy: threads that run late by up to 200 ms kill nobody and die of nothing', async (t) => {
  const random = createRandom(7)
  const watch = watchFalseDeaths()
  const network = settledNetwork(3, watch)
  watch.watch(network)
  for (let round = 0; round < 500; round++) {
    const late = network.names.filter(() => random() < 0.5)
    for (const name of late) network.pause(name)
    network.run(200 * random())
    // Both at once: neither has read what the other sent.
    for (const name of late) network.resume(name)
    network.run(150 * random())
  }
  t.same(watch.deaths, [])
  for (const name of network.names) t.ok(mayAnswer(network, name))
})

t.test('everybody is held up for 300 ms at the same time: nobody is taken for dead', async (t) => {
  const watch = watchFalseDeaths()
  const network = settledNetwork(3, watch)
  watch.watch(network)
  for (const name of network.names) network.pause(name)
  network.run(300)
  for (const name of network.names) network.resume(name)
  network.run(1000)
  t.same(watch.deaths, [])
  for (const name of network.names) t.ok(mayAnswer(network, name))
})

t.test('everybody is held up for 4 s: the main threads were held up too, and all go on serving', async (t) => {
  const idle: string[] = []
  const network = settledNetwork(3, {
    onFacts: (node, { members }) => {
      for (const [name, { alive, serving }] of members) if (alive && !serving) idle.push(`${node.name} of ${name}`)
    },
  })
  idle.length = 0
  for (const name of network.names) network.pause(name)
  network.run(4000)
  for (const name of network.names) network.resume(name)
  network.run(1000)
  t.same(idle, [])
  for (const name of network.names) t.ok(mayAnswer(network, name))
})

t.test('a process that is paused for 2 s is replaced, learns what it missed, and answers only then', async (t) => {
  const network = settledNetwork(3)
  const sinceMs = network.nowMs()
  network.pause('node-2')
  network.run(500)
  t.ok(knownDeadMs(network, 'node-2', sinceMs) < deadMs + heartbeatMs)
  const firstMs = Math.min(
    ...running(network).map(({ log }) => log.find(({ facts }) => facts.members.get('node-2')?.alive === false)?.atMs ?? 0),
  )
  t.ok(network.node('node-2').fenceUntilMs < firstMs - 50, 'silent before anybody counts it as dead')
  const taken = { address: 7, epoch: 4, state: 'held', recorded: false } as const
  network.perform('node-1', network.node('node-1').protocol.words([taken], [], network.nowMs()))
  network.run(1500)
  const { log, words } = network.node('node-2')
  const before = log.length
  const processBefore = memberAt(network, 'node-1', 'node-2')?.incarnation
  network.resume('node-2')
  t.notOk(mayAnswer(network, 'node-2'))
  t.equal(factsAt(network, 'node-2').settled, false, 'it knows that it was paused, whatever waits in its sockets')
  network.run(100)
  t.ok(mayAnswer(network, 'node-2'))
  const settledMs = log.slice(before).find(({ facts }) => facts.settled)?.atMs ?? 0
  t.ok((words.find(({ word }) => word.address === 7)?.atMs ?? Infinity) <= settledMs, 'what was taken is known before')
  t.equal(memberAt(network, 'node-1', 'node-2')?.incarnation, processBefore, 'the same process, whose words hold')
  for (const name of network.names) t.equal(quorumOf(factsAt(network, name)), 'majority')
  t.same(
    [...factsAt(network, 'node-1').members.values()].map(({ alive }) => alive),
    [true, true, true],
  )
})

t.test('a main thread that stalls for 2 s serves on; after 3 s others take over, and the fence is closed before', async (t) => {
  const network = settledNetwork(3)
  network.stall('node-2', true)
  network.run(2000)
  t.match(memberAt(network, 'node-1', 'node-2'), { alive: true, serving: true })
  network.stall('node-2', false)
  network.run(1000)
  const { log } = network.node('node-1')
  const before = log.length
  network.stall('node-2', true)
  network.run(4000)
  t.match(memberAt(network, 'node-1', 'node-2'), { alive: true, serving: false })
  t.notOk(mayAnswer(network, 'node-2'))
  const noticed = log.slice(before).find(({ facts }) => facts.members.get('node-2')?.serving === false)
  t.ok(noticed !== undefined && noticed.atMs > network.nowMs() - 2000)
  network.stall('node-2', false)
  network.run(600)
  t.match(memberAt(network, 'node-1', 'node-2'), { alive: true, serving: true })
  t.ok(mayAnswer(network, 'node-2'))
})

t.test('a process that is restarted is known again at once, also when its clock was set back or forward', async (t) => {
  for (const clockMs of [0, -3_600_000, 3_600_000]) {
    const network = settledNetwork(3)
    network.perform(
      'node-1',
      network.node('node-1').protocol.words([{ address: 9, epoch: 1, state: 'held', recorded: true }], [], network.nowMs()),
    )
    network.run(100)
    const before = memberAt(network, 'node-1', 'node-2')?.incarnation
    t.ok(before !== undefined)
    network.kill('node-2')
    network.run(1000)
    network.start('node-2', { clockMs })
    const startMs = network.nowMs()
    network.run(100)
    for (const name of ['node-1', 'node-3'])
      t.match(memberAt(network, name, 'node-2'), { alive: true, serving: true }, `${name}, clock ${clockMs}`)
    t.ok(mayAnswer(network, 'node-2'), `clock ${clockMs}`)
    for (const name of ['node-1', 'node-3'])
      t.not(memberAt(network, name, 'node-2')?.incarnation, before, `another process for ${name}, clock ${clockMs}`)
    t.equal(
      network.node('node-2').words.filter(({ atMs, word }) => atMs >= startMs && word.address === 9).length,
      1,
      'it was told everything',
    )
    network.kill('node-2')
    network.run(50)
    t.equal(memberAt(network, 'node-1', 'node-2')?.fault, 'ended', 'this life ends as well')
  }
})

t.test('a recording from before the start proves nothing, whoever plays it', async (t) => {
  const network = settledNetwork(3)
  const play = network.record()
  network.run(5000)
  network.powerOff('node-2')
  network.kill('node-1')
  network.run(1000)
  network.start('node-1')
  network.run(700)
  const { rejected } = network.node('node-1')
  const before = { ...rejected }
  const { log } = network.node('node-1')
  const known = log.length
  play('node-1')
  network.run(5000)
  t.same(
    log.slice(known).filter(({ facts }) => facts.members.get('node-2')?.alive === true),
    [],
  )
  t.equal(memberAt(network, 'node-1', 'node-2')?.alive, false)
  t.equal(memberAt(network, 'node-1', 'node-3')?.alive, true)
  const refused = Object.entries(rejected).map(([reason, count]) => count - (before[reason as 'own'] ?? 0))
  t.ok(refused.reduce((sum, count) => sum + count) > 100, 'and each packet is counted')
  t.same(network.node('node-1').words, [])
})

t.test('a recording of this life counts once only', async (t) => {
  const network = settledNetwork(3)
  const play = network.record()
  network.run(2000)
  network.powerOff('node-2')
  network.run(1000)
  play('node-1')
  network.run(100)
  t.match(memberAt(network, 'node-1', 'node-2'), { alive: false, fault: 'silent' })
  t.ok((network.node('node-1').rejected.repeated ?? 0) > 10)
})

t.test('another key: nobody is heard; with the right one at once', async (t) => {
  const names = nodeNames(3)
  const network = createNetwork({ names })
  for (const name of names) {
    network.start(name)
    network.setKey(name, name)
  }
  network.run(3000)
  t.same(
    [...factsAt(network, 'node-1').members.values()].map(({ alive }) => alive),
    [true, false, false],
  )
  for (const name of names) network.setKey(name, 'key')
  network.run(200)
  t.equal(quorumOf(factsAt(network, 'node-1')), 'majority')
})

t.test('the process that says goodbye is known to be gone, with and without its stream', async (t) => {
  const network = settledNetwork(10)
  const sinceMs = network.nowMs()
  network.perform('node-4', network.node('node-4').protocol.stop(network.nowMs()))
  network.powerOff('node-4')
  network.run(50)
  t.ok(knownDeadMs(network, 'node-4', sinceMs) < 5)
  t.equal(memberAt(network, 'node-1', 'node-4')?.fault, 'ended')
})

t.test('a refusal that a filter made is disproved by the next heartbeat, and no other is believed before a new stream', async (t) => {
  const network = settledNetwork(3)
  const refuse = () => network.perform('node-1', network.node('node-1').protocol.refused('node-2', network.nowMs()))
  refuse()
  t.equal(memberAt(network, 'node-1', 'node-2')?.fault, 'ended')
  network.run(2 * heartbeatMs)
  t.equal(memberAt(network, 'node-1', 'node-2')?.alive, true)
  refuse()
  t.equal(memberAt(network, 'node-1', 'node-2')?.alive, true)
})
