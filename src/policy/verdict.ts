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
