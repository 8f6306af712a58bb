import { parseLabArguments, type Verb } from './arguments.ts'
import { StepError } from './command.ts'
import { doctor } from './verbs/doctor.ts'
import { down } from './verbs/down.ts'
import { kubectl } from './verbs/kubectl.ts'
import { load } from './verbs/load.ts'
import { logs } from './verbs/logs.ts'
import { shell } from './verbs/shell.ts'
import { start } from './verbs/start.ts'
import { status } from './verbs/status.ts'
import { up } from './verbs/up.ts'
import type { VerbProgram } from './verbs/verb.ts'

const PROGRAMS: Readonly<Record<Verb, VerbProgram>> = { up, down, status, logs, kubectl, shell, doctor, load, start }

/** What `npm run lab --` runs: exit code 2 for a wrong command line, 1 for a step that failed. */
async function main(): Promise<number> {
  const parsed = parseLabArguments(process.argv.slice(2))
  if (!parsed.ok) {
    const help = parsed.error.code === 'HELP'
    process[help ? 'stdout' : 'stderr'].write(`${parsed.error.message}\n`)
    return help ? 0 : 2
  }
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort())
  const write = (line: string) => process.stdout.write(`${line}\n`)
  try {
    return await PROGRAMS[parsed.value.verb](parsed.value, { write, signal: interruption.signal })
  } catch (error) {
    // A failed step is told in words; anything else is a defect and keeps its stack.
    process.stderr.write(
      `${error instanceof StepError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    )
    return 1
  }
}

// Somebody reads no further (`| head`): what was begun goes on to its end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})
process.exitCode = await main()
