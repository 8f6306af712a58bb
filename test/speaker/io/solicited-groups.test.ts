/** Memberships of solicited-node groups as a real kernel shows them, in a network namespace of its own. Needs root on Linux. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const CHILD = fileURLToPath(new URL('../support/groups-child.ts', import.meta.url))
const refused = process.platform !== 'linux' ? 'Linux only' : process.getuid?.() !== 0 ? 'needs root' : undefined

t.test('groups on every kind of interface, counted, and by the thousand', { skip: refused ?? false }, async (t) => {
  const { stdout } = await promisify(execFile)('unshare', ['--net', process.execPath, CHILD], { timeout: 60_000 })
  const seen = JSON.parse(stdout) as { kinds: Record<string, object>; tookMs: number } & Record<string, object>
  t.comment(`10,000 groups joined in ${Math.round(seen.tookMs)} ms`)
  const joined = 'joined, in the filter'
  const not = 'not joined, not in the filter'
  const counted = { before: not, both: joined, one: joined, none: not, error: 'none' }
  for (const name of ['veth0', 'br0', 'mv0']) t.same(seen.kinds[name], counted, `${name}: two addresses, one group`)
  for (const name of ['v0.10', 'bond0']) {
    const skip = 'missing' in (seen.kinds[name] ?? {}) ? 'this kernel has no such interfaces' : false
    await t.test(name, { skip }, async (t) => void t.same(seen.kinds[name], counted))
  }
  t.same(seen['gone'], { error: 'join group: ENODEV', waitsMs: 400 }, 'a missing interface is told, and tried again')
  t.same(seen['forgiven'], { error: 'none', waitsMs: 'nothing' })
  t.same(
    seen['many'],
    { turns: 1250, joined: 10_000, sockets: 40, reset: 0, again: 10_000, left: { groups: 0, sockets: 0 } },
    'eight a turn, 256 a socket; all of them leave, and their sockets are closed',
  )
})
