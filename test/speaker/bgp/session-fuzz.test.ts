/** The short form of `npm run soak -- bgp`. */
import t from 'tap'
import { runBgpFuzz } from '../../soak/bgp.ts'

t.setTimeout(240_000)

/** What has to be met, or the inputs prove nothing. */
const REACHED = [
  'goes on',
  'waits for the rest',
  'the peer ended it',
  'UPDATE Message Error',
  'Message Header Error',
  'Finite State Machine Error',
]

t.test('a hundred thousand wrong messages past Established: nothing throws, sound routes count, memory is flat', async (t) => {
  const result = await runBgpFuzz(100_000, 1, () => undefined)
  t.same(result.failures, [])
  t.equal(result.throws, 0)
  t.ok(result.passed, `the heap grew by ${result.grownBytes} bytes`)
  for (const [target, outcomes] of Object.entries(result.outcomes)) {
    const met = Object.keys(outcomes)
    t.same(
      REACHED.filter((word) => !met.some((outcome) => outcome.startsWith(word))),
      [],
      `${target}: ${JSON.stringify(outcomes)}`,
    )
  }
  t.comment(`${result.perSecond} a second, ${result.grownBytes} bytes more`)
})
