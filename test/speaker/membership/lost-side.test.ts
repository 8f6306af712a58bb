/** A cut silences several at once: nobody may believe in a majority meanwhile. */
import t from 'tap'
import { quorumOf } from '../../../src/speaker/membership/facts.ts'
import { TIMING_PROFILES } from '../../../src/speaker/membership/timing.ts'
import { createNetwork, nodeNames } from '../support/membership-network.ts'

const { deadMs, heartbeatMs } = TIMING_PROFILES.default
/** The last heartbeats before the cut are in every order and at every distance. */
const MOMENTS = Array.from({ length: 40 }, (_, at) => at * 7)

for (const count of [3, 5]) {
  const names = nodeNames(count)
  const lost = names.slice(0, Math.ceil(count / 2))
  const rest = names.slice(lost.length)
  t.test(
    `${lost.length} of ${count} are lost in one moment: the others never find one of them dead while they are a majority`,
    async (t) => {
      for (const moment of MOMENTS) {
        const network = createNetwork({ names })
        for (const [at, name] of names.entries()) {
          network.start(name)
          // Their turns do not fall together.
          network.run(13 + at * 17)
        }
        network.run(1000 + moment)
        const cutMs = network.nowMs()
        for (const name of lost) network.powerOff(name)
        network.run(1500)
        for (const name of rest) {
          const since = network.node(name).log.filter(({ atMs }) => atMs > cutMs)
          const isDead = ({ facts }: (typeof since)[number]) => lost.some((one) => facts.members.get(one)?.alive === false)
          const wrong = since.filter((one) => isDead(one) && quorumOf(one.facts) === 'majority')
          if (wrong.length > 0) t.same(wrong, [], `${name}, ${moment} ms`)
          const knownMs = (since.find(isDead)?.atMs ?? Number.POSITIVE_INFINITY) - cutMs
          if (knownMs > deadMs + 1.2 * heartbeatMs) t.fail(`${name}, ${moment} ms: known after ${knownMs} ms`)
          if (quorumOf(network.node(name).protocol.facts(network.nowMs())) !== 'minority') t.fail(`${name}, ${moment} ms: no minority`)
        }
      }
      t.pass(`${MOMENTS.length} moments`)
    },
  )
}

t.test('a node that nobody answers is in a minority from its start, and not only when the others had the time to join', async (t) => {
  const names = nodeNames(3)
  const network = createNetwork({ names })
  for (const name of names) network.start(name)
  network.setKey('node-3', 'another key')
  network.run(5000)
  const { log } = network.node('node-3')
  t.ok(log.length > 0)
  t.same(
    log.filter(({ facts }) => facts.members.size === 3 && quorumOf(facts) !== 'minority'),
    [],
  )
  t.equal(quorumOf(network.node('node-1').protocol.facts(network.nowMs())), 'majority')
})
