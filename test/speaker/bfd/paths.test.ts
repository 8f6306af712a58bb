/** BFD with ourselves on a wire: what the network does to it. */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { must, run } from '../../../lab/command.ts'
import { until } from '../../support/until.ts'
import { noWire } from '../support/wire.ts'
import { type BfdHost, startBfdHost } from './support/bfd-host.ts'
import { type BfdWire, startBfdWire } from './support/bfd-wire.ts'

const FAST = { transmitMs: 100, receiveMs: 100 } as const

const skip = noWire() ?? false
t.test('with ourselves', { skip, timeout: 240_000 }, async (t) => {
  const wire = await startBfdWire()
  t.teardown(() => wire.close())
  const hosts = await Promise.all([wire.node, wire.router].map((place) => startBfdHost(place)))
  const [host, other] = hosts
  if (host === undefined || other === undefined) throw new Error('two machines')
  t.teardown(() => Promise.all(hosts.map((one) => one.kill())))
  await t.test('a single hop that is none: the TTL tells', (t) => noSingleHop(t, wire, host, other))
  await t.test('one hop and several, IPv4 and IPv6, at once', (t) => all(t, wire, host, other))
  await t.test('two that ask for one path share a session', (t) => shared(t, wire, host, other))
  await t.test('an address that is not there yet', (t) => laterAddress(t, wire, host, other))
  await t.test('another program has the port', (t) => takenPort(t, wire, other))
  await t.test('in a VRF', (t) => vrf(t, wire, host, other))
})

async function noSingleHop(t: Test, { far }: BfdWire, host: BfdHost, other: BfdHost): Promise<void> {
  host.follow({ remote: far.router, local: far.node, ...FAST })
  other.follow({ remote: far.node, local: far.router, ...FAST })
  for (const one of [host, other]) {
    const { reports } = await until('packets are counted', async () => {
      const report = await one.report()
      return report.strays > 1 && report
    })
    t.match(Object.values(reports), [{ state: 'Down', received: 0, discarded: 0 }], 'the kernel has dropped them')
  }
}

async function all(t: Test, { node, router, far }: BfdWire, host: BfdHost, other: BfdHost): Promise<void> {
  const pairs = [
    { here: node.ipv4, there: router.ipv4, more: FAST },
    { here: node.ipv6, there: router.ipv6, more: FAST },
    { here: node.linkLocal, there: router.linkLocal, more: { ...FAST, device: 'eth0' } },
    { here: far.node, there: far.router, more: { ...FAST, multihop: true } },
  ]
  host.follow(...pairs.map(({ here, there, more }) => ({ local: here, remote: there, ...more })))
  other.follow(...pairs.map(({ here, there, more }) => ({ local: there, remote: here, ...more })))
  for (const { here, there } of pairs) {
    await host.inState(there, 'Up')
    await other.inState(here, 'Up')
  }
  const changes = host.changes.length
  await sleep(2000)
  t.same(host.changes.slice(changes), [], 'nothing goes down by itself')
  t.same((await host.report()).problems, [])
}

async function shared(t: Test, { node, router }: BfdWire, host: BfdHost, other: BfdHost): Promise<void> {
  const session = { local: node.ipv4, remote: router.ipv4, ...FAST }
  host.follow({ ...session, key: 'a' }, { ...session, key: 'b', transmitMs: 300 })
  other.follow({ local: router.ipv4, remote: node.ipv4, ...FAST })
  const { reports } = await until('both are told', async () => {
    const report = await host.report()
    return report.reports['a']?.state === 'Up' && report.reports['b']?.state === 'Up' && report
  })
  t.same({ ...reports['b'], key: 'a' }, reports['a'])
  const before = host.changes.length
  other.signal('SIGSTOP')
  await until('both are told', () => host.changes.length >= before + 2)
  t.match(host.changes.slice(before, before + 2), [
    { key: 'a', wentDown: true },
    { key: 'b', wentDown: true },
  ])
  other.signal('SIGCONT')
}

async function laterAddress(t: Test, { node, router }: BfdWire, host: BfdHost, other: BfdHost): Promise<void> {
  const late = '10.66.0.200'
  host.follow({ local: late, remote: router.ipv4, ...FAST })
  other.follow({ local: router.ipv4, remote: late, ...FAST })
  await until('it is said', async () => (await host.report()).problems.some((problem) => problem.includes('EADDRNOTAVAIL')))
  await must('ip', ['ip', '-n', node.namespace, 'addr', 'add', `${late}/24`, 'dev', 'eth0'])
  await host.inState(router.ipv4, 'Up')
  t.same((await host.report()).problems, [])
}

/** The other program is the other process of ours on that machine, which has the port. */
async function takenPort(t: Test, { node, router }: BfdWire, other: BfdHost): Promise<void> {
  const late = await startBfdHost(router)
  t.teardown(() => late.kill())
  late.follow({ local: router.ipv4, remote: node.ipv4, ...FAST })
  const { problems } = await until('it is said', async () => {
    const report = await late.report()
    return report.problems.length > 0 && report
  })
  t.match(problems, [/UDP port 3784 \(IPv4\): another program on this node has it/])
  other.follow()
  await until('the port is free, and is taken', async () => (await late.report()).problems.length === 0)
}

async function vrf(t: Test, { node, router }: BfdWire, host: BfdHost, other: BfdHost): Promise<void> {
  const ip = (...words: readonly string[]) => run(['ip', '-n', node.namespace, ...words])
  if ((await ip('link', 'add', 'red', 'type', 'vrf', 'table', '77')).code !== 0) {
    t.pass('this kernel has no VRF', { skip: 'this kernel has no VRF' })
    return
  }
  await ip('link', 'set', 'red', 'up')
  await ip('link', 'set', 'eth0', 'master', 'red')
  host.follow({ local: node.ipv4, remote: router.ipv4, device: 'red', ...FAST })
  other.follow({ local: router.ipv4, remote: node.ipv4, ...FAST })
  await host.inState(router.ipv4, 'Up')
  t.match((await host.report()).problems, [])
}
