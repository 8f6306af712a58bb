/** Somebody reads the first lines only. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import t from 'tap'

t.test('a reader that has seen enough is no error', async (t) => {
  const child = spawn(process.execPath, ['lab/main.ts', '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  t.equal(said, '')
  t.equal(code, 0)
})
