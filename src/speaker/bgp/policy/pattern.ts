/** Patterns of policies: the regular expressions of Go, as far as they mean the same here. */
import { parseCommunity, standardText, WELL_KNOWN_COMMUNITIES } from '../../../api/bgp-community.ts'

/** Syntax of Go that has no meaning, or another one, in JavaScript. */
const FOREIGN = /\(\?(?!:)|\[\[:|\\[AzQECpPG]|\\x\{/
const LONGEST = 512

/** Whether a group that repeats has something in it that repeats: such a pattern can take for ever on a text that nearly fits. */
function repeatsRepetition(text: string): boolean {
  const groups: boolean[] = []
  let inClass = false
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] ?? ''
    if (sign === '\\') at++
    else if (inClass) inClass = sign !== ']'
    else if (sign === '[') inClass = true
    else if (sign === '(') groups.push(false)
    else if (sign === ')') {
      const repeats = groups.pop() ?? false
      const isRepeated = /[*+{]/.test(text[at + 1] ?? '')
      if (repeats && isRepeated) return true
      if ((repeats || isRepeated) && groups.length > 0) groups[groups.length - 1] = true
    } else if (/[*+{]/.test(sign) && groups.length > 0) groups[groups.length - 1] = true
  }
  return false
}

/** A compiled pattern; undefined when it cannot be followed. */
export function compilePattern(text: string): RegExp | undefined {
  if (text.length > LONGEST || FOREIGN.test(text) || repeatsRepetition(text)) return undefined
  try {
    return new RegExp(text)
  } catch {
    return undefined
  }
}

/** A community or a pattern of them: a number, `A:B` (a pattern that looks like one must fit as a whole), a well-known name, or any pattern. */
export function communityPattern(text: string): RegExp | undefined {
  if (/^\d{1,10}$/.test(text)) return compilePattern(`^${standardText(Number(text))}$`)
  if (/\d+:\d+/.test(text)) return compilePattern(`^${text}$`)
  const name = text.toLowerCase().replaceAll('_', '-')
  const known = parseCommunity(name)
  if (known.ok && known.value.kind === 'standard' && (Object.hasOwn(WELL_KNOWN_COMMUNITIES, name) || !/\d/.test(name))) {
    return compilePattern(`^${standardText(known.value.value)}$`)
  }
  return compilePattern(text)
}

export const largePattern = (text: string): RegExp | undefined => compilePattern(/\d+:\d+:\d+/.test(text) ? `^${text}$` : text)

/** `_` stands for what may be between two AS numbers, as in the patterns of routers. */
export const asPathPattern = (text: string): RegExp | undefined => compilePattern(text.replaceAll('_', '(?:^|[,{}() ]|$)'))

/** A subtype and the pattern of the value after it. */
export interface ExtendedPattern {
  readonly subtype: 'rt' | 'ro'
  readonly value: RegExp
}

export function extendedPattern(text: string): ExtendedPattern | undefined {
  const colon = text.indexOf(':')
  const word = text.slice(0, Math.max(0, colon)).toLowerCase()
  const subtype = word === 'rt' ? 'rt' : word === 'soo' || word === 'ro' ? 'ro' : undefined
  const value = communityPattern(text.slice(colon + 1))
  return subtype === undefined || value === undefined ? undefined : { subtype, value }
}
