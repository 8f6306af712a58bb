import t from 'tap'
import { handOver } from '../../src/speaker/hand-over.ts'
import type { MembershipFacts } from '../../src/speaker/membership/facts.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { type ClusterShape, claimObject, clusterFacts } from './support/objects.ts'

const CLAIM = claimObject('10.0.0.1')
const member = (alive: boolean) => ({ alive, serving: alive, leaving: false, lastSignMs: 0, fault: undefined })
const heard = (alive: readonly string[]): MembershipFacts => ({
  settled: true,
  members: new Map(['n1', 'n2'].map((node) => [node, member(alive.includes(node))])),
})

/** How long it takes when the address is taken after `takenAfterMs`, and what is left. */
async function leaving(shape: Partial<ClusterShape>, takenAfterMs = Infinity) {
  const clock = createManualClock()
  let done = false
  const ended = handOver(
    {
      self: 'n1',
      clock,
      look: () => (clock.monotonicMs() >= takenAfterMs ? [] : [CLAIM]),
      facts: () => clusterFacts({ nodes: ['n1', 'n2'], ...shape }),
    },
    8000,
  ).then((left) => {
    done = true
    return left.length
  })
  let ms = 0
  for (; !done && ms < 20_000; ms += 50) await clock.advance(50)
  return { left: await ended, ms }
}

t.test('it goes on answering until another node has the address', async (t) => {
  const taken = await leaving({ membership: heard(['n1', 'n2']) }, 120)
  t.equal(taken.left, 0)
  t.ok(taken.ms <= 250, `${taken.ms} ms`)
  t.same((await leaving({ membership: heard(['n1', 'n2']) })).left, 1, 'not for ever')
})

t.test('nobody is waited for who cannot come', async (t) => {
  t.ok((await leaving({ membership: heard(['n1']) })).ms <= 50)
  t.ok((await leaving({ excluded: ['n2'], membership: heard(['n1', 'n2']) })).ms <= 50)
})

t.test('without membership the others act on the deletion of the Pod, which a signal alone does not bring', async (t) => {
  const alone = await leaving({})
  t.ok(alone.left === 1 && alone.ms >= 1000 && alone.ms < 1500, `${alone.ms} ms`)
  const deleted = await leaving({ leaving: ['n1'] }, 3000)
  t.ok(deleted.left === 0 && deleted.ms >= 3000, `${deleted.ms} ms`)
})
