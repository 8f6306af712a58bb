/** The difference between two statuses, as a merge patch (RFC 7386). */
import type { EipStatus } from '../api/eip.ts'

/** A merge patch of the status: null takes a field off, absent fields stay. */
export type StatusPatch = Readonly<Record<string, unknown>>

/** The merge patch that turns one status into another, or undefined when they are equal. Only fields that differ are in it. */
export function statusPatch(current: EipStatus | undefined, wanted: EipStatus): StatusPatch | undefined {
  const before: Readonly<Record<string, unknown>> = current ?? {}
  const after: Readonly<Record<string, unknown>> = wanted
  const patch: Record<string, unknown> = {}
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (isDeepEqual(before[key], after[key])) continue
    const bothMaps = key === 'used' && before[key] !== undefined && after[key] !== undefined
    patch[key] = bothMaps ? mapPatch(current?.used ?? {}, wanted.used ?? {}) : (after[key] ?? null)
  }
  return Object.keys(patch).length === 0 ? undefined : patch
}

function mapPatch(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): Record<string, string | null> {
  const changed = Object.entries(after).filter(([key, value]) => before[key] !== value)
  const gone = Object.keys(before).filter((key) => after[key] === undefined)
  return Object.fromEntries([...changed, ...gone.map((key): [string, null] => [key, null])])
}

/** Equality of JSON values; the order of keys does not count, because the API server sorts them. */
function isDeepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const left = Object.entries(a)
  const right = b as Readonly<Record<string, unknown>>
  return left.length === Object.keys(right).length && left.every(([key, value]) => isDeepEqual(value, right[key]))
}
