/** Every fault of the fail-over scenarios again and again, in a random order and with long outages; the worst of each is kept. */
import { figures, play } from '../scenario/failover/episode.ts'
import { checks, type Fault } from '../scenario/failover/expectations.ts'
import { apiFaults } from '../scenario/failover/faults-api.ts'
import { crashFaults } from '../scenario/failover/faults-crash.ts'
import { networkFaults } from '../scenario/failover/faults-network.ts'
import { buildFailoverWorld, FAMILIES, type FailoverWorld, NODE_NAMES } from '../scenario/failover/world.ts'
import { createRandom, type Random } from './support/random.ts'
import { count, createProgress, readOptions, SEED } from './support/soak.ts'

export const describe =
  'Owners crash, leave, freeze and are cut off, and the API server is away for a minute: who answers is judged on the wire.'

export const flags = {
  rounds: count(3, 1, 'How often each fault happens.'),
  away: count(60, 5, 'Seconds for which the API server is away.'),
  only: { kind: 'string', default: '', valueName: 'TEXT', description: 'Only the faults whose name has this in it.' },
  seed: SEED,
} as const

/** The worst of one fault, over both families and all rounds; times in milliseconds. */
interface Worst {
  takenMs: number
  lost: number
  silentMs: number
  twoMacsMs: number
}

export async function run(argv: readonly string[]): Promise<object> {
  const { rounds, away, only, seed } = readOptions(argv, flags)
  const progress = createProgress('failover')
  const random = createRandom(seed)
  const worst: Record<string, Worst> = {}
  const violations: string[] = []
  const world = await buildFailoverWorld()
  try {
    await world.start(NODE_NAMES)
    const all = [...crashFaults(world), ...networkFaults(world), ...apiFaults(world, away * 1000)]
    const faults = all.filter(({ name }) => name.includes(only))
    for (let round = 1; round <= rounds; round++)
      for (const fault of shuffled(faults, random)) {
        const found = await once(world, fault, worst, progress)
        violations.push(...found.map((text) => `round ${round}, ${fault.name}: ${text}`))
      }
  } finally {
    await world.close()
  }
  return { passed: violations.length === 0, rounds, away, seed, worst, violations }
}

/** One fault; gives what did not hold. */
async function once(world: FailoverWorld, fault: Fault, worst: Record<string, Worst>, progress: (line: string) => void): Promise<string[]> {
  progress(fault.name)
  try {
    const outcome = await play(world, fault.episode)
    for (const line of figures(outcome)) progress(`  ${line}`)
    const entry = worst[fault.name] ?? { takenMs: 0, lost: 0, silentMs: 0, twoMacsMs: 0 }
    worst[fault.name] = entry
    for (const family of FAMILIES) {
      const { takeOverMs = 0, during, after } = outcome[family]
      entry.takenMs = Math.max(entry.takenMs, Math.round(takeOverMs))
      entry.lost = Math.max(entry.lost, during.lost)
      entry.silentMs = Math.max(entry.silentMs, Math.round(during.longestSilenceMs))
      entry.twoMacsMs = Math.max(entry.twoMacsMs, Math.round(Math.max(during.twoMacsMs, after?.twoMacsMs ?? 0)))
    }
    const broken = checks(outcome, fault.want).filter(({ ok }) => !ok)
    for (const { text } of broken) progress(`  NOT: ${text}`)
    return broken.map(({ text }) => text)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    progress(`  FAILED: ${text}`)
    return [text]
  }
}

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  const rest = [...items]
  return items.map(() => rest.splice(random.below(rest.length), 1)[0] as T)
}
