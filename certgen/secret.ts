import { CERTIFICATE_SECRET_KEYS, MEMBERLIST_PUBLIC_DEFAULT, MEMBERLIST_SECRET_KEY } from '../src/api/names.ts'

/** Under which keys of a Secret's `data` the three parts lie. The pair that waits for its turn has the same names after `next-`. */
export interface KeyNames {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** The names that kube-webhook-certgen uses by default, so that existing Secrets are read and others can read ours. */
export const DEFAULT_KEY_NAMES: KeyNames = {
  ca: CERTIFICATE_SECRET_KEYS.ca,
  cert: CERTIFICATE_SECRET_KEYS.certificate,
  key: CERTIFICATE_SECRET_KEYS.privateKey,
}

/** PEM texts of one Secret; a part that is not there is empty. */
export interface StoredCertificates {
  /** Every CA that clients must trust now: a bundle. */
  readonly ca: string
  readonly cert: string
  readonly key: string
  /** A pair that is served once the bundle with its CA has been published. */
  readonly next?: { readonly cert: string; readonly key: string }
}

/** `data` of a Secret: base64 texts. */
export type SecretContent = Readonly<Record<string, string>>

/** Reads what a Secret holds. Bytes that are no UTF-8 come out as text that no parser of certificates accepts. */
export function readStored(content: SecretContent, names: KeyNames): StoredCertificates {
  const text = (key: string): string => Buffer.from(content[key] ?? '', 'base64').toString()
  const next = { cert: text(nextKey(names.cert)), key: text(nextKey(names.key)) }
  const stored = { ca: text(names.ca), cert: text(names.cert), key: text(names.key) }
  return next.cert === '' && next.key === '' ? stored : { ...stored, next }
}

/** The inverse of readStored. Keys of `content` that are not ours stay. */
export function writeStored(content: SecretContent, stored: StoredCertificates, names: KeyNames): SecretContent {
  const ours = new Set([names.ca, names.cert, names.key, nextKey(names.cert), nextKey(names.key)])
  const others = Object.entries(content).filter(([key]) => !ours.has(key))
  const next =
    stored.next === undefined
      ? []
      : ([
          [nextKey(names.cert), stored.next.cert],
          [nextKey(names.key), stored.next.key],
        ] as const)
  const texts = [[names.ca, stored.ca], [names.cert, stored.cert], [names.key, stored.key], ...next] as const
  return Object.fromEntries([...others, ...texts.map(([key, text]) => [key, Buffer.from(text).toString('base64')] as const)])
}

const nextKey = (name: string): string => `next-${name}`

/** Whether a Secret `memberlist` with this content protects nothing: its key is empty, absent or the original's public one. */
export function lacksMembershipKey(content: SecretContent): boolean {
  const key = Buffer.from(content[MEMBERLIST_SECRET_KEY] ?? '', 'base64').toString()
  return key.trim() === '' || key.trim() === MEMBERLIST_PUBLIC_DEFAULT
}
