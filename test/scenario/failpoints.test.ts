/** The short form of `npm run soak -- kills`. */
import t from 'tap'
import { killAtWrites } from '../soak/kills.ts'

t.setTimeout(540_000)

t.test('kill -9 at 40 random writes: no double address, no leak, no address moved', async (t) => {
  const result = await killAtWrites({ kills: 40, clients: 4, seed: 20_26, progress: (line) => t.comment(line) })
  t.same(result.violations, [])
  t.ok(result.versions > 200, `${result.versions} versions were judged`)
  t.ok(Object.keys(result.struck).length >= 3, `killed at ${JSON.stringify(result.struck)}`)
})
