/**
 * How long nobody answers when an owner dies, leaves, or is asked to give an address away, and for how long two answer after a partition
 * has healed. Three speakers in namespaces of their own, a real API server, and a witness in the client's place that records what the
 * wire carries with the kernel's timestamps. Beside them: an address that is moved by hand, and keepalived.
 */
import type { FlagDefinitions } from '../src/runtime/flags.ts'
import { parseFlags } from '../src/runtime/flags.ts'
import { UsageError } from '../src/runtime/process.ts'
import { buildFailoverWorld, type FailoverWorld, NODE_NAMES } from '../test/scenario/failover/world.ts'
import { type Aim, type BenchResult, count, createProgress, type Progress } from './support/bench.ts'
import { measureCluster } from './support/failover-cluster.ts'
import { FAULTS, type FaultName } from './support/failover-faults.ts'
import { createFleet, joinFleetNetwork } from './support/failover-fleet.ts'
import { movedByHand } from './support/failover-floor.ts'
import { type Case, measureCase } from './support/failover-measure.ts'
import { measureRivals, noKeepalived } from './support/failover-rivals.ts'
import { quantile, rounded, spread } from './support/figures.ts'

export const summary = `How long an address is without an owner, or has two: ${FAULTS.join(', ')} or all, each with some numbers of addresses.`
export const flags = {
  addresses: { kind: 'string', default: '1,50,500', valueName: 'LIST', description: 'Numbers of addresses, each from 1 to 2000.' },
  repetitions: count(30, 1, 1000, 'Of each fault with each number of addresses.'),
  profile: { kind: 'string', default: 'default', oneOf: ['default', 'fast'], description: 'The speakers are told --failover-profile.' },
  rivals: { kind: 'string', default: 'keepalived', oneOf: ['keepalived', 'none'], description: 'Who is measured beside.' },
  'rival-repetitions': count(10, 1, 1000, 'Of each fault of each rival.'),
  cluster: { kind: 'boolean', default: false, description: 'Kills in a whole cluster with kubelets, and nothing else.' },
} as const satisfies FlagDefinitions

interface Order {
  readonly faults: readonly FaultName[]
  readonly addresses: readonly number[]
  readonly repetitions: number
  readonly profile: 'default' | 'fast'
  readonly rivalRepetitions: number
  readonly cluster: boolean
}

function readOrder(argv: readonly string[]): Order {
  const parsed = parseFlags(argv, flags)
  if (!parsed.ok) throw new UsageError(parsed.error.message)
  const { values, rest } = parsed.value
  const [word = 'all', more] = rest
  const faults = word === 'all' ? FAULTS : FAULTS.filter((name) => name === word)
  if (faults.length === 0 || more !== undefined) throw new UsageError(`"${more ?? word}" is not expected: one of ${FAULTS.join(', ')}, all`)
  const addresses = values.addresses.split(',').map(Number)
  if (!addresses.every((one) => Number.isInteger(one) && one >= 1 && one <= 2000))
    throw new UsageError(`--addresses=${values.addresses} is not valid: numbers from 1 to 2000, joined by commas`)
  const { repetitions, profile, cluster, rivals } = values
  return { faults, addresses, repetitions, profile, cluster, rivalRepetitions: rivals === 'none' ? 0 : values['rival-repetitions'] }
}

async function withWorld<T>(progress: Progress, work: (world: FailoverWorld) => Promise<T>): Promise<T> {
  progress('starting an API server, and three machines on a wire')
  const world = await buildFailoverWorld()
  const remove = (): void => void world.close().finally(() => process.exit(1))
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.once(signal, remove)
  try {
    await joinFleetNetwork(world)
    return await work(world)
  } finally {
    for (const signal of signals) process.off(signal, remove)
    await world.close()
  }
}

async function measureAll(world: FailoverWorld, { faults, addresses, repetitions, profile }: Order, progress: Progress) {
  await world.start(NODE_NAMES, { flags: ['--enable-layer2', `--failover-profile=${profile}`] })
  const cases: Case[] = []
  for (const number of addresses) {
    const fleet = await createFleet(world, number)
    for (const fault of faults) cases.push(await measureCase(world, fleet, { fault, repetitions }, progress))
    await fleet.remove()
  }
  return cases
}

/** Of each address, p99 unless it says otherwise. */
function aimsOf(one: Case, profile: Order['profile'], floorMs: number): readonly Aim[] {
  const { fault, addresses, takeOverMs, silentMs, lost, yieldMs, needless, nobody } = one
  const name = `${fault}, ${addresses} address${addresses === 1 ? '' : 'es'}${profile === 'fast' ? ', fast' : ''}`
  const below = (figure: string, value: number, bound: number): Aim => ({
    ...{ figure: `${name}, ${figure}`, value: rounded(value, 1), floor: rounded(floorMs, 1), ratio: rounded(value / floorMs) },
    ...{ unit: 'ms', aim: `< ${bound}`, met: value < bound && nobody === 0 },
  })
  const none = (figure: string, value: number, most: number): Aim => ({
    ...{ figure: `${name}, ${figure}`, value, unit: '', aim: `<= ${most}`, met: value <= most },
  })
  const unneeded = none('needless moves', needless, 0)
  if (fault === 'kill') return [below('p99', takeOverMs.p99, 100), unneeded]
  if (fault === 'power') return [below('p99', takeOverMs.p99, profile === 'fast' ? 250 : 500), unneeded]
  if (fault === 'heal') {
    const value = rounded(yieldMs.p99, 1)
    return [{ figure: `${name}, two MACs, p99`, value, unit: 'ms', aim: '< 1000', met: value < 1000 }, unneeded]
  }
  return [none('lost probes, max', lost.max, 1), none('ms silent, p99', rounded(silentMs.p99, 1), 0), unneeded]
}

async function inNamespaces(order: Order, progress: Progress): Promise<BenchResult> {
  const missing = order.rivalRepetitions === 0 ? 'not asked for' : noKeepalived()
  if (missing !== undefined) progress(`keepalived: ${missing}`)
  return withWorld(progress, async (world) => {
    const byHand = await movedByHand(world, order.repetitions)
    progress(`moved by hand: ${JSON.stringify(spread(byHand))}`)
    const rivals = missing === undefined ? await measureRivals(world, order.rivalRepetitions, progress) : []
    const cases = await measureAll(world, order, progress)
    const floor = rounded(quantile(byHand, 0.99))
    const [first] = cases
    const value = (first?.fault === 'heal' ? first.yieldMs : first?.takeOverMs)?.p99 ?? Number.NaN
    const aims = cases.flatMap((one) => aimsOf(one, order.profile, floor))
    const main = { name: 'failover', value, floor, unit: 'ms', ratio: rounded(value / floor), aims }
    return {
      ...main,
      profile: order.profile,
      byHandMs: spread(byHand),
      cases,
      rivals,
      ...(missing !== undefined && { rivalsMissing: missing }),
    }
  })
}

async function inCluster({ repetitions }: Order, progress: Progress): Promise<BenchResult> {
  const seen = await measureCluster(repetitions, progress)
  const value = seen.takeOverMs.p99
  const aim: Aim = { figure: 'kill in a cluster, p99', value, unit: 'ms', aim: '< 100', met: value < 100 }
  // Nothing is moved by hand here: the floor is that of the other run.
  return { name: 'failover', value, floor: 0, unit: 'ms', ratio: null, aims: [aim], cluster: seen }
}

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const order = readOrder(argv)
  const progress = createProgress('failover')
  return order.cluster ? inCluster(order, progress) : inNamespaces(order, progress)
}
