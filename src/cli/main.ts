#!/usr/bin/env node
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'
import { text } from 'node:stream/consumers'
import { ApiError } from '../kube/client.ts'
import { productVersion, runMain, UsageError } from '../runtime/process.ts'
import { connectCluster } from './cluster.ts'
import type { CliValues } from './flags.ts'
import { renderReport } from './render.ts'
import type { Report } from './report.ts'
import { explainTrouble } from './trouble.ts'
import { type Command, readCommand } from './usage.ts'
import type { Person, Verb } from './verb.ts'
import { addresses } from './verbs/addresses.ts'
import { bgp } from './verbs/bgp.ts'
import { doctor } from './verbs/doctor.ts'
import { explain } from './verbs/explain.ts'
import { move } from './verbs/move.ts'
import { pools } from './verbs/pools.ts'
import { release } from './verbs/release.ts'
import { status } from './verbs/status.ts'
import { whatif } from './verbs/whatif.ts'

const VERBS: readonly Verb[] = [status, pools, addresses, explain, whatif, move, release, bgp, doctor]

const person: Person = {
  read: (path) => (path === '-' ? text(process.stdin) : readFile(path, 'utf8')),
  async confirm(question) {
    if (!process.stdin.isTTY) return 'nobody'
    const terminal = createInterface({ input: process.stdin, output: process.stderr })
    try {
      return /^y(es)?$/i.test((await terminal.question(`${question}[y/N] `)).trim()) ? 'yes' : 'no'
    } finally {
      terminal.close()
    }
  },
  say: (text) => void process.stderr.write(`${text}\n`),
  print: (text) => void process.stdout.write(`${text}\n`),
}

const wantsColour = ({ color }: CliValues): boolean =>
  color === 'always' || (color === 'auto' && process.stdout.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb')

function print(report: Report, values: CliValues): void {
  const style = { format: values.output, headers: !values['no-headers'], colour: wantsColour(values) }
  process.stdout.write(renderReport(report, style))
  if (report.note !== undefined && (values.output === 'table' || values.output === 'wide')) process.stderr.write(`${report.note}\n`)
}

async function execute({ verb, words, values, given }: Extract<Command, { kind: 'run' }>): Promise<number> {
  const cluster = connectCluster({ kubeconfig: values.kubeconfig, context: values.context, env: process.env })
  try {
    const outcome = await verb.run({ words, values, given, cluster, person, nowMs: Date.now() })
    if (outcome.kind === 'misuse') throw new UsageError(outcome.message)
    if (outcome.kind === 'trouble') return complain(outcome.message)
    print(outcome.report, values)
    return outcome.code
  } catch (error) {
    if (error instanceof ApiError) return complain(explainTrouble(error))
    throw error
  } finally {
    cluster.close()
  }
}

function complain(message: string): number {
  process.stderr.write(`openelb: ${message}\n`)
  return 1
}

async function main(): Promise<number> {
  const command = readCommand(process.argv.slice(2), VERBS, productVersion())
  if (command.kind === 'misuse') throw new UsageError(command.message)
  if (command.kind === 'run') return execute(command)
  process.stdout.write(command.text)
  return command.code
}

// A reader that has seen enough (`openelb pools | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

runMain('openelb', main)
