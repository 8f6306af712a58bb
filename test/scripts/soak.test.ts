/** The command line of `npm run soak`; the soaks themselves have scenarios as their short forms. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const MAIN = fileURLToPath(new URL('../../scripts/soak.ts', import.meta.url))

function soak(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', timeout: 60_000 })
  return { status, stdout, stderr }
}

t.test('the command line', async (t) => {
  const help = soak('--help')
  t.equal(help.status, 0)
  for (const name of ['allocation', 'certificates', 'fuzz', 'junk', 'kills', 'race', 'takeover'])
    t.match(help.stdout, new RegExp(`^ {2}${name} +[A-Z].*[.]$`, 'm'))
  t.match(soak('kills', '--help'), { status: 0, stdout: /--kills=NUMBER/ })
  t.match(soak(), { status: 2, stderr: /^Usage: npm run soak/ })
  t.match(soak('nothing'), { status: 2, stderr: /^there is no soak "nothing"/ })
  t.match(soak('kills', '--kils=3'), { status: 2, stderr: /no flag --kils; did you mean --kills/ })
  t.match(soak('kills', '--kills=0'), { status: 2, stderr: /--kills/ })
})
