/** Wrong messages past Established: a session is told a million of them. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BGP_SESSION_TARGETS } from './support/bgp-targets.ts'
import { fuzz } from './support/fuzz.ts'
import { count, createProgress, readOptions, SEED } from './support/soak.ts'

export const describe =
  'Tells BGP sessions past Established messages that are nearly right: nothing throws, sound routes still count, memory is flat.'

export const flags = { executions: count(1_000_000, 1000, 'How many messages in all.'), seed: SEED } as const

/** What may be added by everything that fills once: caches, compiled code, the ring of captured messages. */
const FLAT_BYTES = 8 << 20

export async function run(argv: readonly string[]): Promise<object> {
  const { executions, seed } = readOptions(argv, flags)
  return runBgpFuzz(executions, seed, createProgress('bgp'))
}

/** The first tenth warms up; what the rest adds to the heap is `grownBytes`. */
export async function runBgpFuzz(executions: number, seed: number, progress: (line: string) => void) {
  const warm = await fuzz({ targets: BGP_SESSION_TARGETS, executions: Math.ceil(executions / 10), seed, progress })
  const before = usedBytes()
  const result = await fuzz({ targets: BGP_SESSION_TARGETS, executions: executions - warm.executions, seed: seed + 1, progress })
  const grownBytes = usedBytes() - before
  const isFlat = grownBytes < FLAT_BYTES
  const failures = [...warm.failures, ...result.failures]
  return {
    ...result,
    executions,
    throws: warm.throws + result.throws,
    failures,
    grownBytes,
    passed: warm.passed && result.passed && isFlat,
  }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function usedBytes(): number {
  collect()
  return process.memoryUsage().heapUsed
}
