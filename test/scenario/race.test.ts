/** The short form of `npm run soak -- race`. */
import t from 'tap'
import { raceEips } from '../soak/race.ts'

t.setTimeout(540_000)

t.test('ten clients want what one may have, 20 times, through two webhooks: at most one is admitted', async (t) => {
  const result = await raceEips({ clients: 10, rounds: 20, seed: 4, progress: (line) => t.comment(line) })
  t.comment(JSON.stringify(result))
  t.same(result.violations, [], 'at no revision two of them were stored')
  t.ok(result.unguarded > 10, `${result.unguarded} were stored without admission, and one of each lot became active`)
  t.same(Object.keys(result.admitted), ['1'], 'one each time, and never none')
  t.ok(
    result.reviews.every((reviews) => reviews > 10),
    `both webhooks were asked: ${result.reviews.join(' and ')}`,
  )
})
