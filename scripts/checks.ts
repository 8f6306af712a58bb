import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Outcome, progress, ROOT, runProgram } from './step.ts'

const LIMIT_MS = 120_000
/** The compiler remembers here what it checked, so a second run looks at changed files only. */
const COMPILER_STATE = 'node_modules/.cache/tsc.tsbuildinfo'

/** What can be said about the sources without running the product. Each is a script for Node and its arguments. */
const CHECKS: readonly (readonly [name: string, ...argv: string[]])[] = [
  [
    'types (tsc)',
    'node_modules/typescript/bin/tsc',
    '--noEmit',
    '-p',
    'tsconfig.json',
    '--incremental',
    '--tsBuildInfoFile',
    COMPILER_STATE,
  ],
  ['lint and format (biome)', 'node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '--colors=off', '.'],
  ['generated files', 'deploy/generate.ts', '--check'],
  ['architecture', 'test/architecture.test.ts'],
]

/** Runs all checks side by side and prints each as it ends; what failed shows its output. Resolves to whether all are well. */
export async function runChecks(print: (text: string) => void): Promise<boolean> {
  mkdirSync(join(ROOT, 'node_modules/.cache'), { recursive: true })
  const outcomes = await Promise.all(
    CHECKS.map(async ([name, ...argv]) => {
      const outcome = await runProgram({ argv, limitMs: LIMIT_MS })
      print(progress(name, outcome))
      if (!outcome.ok) print(indent(complaint(outcome)))
      return outcome.ok
    }),
  )
  return outcomes.every(Boolean)
}

/** Of a TAP stream only what failed; all of any other output. */
function complaint({ output }: Outcome): string {
  if (!output.startsWith('TAP version')) return output.trim()
  return output
    .split(/^(?=# Subtest)/m)
    .filter((block) => /^not ok /m.test(block))
    .join('')
    .trim()
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ')
}
