/**
 * `npm run bench -- NAME [flags]`: runs bench/NAME.ts and prints its result as one JSON object on standard output; how far it is goes to
 * standard error. Each bench measures the product and, in the same run on the same machine, a floor: the least that the same work could cost.
 */
import { readdirSync } from 'node:fs'
import process from 'node:process'
import { runMain } from '../src/runtime/process.ts'
import { askedText, type Bench } from './support/bench.ts'

/** The files of this folder but this one; what benches share is in support/. */
const names = (): readonly string[] =>
  readdirSync(new URL('.', import.meta.url))
    .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
    .map((file) => file.slice(0, -'.ts'.length))
    .sort()

const usage = (): string => `Usage: npm run bench -- NAME [flags]
       npm run bench -- NAME --help

Benches: ${names().join(', ')}
`

runMain('bench', async () => {
  const [name, ...rest] = process.argv.slice(2)
  if (name === '--help' || name === '-h') {
    process.stdout.write(usage())
    return 0
  }
  if (name === undefined || !names().includes(name)) {
    const wrong = name === undefined ? '' : `there is no bench "${name.slice(0, 64)}"\n\n`
    process.stderr.write(`${wrong}${usage()}`)
    return 2
  }
  const bench = (await import(`./${name}.ts`)) as Bench
  const text = askedText(name, bench, rest)
  if (text !== undefined) {
    process.stdout.write(text)
    return 0
  }
  const result = await bench.run(rest)
  process.stdout.write(`${JSON.stringify(result)}\n`)
  return 0
})
