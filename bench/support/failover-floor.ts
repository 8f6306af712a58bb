/** The least that a fail-over could cost: an address that is moved by hand between two machines, while the prober asks by broadcast. */
import { setTimeout as delay } from 'node:timers/promises'
import { must } from '../../lab/command.ts'
import type { FailoverWorld } from '../../test/scenario/failover/world.ts'
import { rounded } from './figures.ts'

/** Two words of `ip` in two namespaces: `from` loses the address, `to` gets it. */
const MOVE = 'nsenter --net="$1" ip addr del "$3" dev eth0; nsenter --net="$2" ip addr add "$3" dev eth0'
const PROBE_EVERY_MS = 1

/** Milliseconds from the command to the first answer of the other machine, `repetitions` times. */
export async function movedByHand(world: FailoverWorld, repetitions: number): Promise<readonly number[]> {
  const address = `${world.cluster.subnet}.49`
  const [a, b] = ['n1', 'n2'].map((name) => world.cluster.node(name))
  if (a === undefined || b === undefined) throw new RangeError('two nodes are needed')
  const timesMs: number[] = []
  await a.exec(['ip', 'addr', 'add', `${address}/32`, 'dev', 'eth0'])
  world.wire.probe(address, PROBE_EVERY_MS)
  await delay(500)
  for (let done = 0; done < repetitions; done++) {
    const [from, to] = done % 2 === 0 ? [a, b] : [b, a]
    await world.wire.mark()
    const atMs = Date.now()
    const spaces = [from, to].map(({ namespace }) => `/run/netns/${namespace}`)
    await must('move by hand', ['sh', '-ec', MOVE, 'move', ...spaces, `${address}/32`])
    await delay(200)
    const mac = world.macOf(to.name)
    const first = (await world.wire.records(address)).find((one) => one.kind === 'answer' && one.mac === mac && one.atMs >= atMs)
    if (first !== undefined) timesMs.push(rounded(first.atMs - atMs))
  }
  world.wire.still(address)
  const last = repetitions % 2 === 0 ? a : b
  await last.exec(['ip', 'addr', 'del', `${address}/32`, 'dev', 'eth0'])
  return timesMs
}
