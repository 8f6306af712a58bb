/** The short form of `npm run soak -- junk`: a speaker's threads in a namespace of their own, under a flood of wrong frames and packets. */
import t from 'tap'
import { throwJunk } from '../soak/junk.ts'

t.test('wrong frames, packets and streams change nothing', { timeout: 180_000 }, async (t) => {
  const verdict = await throwJunk({ seconds: 8, rate: 3000, seed: 1, progress: (line) => t.comment(line) })
  t.comment(JSON.stringify(verdict))
  t.same(verdict.faults, [])
  // On a machine that others use as well, gaps are not the junk's doing: the soak asks for none.
  for (const [address, { share }] of Object.entries(verdict.answers)) t.ok(share > 0.5, `${address} is answered`)
  for (const what of ['ARP', 'neighbour discovery', 'chance', 'chance behind a header', 'UDP', 'UDP of chance', 'TCP'])
    t.ok((verdict.sent[what] ?? 0) > 0, `${what} was sent`)
  for (const reason of ['malformed', 'not-ours', 'foreign-claim']) t.ok((verdict.ignored[reason] ?? 0) > 0, `frames came: ${reason}`)
  t.ok((verdict.rejected['unsealed'] ?? 0) > 0, 'packets came without a seal')
})
