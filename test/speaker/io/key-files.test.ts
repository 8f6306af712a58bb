import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Clock } from '../../../src/runtime/clock.ts'
import { createLogger } from '../../../src/runtime/logger.ts'
import { KEYS_EVERY_MS, type KeySource, watchKeys } from '../../../src/speaker/io/key-files.ts'
import { KEY_SPREAD_MS } from '../../../src/speaker/membership/keys.ts'
import type { Keys } from '../../../src/speaker/membership/message.ts'
import { deriveKey } from '../../../src/speaker/membership/seal.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'

const START_MS = 1e12
const of = (text: string) => deriveKey(Buffer.from(text))
const names = ({ seal, accept }: Keys) => {
  const name = (key: Uint8Array) => ['one', 'two', 'three'].find((text) => Buffer.from(of(text)).equals(key))
  return `${name(seal)}: ${accept.map(name).join(' ')}`
}

/** A directory as the kubelet keeps it: `key` is a link into `..data`, which is a link to the files of one version, replaced in one step. */
function mountedSecret(t: { teardown(fn: () => void): void }) {
  const dir = mkdtempSync(join(tmpdir(), 'membership-key-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  let version = 0
  return {
    dir,
    publish(files: Readonly<Record<string, string>>, mtimeMs: number) {
      const folder = `..version-${++version}`
      mkdirSync(join(dir, folder))
      for (const [name, text] of Object.entries(files)) {
        writeFileSync(join(dir, folder, name), text)
        utimesSync(join(dir, folder, name), mtimeMs / 1000, mtimeMs / 1000)
      }
      symlinkSync(folder, join(dir, '..new'))
      renameSync(join(dir, '..new'), join(dir, '..data'))
      for (const name of ['key', 'previous']) {
        rmSync(join(dir, name), { force: true })
        if (files[name] !== undefined) symlinkSync(join('..data', name), join(dir, name))
      }
    },
  }
}

async function watched(t: { teardown(fn: () => void): void }, source: KeySource) {
  const seen: string[] = []
  const lines: string[] = []
  const manual = createManualClock(START_MS)
  let looks = 0
  const clock: Clock = {
    ...manual,
    setTimer(ms, fn) {
      looks++
      return manual.setTimer(ms, fn)
    },
  }
  const logger = createLogger({ format: 'text', level: 'info', write: (line) => lines.push(line), nowMs: clock.nowMs })
  const watch = await watchKeys({ ...source, clock, logger, onChange: (keys) => seen.push(names(keys)) })
  t.teardown(() => watch.close())
  /** Time passes look by look: a look reads real files, and sets the next timer when it has. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += KEYS_EVERY_MS) {
      const before = looks
      await manual.advance(KEYS_EVERY_MS)
      await until('the next look', () => looks > before, 5000, 1)
    }
  }
  return { watch, seen, lines, pass, nowMs: manual.nowMs, advance: manual.advance }
}

t.test('a Secret that is mounted, and changed twice', async (t) => {
  const secret = mountedSecret(t)
  secret.publish({ key: 'one\n' }, START_MS - 1e6)
  const { watch, seen, lines, pass, nowMs } = await watched(t, { dir: secret.dir })
  t.same(seen, ['one: one'], 'known when watchKeys resolves')
  t.equal(watch.problem(), undefined)
  await pass(60_000)
  t.same(seen.splice(0), ['one: one'], 'what does not change is not told')
  secret.publish({ key: 'two', previous: 'one' }, nowMs())
  await pass(KEYS_EVERY_MS)
  t.same(seen.splice(0), ['one: one two'])
  await pass(KEY_SPREAD_MS)
  t.same(seen.splice(0), ['two: two one'])
  secret.publish({ key: 'two' }, nowMs())
  await pass(2 * KEY_SPREAD_MS)
  t.same(seen.splice(0), [], 'the previous one opens on')
  await pass(KEYS_EVERY_MS)
  t.same(seen.splice(0), ['two: two'])
  t.equal(lines.filter((line) => line.includes('WARN')).length, 0)
  t.notMatch(lines.join(''), /\bone\b|\btwo\b/, 'no line tells a secret')
})

t.test('a start while the key is young', async (t) => {
  const secret = mountedSecret(t)
  secret.publish({ key: 'two', previous: 'one' }, START_MS - 100_000)
  const { seen, pass } = await watched(t, { dir: secret.dir })
  t.same(seen, ['one: one two'])
  await pass(20_000)
  t.same(seen, ['one: one two', 'two: two one'])
})

t.test('a file of the future is as young as can be', async (t) => {
  const secret = mountedSecret(t)
  secret.publish({ key: 'two', previous: 'one' }, START_MS + 1e7)
  const { seen, pass } = await watched(t, { dir: secret.dir })
  await pass(KEY_SPREAD_MS)
  t.same(seen, ['one: one two', 'two: two one'])
})

t.test('no key at the start, and one later', async (t) => {
  const secret = mountedSecret(t)
  const { watch, seen, lines, pass } = await watched(t, { dir: secret.dir })
  t.match(watch.problem(), /no new key: .*\/key cannot be read: ENOENT/)
  await pass(60_000)
  t.equal(lines.length, 1, 'told once')
  secret.publish({ key: 'openelb-speakers' }, START_MS)
  await pass(KEYS_EVERY_MS)
  t.match(watch.problem(), /\/key is the public default/)
  secret.publish({ key: '\n' }, START_MS)
  await pass(KEYS_EVERY_MS)
  t.match(watch.problem(), /\/key is empty/)
  t.same(seen, [])
  t.equal(lines.filter((line) => line.includes('WARN')).length, 3)
  secret.publish({ key: 'one', previous: '' }, START_MS)
  await pass(KEYS_EVERY_MS)
  t.same(seen, ['one: one'])
  t.equal(watch.problem(), undefined)
})

t.test('a Secret that goes away or turns bad keeps its keys, and time goes on for them', async (t) => {
  const secret = mountedSecret(t)
  secret.publish({ key: 'one' }, START_MS)
  const { watch, seen, lines, pass } = await watched(t, { dir: secret.dir })
  secret.publish({ key: 'two', previous: 'one' }, START_MS)
  await pass(KEYS_EVERY_MS)
  secret.publish({}, START_MS)
  await pass(KEY_SPREAD_MS)
  t.match(watch.problem(), /cannot be read/)
  t.match(lines.at(-2), /WARN.*those of before still hold/)
  t.same(seen.splice(0), ['one: one', 'one: one two', 'two: two one'])
  secret.publish({ key: 'openelb-speakers', previous: 'two' }, START_MS)
  await pass(4 * KEY_SPREAD_MS)
  t.match(watch.problem(), /public default/)
  t.same(seen, [], 'what it listed last is still listed')
})

t.test('a previous key that protects nothing is not accepted', async (t) => {
  const secret = mountedSecret(t)
  secret.publish({ key: 'one', previous: 'openelb-speakers' }, START_MS)
  const { watch, seen } = await watched(t, { dir: secret.dir })
  t.same(seen, ['one: one'])
  t.match(watch.problem(), /\/previous is the public default .*: it is not accepted/)
})

t.test('a text', async (t) => {
  const one = await watched(t, { text: ' one\n' })
  t.same(one.seen, ['one: one'])
  t.equal(one.watch.problem(), undefined)
  const bad = await watched(t, { text: 'openelb-speakers' })
  t.same(bad.seen, [])
  t.match(bad.watch.problem(), /the key is the public default/)
  t.match(bad.lines, [/WARN/])
})

t.test('after close nothing is told', async (t) => {
  const secret = mountedSecret(t)
  secret.publish({ key: 'one' }, START_MS)
  const { watch, seen, advance } = await watched(t, { dir: secret.dir })
  secret.publish({ key: 'two' }, START_MS)
  watch.close()
  watch.close()
  await advance(60_000)
  t.same(seen, ['one: one'])
})
