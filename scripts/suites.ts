import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { lineCoverage, readCoverage } from './coverage.ts'
import { isShell } from './rooms.ts'
import { secondTry } from './second-try.ts'
import { readSourceFiles } from './source-file.ts'
import { progress, ROOT, runProgram } from './step.ts'
import { addTally, createTapReader, failuresOf, type Tally } from './tap-stream.ts'

type Print = (text: string) => void

const UNIT_LIMIT_MS = 1_200_000
/** Least share of the lines of pure files that the unit tests run. Shells are the scenarios' business. */
const LEAST_COVERAGE_PERCENT = 90
/** A tenfold of what a suite takes on two idle cores, at most; a suite that is not named gets the default. */
const DEFAULT_SCENARIO_LIMIT_S = 600
const SCENARIO_LIMIT_S: Readonly<Record<string, number>> = { cluster: 900 }
const LOGS = '.tap/scenario'

/** Test files below test/, sorted: those of units, and those of scenarios by the name `npm test -- scenario NAME` takes. */
export function findTests(): { units: string[]; scenarios: Map<string, string> } {
  const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${name}`)
    .sort()
  const isScenario = (file: string) => file.startsWith('test/scenario/')
  const scenarios = files.filter(isScenario).map((file): [string, string] => [basename(file, '.test.ts'), file])
  return { units: files.filter((file) => !isScenario(file)), scenarios: new Map(scenarios) }
}

/**
 * Runs unit tests under tap with coverage; prints each file as it ends. Where all are run, too little coverage counts as
 * one failure.
 */
export async function runUnits(files: readonly string[], print: Print): Promise<Tally> {
  const failed = new Set<string>()
  const reader = createTapReader((point) => {
    print(progress(point.name, { ok: point.ok, reason: 'see below', seconds: point.seconds }))
    if (point.ok) return
    failed.add(point.name)
    print(failuresOf(point.text))
  })
  const tap = ['node_modules/tap/dist/esm/run.mjs', 'run', '--reporter=tap', '--timeout=240']
  const coverage = ['--allow-incomplete-coverage', '--coverage-report=json-summary']
  const outcome = await runProgram({ argv: [...tap, ...coverage, ...files], limitMs: UNIT_LIMIT_MS, onLine: reader.line })
  const tally = reader.tally()
  if (!outcome.ok && (tally.failed === 0 || !reader.isWhole())) {
    print(`FAIL unit tests: ${outcome.reason}\n${outcome.output.slice(-4000)}`)
    return { ...tally, failed: Math.max(1, tally.failed) }
  }
  const judged = await secondTry(tally, [...failed], (file) => runScenario(basename(file, '.test.ts'), file, print), print)
  return files.length === findTests().units.length ? addTally(judged, judgeCoverage(print)) : judged
}

function judgeCoverage(print: Print): Tally {
  const pure = readSourceFiles(ROOT, ['src', 'certgen']).filter(({ path, hasCode }) => hasCode && !isShell(path))
  const { percent, worst } = lineCoverage(readCoverage(ROOT), pure)
  print(`coverage of the ${pure.length} pure files: ${percent.toFixed(1)} % of lines (at least ${LEAST_COVERAGE_PERCENT} %)`)
  for (const { path, covered, total } of worst) print(`    ${String(total - covered).padStart(4)} of ${total} lines never ran: ${path}`)
  return percent >= LEAST_COVERAGE_PERCENT ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

/** Runs one scenario suite within its time bound. Its whole output is kept in a file, which a failure names. */
export async function runScenario(name: string, file: string, print: Print): Promise<Tally> {
  const limitS = SCENARIO_LIMIT_S[name] ?? DEFAULT_SCENARIO_LIMIT_S
  print(`scenario ${name} (at most ${limitS} s)`)
  const reader = createTapReader((point) => {
    print(`  ${progress(point.name, { ok: point.ok, reason: 'see below', seconds: point.seconds })}`)
    if (!point.ok) print(failuresOf(point.text))
  })
  // The runner bounds the time; tap's own bound is set beyond it, so that one of the two speaks.
  const env = { TAP_TIMEOUT: String(limitS * 2) }
  const outcome = await runProgram({ argv: [file], limitMs: limitS * 1000, env, onLine: reader.line })
  const log = `${LOGS}/${name}.log`
  mkdirSync(join(ROOT, LOGS), { recursive: true })
  writeFileSync(join(ROOT, log), outcome.output)
  const tally = reader.tally()
  const failed = outcome.ok ? tally.failed : Math.max(1, tally.failed)
  print(progress(`scenario ${name}`, { ...outcome, ok: failed === 0, reason: `${outcome.reason || 'no summary'}; its log: ${log}` }))
  if (failed > 0 && tally.failed === 0) print(outcome.output.slice(-4000))
  return { passed: tally.passed, failed }
}
