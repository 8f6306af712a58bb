/** docs/cli.md says what the program does. */
import { execFileSync } from 'node:child_process'
import { lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { EVERYWHERE_FLAGS } from '../../src/cli/flags.ts'
import { addresses } from '../../src/cli/verbs/addresses.ts'
import { bgp } from '../../src/cli/verbs/bgp.ts'
import { doctor } from '../../src/cli/verbs/doctor.ts'
import { explain } from '../../src/cli/verbs/explain.ts'
import { move } from '../../src/cli/verbs/move.ts'
import { pools } from '../../src/cli/verbs/pools.ts'
import { release } from '../../src/cli/verbs/release.ts'
import { status } from '../../src/cli/verbs/status.ts'
import { whatif } from '../../src/cli/verbs/whatif.ts'
import { fakeCluster, runVerb } from './support/fake-cluster.ts'

const root = new URL('../../', import.meta.url)
const path = (name: string): string => fileURLToPath(new URL(name, root))
const manual = readFileSync(path('docs/cli.md'), 'utf8')
const VERBS = [status, pools, addresses, explain, whatif, move, release, bgp, doctor]

t.test('every verb has its row, and every flag is named', async (t) => {
  const rows = [...manual.matchAll(/^\| `([a-z]+)[^|]*\|/gm)].map(([, name]) => name)
  t.same(
    [...new Set(rows)],
    VERBS.map(({ name }) => name),
  )
  const main = readFileSync(path('src/cli/main.ts'), 'utf8')
  t.ok(main.includes(`[${VERBS.map(({ name }) => name).join(', ')}]`), 'and the program has the same verbs in the same order')
  for (const flag of EVERYWHERE_FLAGS) t.ok(manual.includes(`--${flag}`), flag)
})

t.test('every verb prints its own help', async (t) => {
  for (const verb of VERBS) {
    const { out, code } = await runVerb(verb, ['--help'], fakeCluster())
    t.equal(code, 0)
    for (const form of verb.synopsis) t.ok(out.includes(`  openelb ${form}\n`), form)
    t.ok(
      verb.synopsis.every((form) => form.startsWith(verb.name)),
      verb.name,
    )
  }
})

t.test('the executables: one script, two names, and the Node that npm brought', async (t) => {
  t.ok(lstatSync(path('bin/kubectl-openelb')).isSymbolicLink())
  t.equal(readlinkSync(path('bin/kubectl-openelb')), 'openelb')
  t.equal(lstatSync(path('bin/openelb')).mode & 0o111, 0o111)
  const { bin } = JSON.parse(readFileSync(path('package.json'), 'utf8')) as { bin: Record<string, string> }
  t.match(bin, { openelb: 'bin/openelb', 'kubectl-openelb': 'bin/openelb' })
  const link = `${t.testdir({ link: t.fixture('symlink', path('bin/kubectl-openelb')) })}/link`
  const printed = execFileSync(link, ['--version'], { env: { PATH: '/usr/bin:/bin' }, encoding: 'utf8' })
  t.match(printed, /^openelb \d+\.\d+\.\d+/)
})
