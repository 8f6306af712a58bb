import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** Lines that ran, of lines there are. */
export interface FileCoverage {
  readonly path: string
  readonly covered: number
  readonly total: number
}

export interface Coverage {
  readonly percent: number
  /** The files with the most lines that never ran. */
  readonly worst: readonly FileCoverage[]
}

/** Where tap writes the report of `--coverage-report=json-summary`. */
const REPORT = '.tap/report/coverage-summary.json'

/** Reads tap's last report; paths are relative to `root`. Throws when there is none. */
export function readCoverage(root: string): FileCoverage[] {
  const report = JSON.parse(readFileSync(join(root, REPORT), 'utf8')) as Record<string, { lines: { covered: number; total: number } }>
  return Object.entries(report)
    .filter(([path]) => path !== 'total')
    .map(([path, { lines }]) => ({ path: relative(root, path), covered: lines.covered, total: lines.total }))
}

/**
 * The share of lines of these files that ran, in percent. A file that no test loads is not in the report: it counts with
 * all of its lines, so that code cannot hide by not being tested at all.
 */
export function lineCoverage(
  report: readonly FileCoverage[],
  files: readonly { readonly path: string; readonly lines: number }[],
): Coverage {
  const byPath = new Map(report.map((file) => [file.path, file]))
  const counted = files.map(({ path, lines }) => byPath.get(path) ?? { path, covered: 0, total: lines })
  const covered = counted.reduce((sum, file) => sum + file.covered, 0)
  const total = counted.reduce((sum, file) => sum + file.total, 0)
  const missing = (file: FileCoverage) => file.total - file.covered
  const worst = counted.filter((file) => missing(file) > 0).sort((a, b) => missing(b) - missing(a))
  return { percent: total === 0 ? 100 : (covered / total) * 100, worst: worst.slice(0, 10) }
}
