import t from 'tap'
import type { MembershipFacts } from '../../src/speaker/membership/facts.ts'
import type { Peer } from '../../src/speaker/membership/message.ts'
import { createPresence } from '../../src/speaker/presence.ts'
import { clusterFacts } from './support/objects.ts'

const NODES = ['n1', 'n2', 'n3']
const member = { alive: true, serving: true, leaving: false, lastSignMs: 0, fault: undefined }
const heard = (nodes: readonly string[], settled = true): MembershipFacts => ({
  settled,
  members: new Map(nodes.map((node) => [node, member])),
})

/** Pods with addresses. */
const cluster = () => {
  const { nodes, speakerPods } = clusterFacts({ nodes: NODES })
  const pods = [...speakerPods].map(
    ([node, own]) => [node, own.map((pod) => ({ ...pod, status: { ...pod.status, podIP: `10.0.0.${node}` } }))] as const,
  )
  return { nodes, speakerPods: new Map(pods) }
}

function presenceWith() {
  const peers: (readonly Peer[])[] = []
  const said: object[] = []
  let facts: MembershipFacts | undefined
  const presence = createPresence('n1', { peers: (list) => peers.push(list), state: (state) => said.push(state), facts: () => facts })
  return {
    presence,
    peers,
    said,
    hears(now: MembershipFacts | undefined) {
      facts = now
      return presence.facts()
    },
  }
}

t.test('nothing counts before the membership thread knows whom to listen to', async (t) => {
  const { presence, peers, said, hears } = presenceWith()
  t.match(hears(heard(['n1'])), { settled: false }, 'it believes to be alone')
  presence.follow(cluster(), 0)
  t.same(
    peers[0]?.map(({ node }) => node),
    ['n2', 'n3'],
  )
  t.match(hears(heard(['n1'])), { settled: false })
  t.match(hears(heard(NODES, false)), { settled: false })
  t.match(hears(heard(NODES)), { settled: true })
  t.match(hears(heard(['n1', 'n2'])), { settled: true }, 'a new speaker does not silence those that answer')
  presence.follow(cluster(), 1)
  t.equal(peers.length, 1, 'told when it changes')
  presence.say({ serving: true, leaving: false })
  t.same(said, [{ serving: true, leaving: false }])
})

t.test('a key that comes later: readiness decides until the others are heard', async (t) => {
  const { presence, hears } = presenceWith()
  presence.follow(cluster(), 0)
  t.equal(hears(undefined), undefined)
  t.equal(hears(heard(NODES, false)), undefined)
  t.equal(hears(heard(['n1'])), undefined)
  t.match(hears(heard(NODES)), { settled: true })
  t.match(hears(heard(NODES, false)), { settled: false }, 'from then on membership decides')
  t.match(presence.heard(), { settled: false })
})

t.test('without membership there is nothing to tell', async (t) => {
  const presence = createPresence('n1', undefined)
  presence.follow(cluster(), 0)
  presence.say({ serving: true, leaving: false })
  t.equal(presence.facts(), undefined)
})
