import type { Tally } from './tap-stream.ts'

/** More failures than these are no accident of a busy machine. */
const MOST = 3

/**
 * What becomes of the tally when the few test files that failed run once more, each alone: two cores are shared with whatever else the machine
 * does, and many tests wait for real processes. A file that fails twice has failed. One that then passes counts as passed, and is called FLAKY
 * in the output, last of all, so that somebody mends it.
 */
export async function secondTry(
  tally: Tally,
  failed: readonly string[],
  run: (name: string) => Promise<Tally>,
  print: (line: string) => void,
): Promise<Tally> {
  if (failed.length === 0 || failed.length > MOST) return tally
  print(`once more, alone: ${failed.join(', ')}`)
  const again: Tally[] = []
  for (const name of failed) again.push(await run(name))
  if (again.some((one) => one.failed > 0)) return tally
  for (const name of failed) print(`FLAKY ${name}: failed beside others, and passed alone`)
  return { passed: tally.passed + tally.failed, failed: 0 }
}
