/**
 * `npm run soak -- NAME [flags]`: runs test/soak/NAME.ts, a proof that takes too long for `npm test`. How far it is goes to standard error;
 * the last line on standard output is one JSON object. Exit code 0: it held; 1: it did not, or could not run; 2: a wrong command line.
 */
import { readdirSync } from 'node:fs'
import process from 'node:process'
import { formatFlags } from '../src/runtime/flags.ts'
import { runMain } from '../src/runtime/process.ts'
import type { Soak } from '../test/soak/support/soak.ts'

const FOLDER = new URL('../test/soak/', import.meta.url)

/** Every file of the folder itself is a soak; what soaks share is in support/. */
const names = (): readonly string[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort()

const load = async (name: string): Promise<Soak> => (await import(new URL(`${name}.ts`, FOLDER).href)) as Soak

async function usage(): Promise<string> {
  const lines = await Promise.all(names().map(async (name) => `  ${name.padEnd(14)}${(await load(name)).describe}\n`))
  return `Usage: npm run soak -- NAME [flags]\n       npm run soak -- NAME --help\n\n${lines.join('')}`
}

async function describe(name: string): Promise<string> {
  const { describe, flags } = await load(name)
  return `${describe}\n\nUsage: npm run soak -- ${name} [flags]\n${flags === undefined ? '' : `\nFlags:\n${formatFlags(flags)}`}`
}

runMain('soak', async () => {
  const [name, ...rest] = process.argv.slice(2)
  if (name === '--help' || name === '-h') {
    process.stdout.write(await usage())
    return 0
  }
  if (name === undefined || !names().includes(name)) {
    const wrong = name === undefined ? '' : `there is no soak "${name.slice(0, 64)}"\n\n`
    process.stderr.write(`${wrong}${await usage()}`)
    return 2
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(await describe(name))
    return 0
  }
  const startedMs = performance.now()
  const result = await (await load(name)).run(rest)
  const seconds = Math.round((performance.now() - startedMs) / 1000)
  process.stdout.write(`${JSON.stringify({ soak: name, seconds, ...result })}\n`)
  return 'passed' in result && result.passed === false ? 1 : 0
})
