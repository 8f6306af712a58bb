/** The keys as the watched Secret says them: a change counts at once, and what cannot be used changes nothing. */
import t from 'tap'
import { createLogger } from '../../../src/runtime/logger.ts'
import { watchKeys } from '../../../src/speaker/io/key-files.ts'
import type { KeySecret, SecretKeys } from '../../../src/speaker/io/key-secret.ts'
import { KEY_SPREAD_MS } from '../../../src/speaker/membership/keys.ts'
import type { Keys } from '../../../src/speaker/membership/message.ts'
import { deriveKey } from '../../../src/speaker/membership/seal.ts'
import { createManualClock } from '../../support/manual-clock.ts'

const bytes = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text))
const nameOf = (key: Uint8Array) =>
  ['one', 'two'].find((text) => Buffer.from(deriveKey(Buffer.from(text))).equals(Buffer.from(key))) ?? 'unknown'
const said = ({ seal, accept }: Keys) => `${nameOf(seal)}: ${accept.map(nameOf).join(' ')}`

/** A Secret that the test writes; `undefined` is one that was not read yet. */
function secretOf(first: SecretKeys | undefined) {
  let now = first
  const listeners: (() => void)[] = []
  const secret: KeySecret = {
    name: 'memberlist',
    whenRead: async () => undefined,
    read: () => now,
    onChange: (listener) => void listeners.push(listener),
    close: async () => undefined,
  }
  return {
    secret,
    /** The API server is back, and nobody is told yet. */
    appear(key: string) {
      now = { key: bytes(key), previous: undefined }
    },
    async write(key: string | undefined, previous?: string) {
      now = { key: bytes(key), previous: bytes(previous) }
      for (const listener of listeners) listener()
      await new Promise(setImmediate)
    },
  }
}

async function watched(t: { teardown(fn: () => unknown): void }, first: SecretKeys | undefined) {
  const { secret, write, appear } = secretOf(first)
  const clock = createManualClock(1e12)
  const seen: string[] = []
  const logger = createLogger({ format: 'text', level: 'error', write: () => undefined, nowMs: clock.nowMs })
  const watch = await watchKeys({ secret, clock, logger, onChange: (keys) => void seen.push(said(keys)) })
  t.teardown(() => watch.close())
  return { watch, write, appear, seen, clock }
}

t.test('a Secret that comes later is taken when it comes', async (t) => {
  const { watch, write, seen } = await watched(t, { key: undefined, previous: undefined })
  t.match(watch.problem(), /there is no Secret memberlist with an entry "key"/)
  await write('one')
  t.same(seen, ['one: one'])
  t.equal(watch.problem(), undefined)
})

t.test('what was not read is told, and is no end of anything', async (t) => {
  const { watch, seen, appear } = await watched(t, undefined)
  t.match(watch.problem(), /the Secret memberlist has not been read yet/)
  t.same(seen, [])
  appear('one')
  await watch.again()
  t.same(seen, ['one: one'], 'before anything is decided')
  t.equal(watch.problem(), undefined)
})

t.test('a new key opens at once, and seals when every speaker knows it', async (t) => {
  const { write, seen, clock } = await watched(t, { key: bytes('one'), previous: undefined })
  await write('two', 'one')
  t.same(seen, ['one: one', 'one: one two'])
  for (let passed = 0; passed <= KEY_SPREAD_MS; passed += 5000) {
    clock.advance(5000)
    await new Promise(setImmediate)
  }
  t.equal(seen.at(-1), 'two: two one')
})

t.test('a speaker that starts while the key is being changed seals with the former one', async (t) => {
  const { seen } = await watched(t, { key: bytes('two'), previous: bytes('one') })
  t.same(seen, ['one: one two'])
})

t.test('an empty key, the public one, and a Secret that is deleted leave the keys of before', async (t) => {
  const { watch, write, seen } = await watched(t, { key: bytes('one'), previous: undefined })
  for (const [key, problem] of [
    ['', /is empty/],
    ['openelb-speakers', /public default/],
    [undefined, /there is no Secret/],
  ] as const) {
    await write(key)
    t.match(watch.problem(), problem)
  }
  await write('one', 'openelb-speakers')
  t.match(watch.problem(), /the entry "previous" of the Secret memberlist is the public default/)
  t.same(seen, ['one: one'])
})
