const UNIT_MS = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
])

/** Reads Go's text of a duration (`15s`, `1m30s`, `0.5s`, `0`) as milliseconds; `undefined` for anything else, negatives included. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+$/.test(text) || text.length > 64) return undefined
  let totalMs = 0
  for (const [, count = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g))
    totalMs += Number(count) * (UNIT_MS.get(unit) ?? 0)
  return totalMs
}

/** The shortest exact text of whole milliseconds: `90000` is `1m30s`. parseDuration reads it back. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor((ms % 3_600_000) / 60_000)
  const seconds = Math.floor((ms % 60_000) / 1000)
  const rest = ms % 1000
  return `${hours ? `${hours}h` : ''}${minutes ? `${minutes}m` : ''}${seconds ? `${seconds}s` : ''}${rest ? `${rest}ms` : ''}`
}
