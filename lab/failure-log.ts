import { copyFileSync, existsSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { lastLines, StepError } from './command.ts'

/** A failed lab is removed with all its files; the log that the error names is kept in the temporary folder, and its end is quoted. */
export function keepLog(error: unknown, lab: string): unknown {
  if (!(error instanceof StepError) || error.log === undefined || !existsSync(error.log) || !statSync(error.log).isFile()) return error
  const kept = join(tmpdir(), `openelb-lab-${lab}-${basename(error.log)}`)
  copyFileSync(error.log, kept)
  return new StepError(error.step, `${error.reason}\n  ${lastLines(readFileSync(kept, 'utf8'), 4).replaceAll('\n', '\n  ')}`, kept)
}
