/** What admission answers. */
export type Verdict =
  /** `warnings` are sentences that kubectl prints; the object is stored all the same. */
  | { readonly allowed: true; readonly warnings: readonly string[] }
  /** `message` says what is wrong, then `: ` and what to do. */
  | { readonly allowed: false; readonly message: string }

/** Lets the object in, with the given warnings. */
export const allow = (...warnings: readonly string[]): Verdict => ({ allowed: true, warnings })

/** Refuses the object: what is wrong, and the cure. */
export const refuse = (text: string, cure: string): Verdict => ({ allowed: false, message: `${text}: ${cure}` })

/** One thing found in an object: it is refused with a cure, or let in with a warning. */
export type Finding = { readonly refuse: string; readonly cure: string } | { readonly warn: string }

/** The first finding that refuses decides; without one the object is let in with every warning, each said once. */
export function verdictOf(findings: Iterable<Finding>): Verdict {
  const warnings = new Set<string>()
  for (const finding of findings) {
    if ('refuse' in finding) return refuse(finding.refuse, finding.cure)
    warnings.add(finding.warn)
  }
  return allow(...warnings)
}

/** The API server cuts a warning after this many characters. */
export const WARNING_LENGTH = 256
const NAMED_MAX = 10

/**
 * The first of the names, joined by `, `, and how many more there are: at most ten, and no more than `room` characters let in. One is always
 * named, cut if it must be.
 */
export function namesUpTo(names: readonly string[], room: number): string {
  const [first = ''] = names
  let text = first.length > room ? `${first.slice(0, room)}…` : first
  let shown = Math.min(1, names.length)
  for (const name of names.slice(1, NAMED_MAX)) {
    if (text.length + name.length + 2 > room) break
    text += `, ${name}`
    shown++
  }
  return shown < names.length ? `${text} and ${names.length - shown} more` : text
}
