import { existsSync, readFileSync, writeSync } from 'node:fs'
import process from 'node:process'
import { createLogger, describeError, type LogFormat, type Logger, type LogLevel } from './logger.ts'

/** A mistake of the person who started the process: it is printed as one sentence, without a stack, and the exit code is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/**
 * The policy of every entry: runs `fn`, and whatever is thrown there or nowhere caught afterwards is written to standard error and
 * ends the process with code 1 (2 for a UsageError). A number that `fn` gives is the exit code (once
 * nothing is left to do); a daemon gives nothing and lives on.
 */
export function runMain(name: string, fn: () => Promise<unknown>): void {
  const fail = (error: unknown): never => {
    const usage = error instanceof UsageError
    const stack = error instanceof Error && !usage && error.stack !== undefined ? `\n${error.stack}` : ''
    print(2, `${name}: ${describeError(error)}${stack}\n`)
    process.exit(usage ? 2 : 1)
  }
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)
  fn().then((code) => {
    if (typeof code === 'number') process.exitCode = code
  }, fail)
}

/** The logger of a daemon: standard error, one write per line, so that no line is lost at exit. */
export function createProcessLogger(component: string, format: LogFormat, level: LogLevel): Logger {
  return createLogger({ format, level, write: (line) => print(2, line) }).child({ component })
}

/** A full pipe refuses a synchronous write for a moment; a line is given up after this many tries rather than stop the process. */
const MOST_WRITE_TRIES = 100

/** Writes all of `text`, synchronously. A reader that is gone is no reason to die: its lines are lost. */
function print(fd: number, text: string): void {
  let bytes = Buffer.from(text)
  for (let tries = 0; bytes.length > 0 && tries < MOST_WRITE_TRIES; tries++) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EAGAIN') return
    }
  }
}

/** The version in package.json: two folders up in the sources, three in the build. */
export function productVersion(): string {
  const candidates = ['../../package.json', '../../../package.json'].map((path) => new URL(path, import.meta.url))
  const file = candidates.find((url) => existsSync(url))
  return file === undefined ? 'unknown' : (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
