import t from 'tap'
import { heartbeatEntries } from '../../../src/speaker/membership/heartbeat.ts'
import { memberId } from '../../../src/speaker/membership/member-id.ts'
import { createMembers, type Known, type Members } from '../../../src/speaker/membership/members.ts'
import { TIMING_PROFILES } from '../../../src/speaker/membership/timing.ts'
import { entriesPerPacket, type HeartbeatEntry } from '../../../src/wire/membership.ts'

const timing = TIMING_PROFILES.default
const { deadMs, joinMs } = timing
const SERVING = { serving: true, leaving: false }
const peersOf = (nodes: readonly string[]) => nodes.map((node, index) => ({ node, ip: `10.0.0.${index + 1}` }))

function membersOf(...nodes: readonly string[]): Members {
  const members = createMembers(timing)
  members.list(peersOf(nodes), 0)
  return members
}

const known = (members: Members, node: string): Known => {
  const found = members.get(node)
  if (found === undefined) throw new Error(`no ${node}`)
  return found
}
const member = (members: Members, node: string, nowMs: number) => members.member(known(members, node), nowMs)
const hear = (members: Members, node: string, nowMs: number, incarnation = 1n) =>
  members.heard(node, { ...SERVING, incarnation, ip: '10.0.0.9' }, nowMs)
const entry = (node: string, ageMs: number, more: Partial<HeartbeatEntry> = {}): HeartbeatEntry => ({
  ...{ id: memberId(node), incarnation: 1n, ageMs, ...SERVING, ended: false },
  ...more,
})

t.test('heard, silent, heard again', async (t) => {
  const members = membersOf('b')
  t.match(member(members, 'b', joinMs - 1), { alive: true, serving: false, fault: undefined })
  t.match(member(members, 'b', joinMs), { alive: false, fault: 'never-heard' })
  t.equal(hear(members, 'b', 3000), true, 'the first of its incarnation')
  t.equal(hear(members, 'b', 3001), false)
  t.equal(known(members, 'b').ip, '10.0.0.9', 'answered where it speaks from')
  t.match(member(members, 'b', 3000 + deadMs), { alive: true, serving: true, lastSignMs: 3001 })
  t.match(member(members, 'b', 3001 + deadMs), { alive: false, fault: 'silent' })
  t.equal(hear(members, 'b', 9000, 2n), true, 'a new life')
  t.equal(hear(members, 'b', 9001, 1n), false, 'the former one is over')
  t.equal(known(members, 'b').lastSignMs, 9000)
})

t.test('another process is told from one that was paused, also by hearsay', async (t) => {
  const members = membersOf('b', 'c')
  const processOf = (node: string) => member(members, node, 0).incarnation
  t.equal(processOf('b'), undefined, 'not heard of yet')
  const startedUs = 1_764_000_000_000_000n
  hear(members, 'b', 1000, startedUs)
  t.equal(processOf('b'), startedUs)
  hear(members, 'b', 2000, startedUs + 1n)
  hear(members, 'b', 3000, startedUs + 2n)
  t.equal(processOf('b'), startedUs, 'paused twice')
  hear(members, 'b', 4000, startedUs + 400_000n)
  t.equal(processOf('b'), startedUs + 400_000n, 'started again after 0.4 s')
  members.told(entry('c', 0, { incarnation: startedUs }), 1000)
  const { version } = members
  members.told(entry('c', 0, { incarnation: startedUs + 1_000_000n }), 2000)
  t.equal(processOf('c'), startedUs + 1_000_000n)
  t.ok(members.version > version, 'the decisions hear of it')
})

t.test('hearsay: as old as it says and a little more, of this life only', async (t) => {
  const members = membersOf('b', 'c')
  members.told(entry('c', 100), 1000)
  t.match(member(members, 'c', 1000), { alive: true, serving: true, lastSignMs: 898 })
  members.told(entry('c', 200), 1050)
  t.equal(known(members, 'c').lastSignMs, 898, 'older than what is known')
  members.told(entry('c', Number.POSITIVE_INFINITY, { incarnation: 9n }), 1050)
  t.equal(known(members, 'c').incarnation, 1n, 'who has not heard it knows nothing')
  members.told(entry('c', 10, { incarnation: 2n }), 1100)
  t.match(known(members, 'c'), { incarnation: 2n, freshMs: 1088 })
  members.told(entry('c', 0), 1200)
  t.equal(known(members, 'c').lastSignMs, 1088, 'a former life')
  members.told(entry('stranger', 0), 1200)
  t.same(
    [...members.all()].map(({ node }) => node),
    ['b', 'c'],
  )
})

t.test('its own word counts before hearsay while it is heard', async (t) => {
  const members = membersOf('c')
  members.heard('c', { serving: false, leaving: true, incarnation: 1n, ip: '' }, 1000)
  members.told(entry('c', 0), 1100)
  t.match(member(members, 'c', 1100), { serving: false, leaving: true })
  members.told(entry('c', 0), 1400)
  t.match(member(members, 'c', 1400), { serving: true, leaving: false }, 'not heard for three heartbeats')
})

t.test('the end of a process: what was on its way does not disprove it, what comes later does, and it ends one life only', async (t) => {
  const members = membersOf('c')
  hear(members, 'c', 1000)
  members.ended('c', 1001)
  t.match(member(members, 'c', 1001), { alive: false, fault: 'ended' })
  hear(members, 'c', 1010)
  t.equal(member(members, 'c', 1010).fault, 'ended')
  members.told(entry('c', 0), 1015)
  t.equal(member(members, 'c', 1015).fault, 'ended')
  hear(members, 'c', 1050)
  t.equal(member(members, 'c', 1050).fault, undefined)
  members.told(entry('c', 49, { ended: true }), 1060)
  t.equal(member(members, 'c', 1060).fault, undefined, 'an end that is disproved here is none')
  members.told(entry('c', 5, { ended: true }), 1200)
  t.equal(member(members, 'c', 1200).fault, 'ended')
  members.told(entry('c', 0, { incarnation: 2n }), 1205)
  t.equal(member(members, 'c', 1205).fault, undefined, 'the next life begins at once')
  members.told(entry('c', 0, { ended: true }), 1210)
  t.equal(member(members, 'c', 1210).fault, undefined)
  members.ended('stranger', 1)
})

t.test('a new incarnation of our own: nobody is heard, and what was heard is not forgotten', async (t) => {
  const members = membersOf('c')
  hear(members, 'c', 1000)
  members.forgetHeard()
  t.match(known(members, 'c'), { directMs: undefined, freshMs: undefined, lastSignMs: 1000 })
})

t.test('the version rises with what matters, not with each sign of life', async (t) => {
  const members = membersOf('b', 'c')
  const changes = (fn: () => unknown): boolean => {
    const before = members.version
    fn()
    return members.version !== before
  }
  t.ok(changes(() => hear(members, 'b', 1000)))
  t.notOk(changes(() => hear(members, 'b', 1100)))
  t.ok(
    changes(() => hear(members, 'b', 1100 + deadMs)),
    'it was silent',
  )
  t.ok(changes(() => members.heard('b', { serving: false, leaving: false, incarnation: 1n, ip: '' }, 1500)))
  t.ok(changes(() => members.told(entry('c', 0), 1500)))
  t.notOk(changes(() => members.told(entry('c', 0), 1600)))
  t.ok(changes(() => members.told(entry('c', 0, { ended: true }), 1700)))
  t.ok(changes(() => members.list(peersOf(['b']), 1800)))
})

t.test('a heartbeat begins with its receiver, and in a mesh says what was heard, not hearsay', async (t) => {
  const members = membersOf('b', 'c', 'd', 'e')
  hear(members, 'b', 1000)
  hear(members, 'c', 1010)
  members.told(entry('d', 50), 1020)
  const to = known(members, 'b')
  const request = { members, sender: 'a', to, echo: 1n, turn: 0, nowMs: 1100 }
  const mesh = heartbeatEntries({ ...request, mesh: true })
  t.same(
    mesh.map(({ id, ageMs }) => [id, ageMs]),
    [
      [memberId('b'), 100],
      [memberId('c'), 90],
      [memberId('d'), Number.POSITIVE_INFINITY],
    ],
    'e was never heard of',
  )
  t.equal(heartbeatEntries({ ...request, mesh: false })[2]?.ageMs, 132)
  t.match(heartbeatEntries({ ...request, mesh: true, echo: 7n })[0], { incarnation: 7n, ageMs: Number.POSITIVE_INFINITY })
})

t.test('more members than places take turns, and who has ended goes first', async (t) => {
  const names = Array.from({ length: 150 }, (_, index) => `n${index}`)
  const members = membersOf(...names)
  for (const name of names) hear(members, name, 1000)
  members.ended('n149', 1050)
  const sender = 'x'.repeat(253)
  const seen = new Set<bigint>()
  for (let turn = 0; turn < 5; turn++) {
    const entries = heartbeatEntries({ members, sender, to: known(members, 'n3'), echo: 1n, mesh: false, turn, nowMs: 1100 })
    t.equal(entries.length, entriesPerPacket(sender))
    t.equal(entries[0]?.id, memberId('n3'))
    t.match(entries[1], { id: memberId('n149'), ended: true })
    t.equal(new Set(entries.map(({ id }) => id)).size, entries.length)
    for (const { id } of entries) seen.add(id)
  }
  t.equal(seen.size, 150)
})
