import t from 'tap'
import type { AddressClaimObject, AddressClaimStatus } from '../../src/api/address-claim.ts'
import { MOVE } from '../../src/api/claim-annotations.ts'
import { createConflicts } from '../../src/speaker/conflicts.ts'
import { type Decision, decideClaim, type Knowledge, lineOf, needsProbe, patchFor, type SpeakerFacts } from '../../src/speaker/desired.ts'
import { electionOrder } from '../../src/speaker/election.ts'
import { addressKey } from '../../src/speaker/layer2/address-key.ts'
import type { Layer2Line } from '../../src/speaker/layer2/table.ts'
import { type Member, type MembershipFacts, quorumOf } from '../../src/speaker/membership/facts.ts'
import { createClaimMemory } from '../../src/speaker/memory.ts'
import { FLAP_MS } from '../../src/speaker/ownership.ts'
import { createOwnerships } from '../../src/speaker/ownerships.ts'
import { createWords, type WordsChange } from '../../src/speaker/words.ts'
import { type ClusterShape, claimObject, clusterFacts, ETH0, hostFacts, ipOf } from './support/objects.ts'

const NOW = '2026-11-21T02:00:00.000Z'
const WALL_MS = Date.parse(NOW)
const NODES = ['n1', 'n2', 'n3']
const ADDRESS = '10.251.0.240'
const KEY = addressKey(ipOf(ADDRESS))
const [FIRST = '', SECOND = '', THIRD = ''] = electionOrder(NODES, ADDRESS)
const ownedBy = (node: string, epoch: number, on = 'eth0'): AddressClaimStatus => ({
  owner: { node, interface: on, epoch, since: '2026-01-01T00:00:00Z' },
  conditions: [
    {
      type: 'Announced',
      status: 'True',
      reason: 'Announced',
      message: `node ${node} answers for the address on ${on}`,
      lastTransitionTime: NOW,
    },
  ],
})

interface Situation {
  readonly claim?: AddressClaimObject
  readonly self?: string
  readonly cluster?: Partial<ClusterShape>
  readonly layer2?: boolean
  readonly down?: boolean
  readonly leaving?: boolean
  /** The nodes that are heard; undefined is no membership. */
  readonly alive?: readonly string[]
  readonly broken?: boolean
  readonly rebalance?: SpeakerFacts['rebalance']
}

const member = (alive: boolean): Member => ({
  alive,
  serving: alive,
  leaving: false,
  lastSignMs: 0,
  fault: alive ? undefined : 'silent',
})
const heard = (alive: readonly string[]): MembershipFacts => ({
  settled: true,
  members: new Map(NODES.map((node) => [node, member(alive.includes(node))])),
})

const factsOf = (situation: Situation, nowMs = 0): SpeakerFacts => ({
  self: situation.self ?? FIRST,
  leaving: situation.leaving ?? false,
  layer2: situation.layer2 ?? true,
  subnetCheck: true,
  nodeAddress: undefined,
  cluster: clusterFacts({
    nodes: NODES,
    ...(situation.alive !== undefined && { membership: heard(situation.alive) }),
    ...situation.cluster,
  }),
  host: hostFacts([{ ...ETH0, up: situation.down !== true }]),
  quorum: quorumOf(heard(situation.alive ?? NODES)),
  isBroken: () => situation.broken ?? false,
  rebalance: situation.rebalance,
  nowMs,
  wallMs: WALL_MS + nowMs,
})

const knowledgeOf = (self = FIRST): Knowledge => ({
  memory: createClaimMemory(),
  words: createWords(self),
  conflicts: createConflicts(),
})

function decisionAfter(ms: number, situation: Situation): Decision {
  const knowledge = knowledgeOf(situation.self)
  const claim = situation.claim ?? claimObject(ADDRESS)
  decideClaim(claim, factsOf(situation, 0), knowledge)
  return decideClaim(claim, factsOf(situation, ms), knowledge)
}
const decisionAtOnce = (situation: Situation): Decision =>
  decideClaim(situation.claim ?? claimObject(ADDRESS), factsOf(situation), knowledgeOf(situation.self))
const reportAfter = (ms: number, situation: Situation): Decision['report'] => decisionAfter(ms, situation).report

t.test('a silent owner is replaced: the wire and the word at once, the claim after them', async (t) => {
  const knowledge = knowledgeOf(SECOND)
  const claim = claimObject(ADDRESS, {}, ownedBy(FIRST, 4))
  const facts = (alive: readonly string[], nowMs: number) => factsOf({ self: SECOND, alive }, nowMs)
  t.match(decideClaim(claim, facts(NODES, 0), knowledge).ownership, { kind: 'silent', reason: 'owned-elsewhere' })
  const taken = decideClaim(claim, facts([SECOND, THIRD], 100), knowledge)
  t.match(taken.ownership, { kind: 'take', first: 'announce', epoch: 5, departure: 'speaker-silent' })
  t.match(lineOf(taken, hostFacts()), { text: ADDRESS, address: KEY, burst: '5 02:00:00:00:00:01 0' })
  t.same(knowledge.words.change(), { upsert: [{ address: KEY, epoch: 5, state: 'held', recorded: false }], remove: [] })

  const next = decideClaim(claim, facts([SECOND, THIRD], 400), knowledge)
  t.match(next.ownership, { kind: 'answer', epoch: 5, recorded: false }, 'it has the address, and goes on')
  t.equal(knowledge.words.change(), undefined)
  const patch = patchFor(claim, next, facts([SECOND, THIRD], 400), knowledge)
  t.match(patch?.status, {
    owner: { node: SECOND, epoch: 5, since: '2026-11-21T02:00:00.100Z' },
    history: [{ node: FIRST, epoch: 4, reason: /^SpeakerSilent: / }],
  })
  const recorded = claimObject(ADDRESS, {}, ownedBy(SECOND, 5))
  const last = decideClaim(recorded, facts([SECOND, THIRD], 500), knowledge)
  t.match(last.ownership, { kind: 'answer', recorded: true })
  t.equal(patchFor(recorded, last, facts([SECOND, THIRD], 500), knowledge), undefined, 'nothing is left to write')
  t.same(knowledge.words.change()?.upsert, [{ address: KEY, epoch: 5, state: 'held', recorded: true }])
})

t.test('whoever loses the compare-and-swap, or hears a higher epoch, is silent and takes its word back', async (t) => {
  const lost = knowledgeOf(SECOND)
  const claim = claimObject(ADDRESS, {}, ownedBy(FIRST, 4))
  const facts = factsOf({ self: SECOND, alive: [SECOND, THIRD] })
  decideClaim(claim, factsOf({ self: SECOND, alive: NODES }), lost)
  t.match(decideClaim(claim, facts, lost).ownership, { kind: 'take' })
  lost.words.change()
  const winner = claimObject(ADDRESS, {}, ownedBy(THIRD, 5))
  const decision = decideClaim(winner, facts, lost)
  t.match(decision.ownership, { kind: 'silent', reason: 'owned-elsewhere' })
  t.equal(lineOf(decision, hostFacts()), undefined)
  t.same(lost.words.change(), { upsert: [], remove: [KEY] })
  t.equal(patchFor(winner, decision, facts, lost), undefined)

  const replaced = knowledgeOf(SECOND)
  const own = claimObject(ADDRESS, {}, ownedBy(SECOND, 4))
  t.match(decideClaim(own, facts, replaced).ownership, { kind: 'answer' })
  replaced.words.hear(THIRD, [{ address: KEY, epoch: 5, state: 'held', recorded: false }])
  replaced.words.change()
  t.match(decideClaim(own, facts, replaced).ownership, { kind: 'silent', reason: 'owned-elsewhere' }, 'before the claim says so')
  t.equal(replaced.words.change(), undefined, 'its word stands behind until the claim says what is right')
})

t.test('an owner that cannot go on says so at once, and the claim follows', async (t) => {
  const knowledge = knowledgeOf(FIRST)
  const claim = claimObject(ADDRESS, {}, ownedBy(FIRST, 4))
  const up = factsOf({ self: FIRST, alive: NODES })
  const down = (nowMs: number) => factsOf({ self: FIRST, alive: NODES, down: true }, nowMs)
  decideClaim(claim, up, knowledge)
  knowledge.words.change()
  t.match(decideClaim(claim, down(100), knowledge).ownership, { kind: 'silent', reason: 'interface-down' })
  t.equal(knowledge.words.change(), undefined, 'a link may be back in a moment')
  const given = decideClaim(claim, down(100 + FLAP_MS.membership), knowledge)
  t.match(given.ownership, { kind: 'release', epoch: 4, reason: 'interface-down' })
  t.match(knowledge.words.change()?.upsert, [{ epoch: 4, state: 'released' }])
  const later = decideClaim(claim, down(1100), knowledge)
  t.match(later.ownership, { kind: 'silent', reason: 'interface-down' })
  t.match(patchFor(claim, later, down(1100), knowledge)?.status, {
    owner: null,
    history: [{ node: FIRST, epoch: 4, reason: /^InterfaceDown: / }],
  })

  const peer = knowledgeOf(SECOND)
  peer.words.hear(FIRST, knowledge.words.own(ADDRESS) === undefined ? [] : [{ address: KEY, epoch: 4, state: 'released', recorded: true }])
  const facts = factsOf({ self: SECOND, alive: NODES })
  t.match(decideClaim(claim, facts, peer).ownership, { kind: 'take', first: 'announce', epoch: 5, departure: 'released' })

  const written = claimObject(ADDRESS, {}, { history: [{ node: FIRST, epoch: 4, from: NOW, reason: 'InterfaceDown' }] })
  t.equal(patchFor(written, decideClaim(written, down(1200), knowledge), down(1200), knowledge), undefined, 'said and written')
})

t.test('the first owner of all is recorded first; readiness records always first', async (t) => {
  const first = decisionAfter(0, { alive: NODES })
  t.match(first.ownership, { kind: 'take', first: 'record', epoch: 1, departure: undefined })
  t.equal(lineOf(first, hostFacts()), undefined)
  const knowledge = knowledgeOf()
  t.match(patchFor(claimObject(ADDRESS), first, factsOf({ alive: NODES }, 7), knowledge)?.status.owner, {
    epoch: 1,
    since: '2026-11-21T02:00:00.007Z',
  })
  t.equal(knowledge.words.change(), undefined)
  const without = decisionAfter(0, { claim: claimObject(ADDRESS, {}, ownedBy(SECOND, 4)), cluster: { speakerNotReady: [SECOND] } })
  t.match(without.ownership, { kind: 'take', first: 'record', epoch: 5 })
})

t.test('an owner that was never heard is not taken for dead at once', async (t) => {
  const claim = claimObject(ADDRESS, {}, ownedBy(SECOND, 4))
  const facts = (nowMs: number) => factsOf({ alive: [FIRST, THIRD] }, nowMs)
  const unheard = knowledgeOf()
  t.match(decideClaim(claim, facts(1000), unheard).ownership, { kind: 'silent' })
  t.match(decideClaim(claim, facts(4000), unheard).ownership, { kind: 'silent' })
  t.match(decideClaim(claim, facts(6001), unheard).ownership, { kind: 'take' })
  const spoken = knowledgeOf()
  spoken.memory.ownerHeard(ADDRESS, SECOND, 4)
  t.match(decideClaim(claim, facts(1000), spoken).ownership, { kind: 'take' }, 'its own word was a sign of life')
})

t.test('a speaker that is listed and was never heard is no reason to take over, although it counts as alive at first', async (t) => {
  const unheard: Member = { alive: true, serving: false, leaving: false, lastSignMs: undefined, fault: undefined }
  const members = new Map(NODES.map((node) => [node, node === FIRST ? member(true) : unheard]))
  const situation = { cluster: { membership: { settled: true, members } }, claim: claimObject(ADDRESS, {}, ownedBy(SECOND, 4)) }
  t.match(decisionAfter(2000, situation).ownership, { kind: 'silent', reason: 'first-choice-first' })
})

t.test('a move: the node that is named takes the address, once', async (t) => {
  const wish = { annotations: { [MOVE]: `${SECOND}@4` } }
  const claim = claimObject(ADDRESS, {}, ownedBy(FIRST, 4))
  const wished = { ...claim, metadata: { ...claim.metadata, ...wish } }
  t.match(decisionAtOnce({ self: SECOND, claim: wished, alive: NODES }).ownership, {
    kind: 'take',
    first: 'announce',
    departure: 'moved',
  })
  t.match(decisionAfter(0, { self: THIRD, claim: wished, alive: NODES }).ownership, { kind: 'silent' })
  t.match(decisionAfter(0, { self: FIRST, claim: wished, alive: NODES }).ownership, { kind: 'answer' }, 'until the other one has it')
  const done = { ...claimObject(ADDRESS, {}, ownedBy(FIRST, 6)), metadata: wished.metadata }
  t.match(decisionAfter(0, { self: SECOND, claim: done, alive: NODES }).ownership, { kind: 'silent' }, 'an old wish moves nothing')
  const spread = { self: SECOND, claim, alive: NODES, rebalance: { claim: ADDRESS, epoch: 4 } }
  t.match(decisionAtOnce(spread).ownership, { kind: 'take', departure: 'rebalanced' })
})

t.test("what was heard on the wire while the address was another node's says nothing", async (t) => {
  const knowledge = knowledgeOf()
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 9)
  const elsewhere = claimObject(ADDRESS, {}, ownedBy(SECOND, 4))
  knowledge.conflicts.heard(ADDRESS, { mac, atMs: 0 }, true)
  decideClaim(elsewhere, factsOf({ alive: NODES }), knowledge)
  t.equal(knowledge.conflicts.challenged(ADDRESS, 0), false)
})

t.test('an address that its owner gave up, and that the first in the queue cannot serve, goes to the second', async (t) => {
  const knowledge = knowledgeOf(SECOND)
  const claim = claimObject(ADDRESS, {}, { history: [{ node: THIRD, epoch: 4, from: NOW, reason: 'InterfaceDown' }] })
  const kinds = [0, 200, 400, 600, 800].map(
    (ms) => decideClaim(claim, factsOf({ self: SECOND, alive: NODES }, ms), knowledge).ownership.kind,
  )
  t.same(kinds, ['silent', 'silent', 'silent', 'take', 'answer'], 'its wait is not begun anew by the report of the same look')
})

t.test('an interface without a raw socket carries nothing', async (t) => {
  t.match(decisionAfter(0, { broken: true }).ownership, { kind: 'silent', reason: 'no-raw-socket' })
})

t.test('an address that is probed: who waits, and for how long', async (t) => {
  const probed = claimObject(ADDRESS, { probe: true })
  t.equal(needsProbe(probed), true)
  t.equal(needsProbe(claimObject(ADDRESS)), false)
  t.equal(needsProbe(claimObject(ADDRESS, { probe: true }, { phase: 'Active' })), false)
  t.equal(needsProbe(claimObject(ADDRESS, { probe: true }, ownedBy(FIRST, 1))), false, 'it had an owner before it was probed')
  t.match(decisionAfter(0, { claim: probed, alive: NODES }).ownership, { kind: 'take', first: 'record' })
  t.match(decisionAfter(2500, { claim: probed, self: SECOND, alive: NODES }).ownership, { kind: 'silent' }, 'the first may be asking')
  t.match(decisionAfter(4000, { claim: probed, self: SECOND, alive: NODES }).ownership, { kind: 'take' })
  const words = { status: 'True', reason: 'AddressInUse', message: 'x', lastTransitionTime: NOW } as const
  const taken = claimObject(ADDRESS, { probe: true }, { phase: 'Probing', conditions: [{ type: 'AddressConflict', ...words }] })
  t.match(decisionAfter(60_000, { claim: taken, self: SECOND, alive: NODES }).ownership, { kind: 'silent' }, 'another one asks no more')
  t.match(decisionAtOnce({ claim: taken, alive: NODES }).ownership, { kind: 'take' }, 'the first does, now and then')
})

t.test('a foreign claim that lasts is a condition of the owner alone', async (t) => {
  const claim = claimObject(ADDRESS, {}, ownedBy(FIRST, 4))
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 9)
  const knowledge = knowledgeOf()
  knowledge.conflicts.heard(ADDRESS, { mac, atMs: 0 }, true)
  knowledge.conflicts.heard(ADDRESS, { mac, atMs: 1500 }, true)
  const facts = factsOf({ alive: NODES }, 2000)
  const decision = decideClaim(claim, facts, knowledge)
  t.match(decision, { ownership: { kind: 'answer' }, report: { type: 'AddressConflict', status: 'True' } })
  t.match(patchFor(claim, decision, facts, knowledge)?.status.conditions, [
    { type: 'Announced' },
    { type: 'AddressConflict', reason: 'ForeignClaim', message: /02:00:00:00:00:09/ },
  ])
  const cut = { ...knowledgeOf(), conflicts: knowledge.conflicts }
  t.match(
    decideClaim(claim, factsOf({ alive: [FIRST] }, 2000), cut).ownership,
    { kind: 'silent', reason: 'challenged' },
    'a minority yields',
  )
  const other = { ...knowledgeOf(SECOND), conflicts: knowledge.conflicts }
  t.equal(decideClaim(claim, factsOf({ self: SECOND, alive: NODES }, 2000), other).report, undefined)
})

t.test('an owner that answers on another interface now says so, and nothing else changes', async (t) => {
  const facts = factsOf({ self: 'n2' })
  const patch = (on: string) => {
    const claim = claimObject(ADDRESS, {}, ownedBy('n2', 4, on))
    const knowledge = knowledgeOf('n2')
    return patchFor(claim, decideClaim(claim, facts, knowledge), facts, knowledge)
  }
  t.equal(patch('eth0'), undefined)
  t.match(patch('eth1')?.status, {
    owner: { node: 'n2', interface: 'eth0', epoch: 4 },
    conditions: [{ type: 'Announced', status: 'True' }],
  })
})

t.test('an address that nobody announces is reported, by one node, once', async (t) => {
  const vip = claimObject(ADDRESS, { protocol: 'vip' })
  const notServed = reportAfter(0, { claim: vip })
  t.match(notServed, { type: 'ProtocolNotServed', status: 'True', reason: 'ProtocolNotServed', message: /^protocol vip: / })
  t.equal(reportAfter(0, { claim: vip, self: SECOND }), undefined, 'by the first in the order of the address')
  if (notServed === undefined) return
  const said = claimObject(ADDRESS, { protocol: 'vip' }, { conditions: [{ ...notServed, lastTransitionTime: NOW }] })
  t.equal(reportAfter(0, { claim: said }), undefined, 'not again')

  t.match(reportAfter(0, { claim: claimObject('fd00::g'), self: electionOrder(NODES, 'fd00::g')[0] ?? '' }), { reason: 'BadClaim' })
  const ipv6 = { claim: claimObject('fd00::1'), self: electionOrder(NODES, 'fd00::1')[0] ?? '' }
  t.match(reportAfter(7000, ipv6), { reason: 'NobodyAnswers', message: /the interface has IPv6 switched off/ })
  const nobody = reportAfter(0, { cluster: { excluded: NODES } })
  t.match(nobody, { type: 'Announced', status: 'False', reason: 'NoEligibleNode' })
  t.match(nobody?.message, /^no node may answer: n1: the node carries the label .*, n2: /)
  t.equal(reportAfter(6000, { down: true }), undefined, 'while a place in the queue may still take it')
  t.match(reportAfter(7000, { down: true }), { reason: 'NobodyAnswers', message: /3 nodes may answer and none did; .*no carrier/ })
  t.equal(reportAfter(7000, { down: true, leaving: true }), undefined)
  t.equal(reportAfter(7000, {}), undefined, 'this node takes it')
  t.equal(reportAfter(7000, { down: true, claim: claimObject(ADDRESS, {}, ownedBy(SECOND, 4)) }), undefined, 'owned')
})

t.test('a message names five nodes and counts the rest', async (t) => {
  const nodes = Array.from({ length: 9 }, (_, at) => `n${at}`)
  const self = electionOrder(nodes, ADDRESS)[0] ?? ''
  t.match(reportAfter(0, { self, cluster: { nodes, excluded: nodes } })?.message, /n4: [^,]*, and 4 more nodes$/)
})

t.test('the whole set: lines, words, and when to look again', async (t) => {
  const knowledge = knowledgeOf('n1')
  const said: (readonly Layer2Line[])[] = []
  const told: WordsChange[] = []
  const order: string[] = []
  const ownerships = createOwnerships({
    knowledge,
    announce(lines) {
      said.push(lines)
      order.push('wire')
    },
    tell(change) {
      told.push(change)
      order.push('peers')
    },
    onDecided: () => void order.push('claims'),
  })
  const claims = [
    claimObject('10.251.0.240', {}, ownedBy('n1', 7)),
    claimObject('10.251.0.241', {}, ownedBy('n2', 1)),
    claimObject('10.251.0.242'),
    claimObject('10.255.255.254', {}, ownedBy('n1', 1)),
  ]
  const facts = factsOf({ self: 'n1' })
  const wakeInMs = ownerships.lookAtAll(claims, { ...facts, host: { ...facts.host, linkUps: new Map([[2, 3]]) } })
  const eth0 = { index: 2, name: 'eth0', mac: ETH0.mac }
  t.match(said.at(-1), [
    { text: '10.251.0.240', address: 0x0afb00f0, interface: eth0, burst: '7 02:00:00:00:00:01 3' },
    { text: '10.255.255.254', address: 0x0afffffe, interface: eth0, burst: '1 02:00:00:00:00:01 3' },
  ])
  t.same([...ownerships.lines.keys()], ['10.251.0.240', '10.255.255.254'])
  t.match([...ownerships.lines.values()][0], { epoch: 7, recorded: true })
  t.same(order.slice(0, 3), ['wire', 'peers', 'claims'])
  t.equal(told[0]?.upsert.length, 2)
  t.ok(wakeInMs !== undefined && wakeInMs >= 1000 && wakeInMs < 2500, 'n1 is second for .242')
  ownerships.lookAtAll(claims, { ...facts, host: { ...facts.host, linkUps: new Map([[2, 3]]) } })
  t.equal(said.length, 1, 'the wire is told of changes alone')

  ownerships.lookAt([claimObject('10.251.0.241', {}, ownedBy('n1', 2))], facts)
  t.equal(said.at(-1)?.length, 3)
  ownerships.forget('10.251.0.241')
  ownerships.lookAtAll(claims.slice(0, 1), facts)
  t.equal(said.at(-1)?.length, 1)
  t.equal(ownerships.decision('10.255.255.254'), undefined)
  t.same(
    told.at(-1)?.upsert.map(({ epoch }) => epoch),
    [0, 0],
    'what the peers heard of them is taken back',
  )
})
