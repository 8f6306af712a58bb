/**
 * The name of a claim is its address, checked by the API server itself: two claims of one address cannot exist, however they are written.
 * The functions of CEL for addresses are younger than the oldest Kubernetes that we run on, so these rules compare texts.
 */
import type { CelRule } from './define-kind.ts'

const FORMS = 'the name of a claim is its address: IPv4 as text, IPv6 as eight groups of four hex digits joined by "-"'
const OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'

/**
 * The address that the name stands for, without `::`: `fd00-0252-...-0001` gives `fd00:252:0:0:0:0:0:1`. A group of zeros is a `z` while
 * leading zeros are taken off.
 */
const LONG_FORM =
  "('-' + self.metadata.name).replace('-0000', '-z').replace('-000', '-').replace('-00', '-').replace('-0', '-').replace('-z', '-0').replace('-', ':').substring(1)"

/** What stands before and after `::`, each with the `:` that joins it to the zeros between. */
const BEFORE = "(self.spec.address.indexOf('::') == 0 ? '' : self.spec.address.substring(0, self.spec.address.indexOf('::') + 1))"
const AFTER = "(self.spec.address.endsWith('::') ? '' : self.spec.address.substring(self.spec.address.indexOf('::') + 1))"

/** The long form begins and ends as the address does, and has only zeros where the address has `::`. */
const WITH_GAP = `[${LONG_FORM}].all(long, long.startsWith(${BEFORE}) && long.endsWith(${AFTER}) && long.substring(size(${BEFORE}), size(long) - size(${AFTER})).matches('^0(:0)+$'))`

/** A rule must not repeat what an earlier one says, so each lets pass what is not its concern. */
export const CLAIM_NAME_RULES: readonly CelRule[] = [
  {
    rule: "self.spec.address.contains(':') ? self.metadata.name.matches('^[0-9a-f]{4}(-[0-9a-f]{4}){7}$') : self.metadata.name == self.spec.address",
    message: FORMS,
    fieldPath: '.spec.address',
  },
  {
    rule: `self.spec.address.contains(':') || self.spec.address.matches('^${OCTET}([.]${OCTET}){3}$')`,
    message: 'the address of a claim is in canonical text, such as 192.0.2.10 or 2001:db8::10',
    fieldPath: '.spec.address',
  },
  {
    rule: `!self.spec.address.contains(':') || !self.metadata.name.matches('^[0-9a-f]{4}(-[0-9a-f]{4}){7}$') || (self.spec.address.contains('::') ? ${WITH_GAP} : ${LONG_FORM} == self.spec.address)`,
    message: 'the name of a claim is its address, group by group: 2001:db8::10 is 2001-0db8-0000-0000-0000-0000-0000-0010',
    fieldPath: '.spec.address',
  },
]
