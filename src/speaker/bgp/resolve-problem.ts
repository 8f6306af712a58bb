/** How the parts of a resolution say what they do not follow. */
import type { BgpProblem, BgpProblemCode } from './resolve-facts.ts'

/** Collects problems of one BgpPeer, or of BgpConf. */
export interface ProblemList {
  readonly problems: readonly BgpProblem[]
  /** Adds a problem. Gives undefined, so that whoever cannot go on may return it. */
  add(code: BgpProblemCode, message: string, cure: string): undefined
}

/** Text from an object goes into statuses: it is cut, and quoted. */
export const shown = (text: unknown): string => JSON.stringify(String(text).slice(0, 64))

/** Keys of a policy text may have any length, and a status takes 1,024 characters. */
const LONGEST = 1000
const cut = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)

export function createProblemList(peer: string | undefined): ProblemList {
  const problems: BgpProblem[] = []
  return {
    problems,
    add(code, message, cure) {
      problems.push({ peer, code, message: cut(message), cure: cut(cure) })
      return undefined
    },
  }
}
