/**
 * `npm run bench -- NAME [options]`: runs bench/NAME.ts and prints its result as one JSON object on standard output. Each bench exports
 * `run(argv)`, which measures the product and, in the same run on the same machine, a floor: the least that the same work could cost.
 */
import { readdirSync } from 'node:fs'
import process from 'node:process'

/** What most benches give; more fields are welcome. */
export interface BenchResult {
  readonly name: string
  readonly value: number
  /** The same unit as `value`. */
  readonly floor: number
  readonly unit: string
  /** value / floor. */
  readonly ratio: number
  readonly [more: string]: unknown
}

interface Bench {
  run(argv: readonly string[]): Promise<object>
}

const names = (): readonly string[] =>
  readdirSync(new URL('.', import.meta.url))
    .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
    .map((file) => file.slice(0, -'.ts'.length))

async function main(argv: readonly string[]): Promise<number> {
  const [name = '', ...rest] = argv
  if (name === '--help' || name === '-h') {
    process.stdout.write(`Usage: npm run bench -- NAME [options]\n\nBenches: ${names().join(', ')}\n`)
    return 0
  }
  if (!names().includes(name)) {
    process.stderr.write(`there is no bench "${name.slice(0, 64)}"; there are: ${names().join(', ')}\n`)
    return 2
  }
  const bench = (await import(`./${name}.ts`)) as Bench
  const result = await bench.run(rest)
  process.stdout.write(`${JSON.stringify(result)}\n`)
  return 0
}

// Only as the program itself: benches import the type above.
if (process.argv[1] !== undefined && import.meta.url === new URL(`file://${process.argv[1]}`).href) {
  process.exitCode = await main(process.argv.slice(2))
}
