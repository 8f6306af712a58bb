/** What one check found. */
export interface Finding {
  readonly level: 'OK' | 'WARN' | 'FAIL'
  /** What was looked at, in one or two words. */
  readonly check: string
  readonly says: string
  /** What to do; absent where nothing is to be done. */
  readonly cure?: string
}

type Say = (check: string, says: string, cure?: string) => Finding

const finding =
  (level: Finding['level']): Say =>
  (check, says, cure) => ({ level, check, says, ...(cure !== undefined && { cure }) })

export const fine = finding('OK')
export const warn = finding('WARN')
export const fail = finding('FAIL')

/** All findings, or one OK when there are none. */
export const orFine = (findings: readonly Finding[], check: string, says: string): readonly Finding[] =>
  findings.length > 0 ? findings : [fine(check, says)]

const MOST_NAMED = 5

/** `a, b, c and 7 more`. */
export function someOf(names: readonly string[]): string {
  const named = names.slice(0, MOST_NAMED).join(', ')
  return names.length > MOST_NAMED ? `${named} and ${names.length - MOST_NAMED} more` : named
}

/** `1 claim`, `2 claims`. */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

/** `once`, `2 times`. */
export const timesText = (count: number): string => (count === 1 ? 'once' : `${count} times`)
