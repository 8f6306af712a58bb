/** How an Eip names the interfaces that may announce its addresses. One grammar for admission and for the speaker. */
import { type Ip, parseIp } from '../addr/ip.ts'
import type { EipSpec } from '../api/eip.ts'
import { err, ok, type Result } from '../result.ts'

/** One item of the list: a link by its name, links by a pattern, or the link that leads to an address. */
export type InterfaceChoice =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'glob'; readonly glob: string; matches(name: string): boolean }
  | { readonly kind: 'can-reach'; readonly to: Ip }

/** The item that cannot be read, and why, as a sentence without a full stop. */
export interface InterfaceChoiceError {
  readonly item: string
  readonly problem: string
}

/** `spec.interface` of a claim holds at most this many characters. */
export const LONGEST_INTERFACE_TEXT = 256

const CAN_REACH = 'can_reach:'
const SEPARATOR = /, */
/** IFNAMSIZ of linux/if.h without its terminating zero. */
const LONGEST_LINK_NAME = 15
/**
 * Linux takes any byte in the name of a link but white space, `/` and `:`. Here `,` parts items, `*` and `?` make a pattern, and brackets
 * and braces are refused: who writes them means a pattern that we do not have, and no link would ever fit.
 */
const LINK_NAME = /^(?!\.{1,2}$)[!-~]+$/
const NOT_IN_LINK_NAME = /[/:[\]{}]/
const FORMS = `write a name such as eth0, a pattern such as eth*, or ${CAN_REACH} and one address`

/** The text that the claims of an Eip carry: its `interface`, then its `interfaces`, joined by commas. Undefined when it names none. */
export function interfaceText({ interface: first, interfaces = [] }: Pick<EipSpec, 'interface' | 'interfaces'>): string | undefined {
  const items = [first ?? '', ...interfaces].filter((item) => item !== '')
  return items.length === 0 ? undefined : items.join(',')
}

/** Reads a list such as `eth0`, `can_reach:192.0.2.1` or `bond0,eth*`. The order counts: the first that can carry the address is used. */
export function parseInterfaceText(text: string): Result<readonly InterfaceChoice[], InterfaceChoiceError> {
  const choices: InterfaceChoice[] = []
  for (const item of text.split(SEPARATOR)) {
    const choice = parseItem(item)
    if (!choice.ok) return err({ item: shortened(item), problem: choice.error })
    choices.push(choice.value)
  }
  return ok(choices)
}

const shortened = (item: string): string => (item.length > 64 ? `${item.slice(0, 64)}...` : item)

function parseItem(item: string): Result<InterfaceChoice, string> {
  if (item.startsWith(CAN_REACH)) {
    const to = parseIp(item.slice(CAN_REACH.length).trim())
    return to.ok ? ok({ kind: 'can-reach', to: to.value }) : err(`${to.error.message}; write ${CAN_REACH} and one address`)
  }
  if (item === '') return err(`an item of the list is empty; ${FORMS}`)
  const isGlob = /[*?]/.test(item)
  if (!LINK_NAME.test(item) || NOT_IN_LINK_NAME.test(item)) return err(`"${shortened(item)}" cannot be the name of a link; ${FORMS}`)
  if (item.replaceAll('*', '').length > LONGEST_LINK_NAME) {
    return err(`"${shortened(item)}" cannot be the name of a link, which has at most ${LONGEST_LINK_NAME} characters; ${FORMS}`)
  }
  return ok(isGlob ? globChoice(item) : { kind: 'name', name: item })
}

function globChoice(glob: string): InterfaceChoice {
  return { kind: 'glob', glob, matches: (name) => matchesGlob(glob, name) }
}

/**
 * `*` stands for any characters, `?` for one. Goes back to the last `*` alone, so the time is at most the product of the lengths: a
 * regular expression made from `*a*a*a*...` could take for ever.
 */
function matchesGlob(glob: string, name: string): boolean {
  let [at, inName] = [0, 0]
  let star = -1
  let afterStar = 0
  while (inName < name.length) {
    if (glob[at] === '*') {
      star = at++
      afterStar = inName
    } else if (glob[at] === '?' || glob[at] === name[inName]) {
      at++
      inName++
    } else if (star >= 0) {
      at = star + 1
      inName = ++afterStar
    } else return false
  }
  while (glob[at] === '*') at++
  return at === glob.length
}
