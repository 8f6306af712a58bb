import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Timer } from '../../runtime/clock.ts'
import { describeError, type Logger } from '../../runtime/logger.ts'
import { explainUnsound, type KeyRing, keysOf, type ListedSecrets, sameRing, secretText, turnRing } from '../membership/keys.ts'
import type { Keys } from '../membership/message.ts'
import type { KeySecret } from './key-secret.ts'

/** How often the directory is read again. */
export const KEYS_EVERY_MS = 5000
/** How long a start waits for the first look at the Secret: the API server may be away. */
const FIRST_LOOK_MS = 5000
/** And how long once the API server is known to be there: an informer tries again within 10 s. */
const SECOND_LOOK_MS = 12_000
const KEY_FILE = 'key'
const PREVIOUS_FILE = 'previous'

/**
 * Where the key comes from: a Secret with `key` and (where there is one) `previous`, which is watched; a directory of such files, which
 * may change; or a text that holds for the life of the process.
 */
export type KeySource = { readonly secret: KeySecret } | { readonly dir: string } | { readonly text: string }

export type KeyWatchOptions = KeySource & {
  readonly clock: Clock
  readonly logger: Logger
  /** Called with the first sound keys (before watchKeys resolves, where they are there already), and at each change. */
  readonly onChange: (keys: Keys) => void
}

export interface KeyWatch {
  /** Why there are no keys, or why those of before still hold; undefined when all is well. A whole sentence. */
  problem(): string | undefined
  /** Waits for a Secret that was not read yet (KeySecret.whenRead), and looks. Never rejects. */
  again(): Promise<void>
  /** Idempotent. */
  close(): Promise<void>
}

/**
 * Reads the keys, and a Secret's or a directory's again and again. It never rejects: what cannot be read, or protects nothing, is told once per change
 * as a warning and by problem(), and the keys that held go on holding.
 */
export async function watchKeys(options: KeyWatchOptions): Promise<KeyWatch> {
  const { clock, logger, onChange } = options
  let ring: KeyRing | undefined
  let problem: string | undefined
  let told: string | undefined
  let timer: Timer | undefined
  let closed = false
  const turn = async (): Promise<void> => {
    const read = await look(options, clock.nowMs())
    if (closed) return
    problem = read.problem
    if (problem !== undefined && problem !== told) logger.warn(problem, ring === undefined ? {} : { keys: 'those of before still hold' })
    told = problem
    // A Secret that cannot be read counts as unchanged: time goes on for the keys that there are.
    const listed = read.listed ?? (ring === undefined ? undefined : unchanged(ring))
    if (listed !== undefined) {
      const next = turnRing(ring, listed, clock.monotonicMs())
      const isChange = !sameRing(ring, next)
      if (isChange && ring !== undefined)
        logger.info('the membership keys changed', { accepted: next.accept.size, sealsNew: next.seal === next.key })
      ring = next
      if (isChange) onChange(keysOf(next))
    }
    timer?.cancel()
    if (!('text' in options)) timer = clock.setTimer(KEYS_EVERY_MS, () => void turn())
  }
  if ('secret' in options) {
    await options.secret.whenRead(FIRST_LOOK_MS)
    options.secret.onChange(() => void turn())
  }
  await turn()
  return {
    problem: () => problem,
    async again() {
      if ('secret' in options) await options.secret.whenRead(SECOND_LOOK_MS)
      await turn()
    },
    async close() {
      closed = true
      timer?.cancel()
      if ('secret' in options) await options.secret.close()
    },
  }
}

interface Reading {
  readonly listed?: ListedSecrets
  readonly problem?: string
}

/** What the Secret said last: the key, and one other that it still lists. */
function unchanged({ key, accept }: KeyRing): ListedSecrets {
  const previous = [...accept].find(([secret, untilMs]) => secret !== key && untilMs === Number.POSITIVE_INFINITY)?.[0]
  return { key, previous, ageMs: Number.POSITIVE_INFINITY }
}

function look(source: KeySource, nowMs: number): Reading | Promise<Reading> {
  if ('secret' in source) return fromSecret(source.secret)
  return 'text' in source ? fromText(source.text) : fromFiles(source.dir, nowMs)
}

/** Where a former key is listed the change may be young: others may not have seen it. */
function fromSecret(secret: KeySecret): Reading {
  const found = secret.read()
  if (found === undefined) return { problem: refused(`the Secret ${secret.name} has not been read yet`) }
  if (found.key === undefined) return { problem: refused(`there is no Secret ${secret.name} with an entry "key"`) }
  const key = secretText(found.key)
  const defect = explainUnsound(key)
  if (defect !== undefined) return { problem: refused(`the key of the Secret ${secret.name} ${defect}`) }
  const before = found.previous === undefined ? undefined : secretText(found.previous) || undefined
  const unsound = before === undefined ? undefined : explainUnsound(before)
  if (unsound !== undefined) {
    const problem = `the entry "previous" of the Secret ${secret.name} ${unsound}: it is not accepted`
    return { listed: { key, previous: undefined, ageMs: Number.POSITIVE_INFINITY }, problem }
  }
  return { listed: { key, previous: before, ageMs: before === undefined ? Number.POSITIVE_INFINITY : 0 } }
}

function fromText(text: string): Reading {
  const key = secretText(Buffer.from(text))
  const defect = explainUnsound(key)
  return defect === undefined
    ? { listed: { key, previous: undefined, ageMs: Number.POSITIVE_INFINITY } }
    : { problem: refused(`the key ${defect}`) }
}

async function fromFiles(dir: string, nowMs: number): Promise<Reading> {
  const path = join(dir, KEY_FILE)
  try {
    // One after the other: of several failures it would be chance which one is told.
    const bytes = await readFile(path)
    const { mtimeMs } = await stat(path)
    const before = await readPrevious(join(dir, PREVIOUS_FILE))
    const key = secretText(bytes)
    const defect = explainUnsound(key)
    if (defect !== undefined) return { problem: refused(`${path} ${defect}`) }
    const unsound = before === undefined ? undefined : explainUnsound(before)
    // A clock that was set back since makes a file of the future: as young as can be.
    const listed = { key, previous: unsound === undefined ? before : undefined, ageMs: Math.max(0, nowMs - mtimeMs) }
    return unsound === undefined ? { listed } : { listed, problem: `${join(dir, PREVIOUS_FILE)} ${unsound}: it is not accepted` }
  } catch (error) {
    return { problem: refused(`${path} cannot be read: ${describeError(error)}`) }
  }
}

async function readPrevious(path: string): Promise<string | undefined> {
  try {
    return secretText(await readFile(path)) || undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const refused = (why: string): string => `the speakers' membership has no new key: ${why}`
