/** Arithmetic of measurements. */

/** The value below which `part` (0 to 1) of the sorted values lie; NaN of none. */
export const quantile = (values: readonly number[], part: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

export const rounded = (value: number, digits = 3): number => Number(value.toFixed(digits))

/** The shape of many latencies, in the unit of the values. */
export interface Spread {
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly count: number
}

export const spread = (values: readonly number[]): Spread => ({
  p50: rounded(quantile(values, 0.5)),
  p99: rounded(quantile(values, 0.99)),
  max: rounded(Math.max(...values)),
  count: values.length,
})

/** Seconds that `work` took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return (performance.now() - startedMs) / 1000
}
