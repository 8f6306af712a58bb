/** Wrong bytes for everything that reads what strangers send. */
import { fuzz } from './support/fuzz.ts'
import { FUZZ_TARGETS } from './support/fuzz-targets.ts'
import { count, createProgress, readOptions, SEED } from './support/soak.ts'

export const describe =
  'Gives ARP, neighbour discovery, membership and BFD wrong bytes that are nearly right: nothing throws, nothing forged is taken.'

export const flags = { executions: count(10_000_000, 1, 'How many inputs in all.'), seed: SEED }

export async function run(argv: readonly string[]): Promise<object> {
  return fuzz({ targets: FUZZ_TARGETS, ...readOptions(argv, flags), progress: createProgress('fuzz') })
}
