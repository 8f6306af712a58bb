/** Numbers of assertions. A skipped one counts as passed: it says why it is skipped. */
export interface Tally {
  readonly passed: number
  readonly failed: number
}

export const NOTHING: Tally = { passed: 0, failed: 0 }

export const addTally = (a: Tally, b: Tally): Tally => ({ passed: a.passed + b.passed, failed: a.failed + b.failed })

/** One outermost test of a stream. */
export interface TestPoint {
  readonly ok: boolean
  readonly name: string
  readonly seconds: number
  /** Everything that the stream said about it, its inner tests included. */
  readonly text: string
}

const POINT = /^(not )?ok \d+(?: - )?(.*?)(?: # time=([\d.]+)(ms|s))?(?: \{)?$/
const SUMMARY = /^# \{ total: (\d+)(?:, pass: (\d+))?(?:, fail: (\d+))?/

/**
 * Reads a TAP stream line by line: tells each outermost test as it ends, and keeps the tally of assertions that tap
 * prints at the end. Lines that are no TAP belong to the test that is running.
 * Source: TAP version 14 specification; the summary line is tap's own.
 */
export function createTapReader(onPoint: (point: TestPoint) => void) {
  let lines: string[] = []
  let tally: Tally | undefined
  let failedPoints = 0
  return {
    line(line: string): void {
      const summary = SUMMARY.exec(line)
      if (summary !== null) tally = toTally(summary)
      const point = POINT.exec(line)
      lines.push(line)
      if (point === null) return
      const [, not, name = '', time = '0', unit] = point
      if (not !== undefined) failedPoints++
      onPoint({ ok: not === undefined, name, seconds: Number(time) / (unit === 's' ? 1 : 1000), text: lines.join('\n') })
      lines = []
    },
    /** What came after the last test: the details of a failure, or why the stream ended early. */
    rest: (): string => lines.join('\n'),
    /** Whether the stream came to its summary: one that was cut off does not say which of its tests never ran. */
    isWhole: (): boolean => tally !== undefined,
    /** A stream without a summary was cut off: that is a failure, even when all that it said was well. */
    tally: (): Tally => tally ?? { passed: 0, failed: Math.max(1, failedPoints) },
  }
}

function toTally([, total = '0', pass = '0', fail = '0']: RegExpExecArray): Tally {
  const failed = Number(fail)
  const skipped = Math.max(0, Number(total) - Number(pass) - failed)
  return { passed: Number(pass) + skipped, failed }
}

/** Lines that say that all is well, or where one is. */
const QUIET = /^\s*(ok \d+|# Subtest|# time=|# \{ total|\d+\.\.\d+|\}$|TAP version|$)/

/** Of what a stream said: the tests that failed with their details, and what was printed besides. */
export function failuresOf(text: string): string {
  return text
    .split('\n')
    .filter((line) => !QUIET.test(line))
    .join('\n')
}
