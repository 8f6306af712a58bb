import { type ChildProcess, spawn } from 'node:child_process'
import type { LabArguments } from '../arguments.ts'
import { exitCode, labEnvironment, StepError } from '../command.ts'
import { findLab, type LabState } from '../state.ts'

/** What a verb may use of the terminal. */
export interface Terminal {
  write(line: string): void
  /** Aborted by Ctrl-C, SIGTERM or a lost terminal. */
  readonly signal: AbortSignal
}

/** A verb: gives its exit code, or rejects with a StepError. */
export type VerbProgram = (arguments_: LabArguments, terminal: Terminal) => Promise<number>

/** The running lab of that name. Throws a StepError that says how to get one. */
export function requireLab(name: string): LabState & { readonly id: number } {
  const lab = findLab(name)
  const option = name === 'lab' ? '' : ` --name ${name}`
  if (lab === undefined) throw new StepError(undefined, `there is no lab named ${name}; start it with: npm run lab -- up${option}`)
  const { id } = lab
  if (lab.phase !== 'running' || id === undefined)
    throw new StepError(undefined, `the lab named ${name} is not fully up; remove it with: npm run lab -- down${option}`)
  return { ...lab, id }
}

/** Hands the terminal to another program and gives its exit code. */
export function handOver(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<number> {
  const [file = '', ...args] = argv
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(file, args, { stdio: 'inherit', env: labEnvironment(environment) })
    child.on('error', (error) => reject(new StepError(file, error.message)))
    child.on('exit', (code, signal) => resolve(exitCode(code, signal)))
  })
}
