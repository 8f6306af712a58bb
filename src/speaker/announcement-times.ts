import { err, ok, type Result } from '../result.ts'
import { parseDuration } from '../runtime/duration.ts'

/** When a new owner tells the neighbours: milliseconds after the take-over, rising, and then every `repeatMs`, or never again. */
export interface AnnouncementTimes {
  readonly delaysMs: readonly number[]
  readonly repeatMs: number | undefined
}

export const DEFAULT_ANNOUNCEMENT_TIMES = '0s,1s,2s,4s'

const MOST = 16
const LONGEST_DELAY_MS = 60_000
/** More often would be a storm with many addresses. */
const SHORTEST_REPEAT_MS = 10_000
const REPEAT = /^every (\S+)$/
const WANTS = 'expected up to 16 rising times of at most 1m, the first 0s, and then perhaps `every` and a time of at least 10s'

/** Reads `0s,1s,2s,4s` or `0s,1s,every 60s`. Error: a sentence that quotes the text. */
export function parseAnnouncementTimes(text: string): Result<AnnouncementTimes, string> {
  const bad = err(`"${text}" is no list of times: ${WANTS}`)
  const words = text.split(',').map((word) => word.trim())
  const repeat = REPEAT.exec(words.at(-1) ?? '')
  const delaysMs = (repeat === null ? words : words.slice(0, -1)).map(parseDuration)
  const repeatMs = repeat === null ? undefined : parseDuration(repeat[1] ?? '')
  if (repeat !== null && (repeatMs === undefined || repeatMs < SHORTEST_REPEAT_MS)) return bad
  if (delaysMs.length > MOST || delaysMs[0] !== 0 || !isRising(delaysMs)) return bad
  return ok({ delaysMs, repeatMs })
}

const isRising = (times: readonly (number | undefined)[]): times is readonly number[] =>
  times.every((ms, at) => ms !== undefined && ms <= LONGEST_DELAY_MS && (at === 0 || ms > (times[at - 1] ?? 0)))
