import type { Ip } from '../../addr/ip.ts'
import type { Prefix } from '../../addr/prefix.ts'
import type { RouteAttributes } from './route.ts'

/** One path as a policy sees it, before it is told to a peer. */
export interface PolicySubject {
  readonly prefix: Prefix
  readonly nextHop: Ip
  readonly attributes: RouteAttributes
  /** Our own AS goes before these, repeated as often as the policy says. Empty for an external peer before any policy. */
  readonly prepend: number
}

export type PolicyVerdict =
  /** `statement`: the one that decided, for people; undefined: the default. */
  | { readonly kind: 'accept'; readonly subject: PolicySubject; readonly statement: string | undefined }
  | { readonly kind: 'reject'; readonly statement: string | undefined }

/**
 * What a peer may be told of our own routes; everything else is never told (RFC 8212). Pure. `text` is what it was made from: two policies with
 * one text are one.
 */
export interface ExportPolicy {
  readonly text: string
  judge(subject: PolicySubject): PolicyVerdict
}

/** Without a policy all of our own routes are told. */
export const EXPORT_OWN: ExportPolicy = { text: '', judge: (subject) => ({ kind: 'accept', subject, statement: undefined }) }
