import t from 'tap'
import { createLogger } from '../../src/runtime/logger.ts'
import { createConflicts } from '../../src/speaker/conflicts.ts'
import { addressKey } from '../../src/speaker/layer2/address-key.ts'
import type { Member, MembershipFacts } from '../../src/speaker/membership/facts.ts'
import { createClaimMemory } from '../../src/speaker/memory.ts'
import { createSignals } from '../../src/speaker/signals.ts'
import { createWords } from '../../src/speaker/words.ts'
import { claimObject, ipOf } from './support/objects.ts'

const ADDRESS = '10.0.0.1'
const KEY = addressKey(ipOf(ADDRESS))
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 9)
const member = (over: Partial<Member> = {}): Member => ({
  alive: true,
  serving: true,
  leaving: false,
  lastSignMs: 0,
  fault: undefined,
  incarnation: 1n,
  ...over,
})
const word = (epoch: number) => ({ address: KEY, epoch, state: 'held', recorded: false }) as const

function signals() {
  const acts: string[] = []
  const lines: { level: string; msg: string; [field: string]: unknown }[] = []
  const knowledge = { memory: createClaimMemory(), words: createWords('n1'), conflicts: createConflicts() }
  let facts: MembershipFacts | undefined
  const made = createSignals({
    knowledge,
    presence: { heard: () => facts, facts: () => facts },
    membership: { reconciled: (pause) => acts.push(`reconciled ${pause}`), repeat: (addresses) => acts.push(`repeat ${addresses.join()}`) },
    layer2: {
      settled: async () => void acts.push('settled'),
    },
    logger: createLogger({ format: 'json', level: 'debug', write: (line) => void lines.push(JSON.parse(line)) }),
    timer: { run: () => acts.push('look'), within: () => undefined },
    lookAt: (claims) => acts.push(`look at ${claims.join()}`),
  })
  const hears = (members: Readonly<Record<string, Member>>) => {
    facts = { settled: true, members: new Map(Object.entries(members)) }
    made.membersChanged()
  }
  return { ...made, acts, lines, knowledge, hears }
}

t.test('who is heard is said once per change, and what a former process said is forgotten', async (t) => {
  const { hears, heard, lines, acts, knowledge } = signals()
  hears({ n1: member(), n2: member() })
  hears({ n1: member(), n2: member() })
  heard('n2', [word(6)])
  t.match(knowledge.words.present(claimObject(ADDRESS)), { node: 'n2', epoch: 6 })
  t.equal(acts.at(-1), `look at ${ADDRESS}`)
  hears({ n1: member(), n2: member({ alive: false, fault: 'ended' }) })
  t.match(knowledge.words.present(claimObject(ADDRESS)), { node: 'n2' }, 'a dead owner is still the one to replace')
  hears({ n1: member(), n2: member({ serving: false, incarnation: 2n }) })
  t.equal(knowledge.words.present(claimObject(ADDRESS)), undefined)
  hears({ n1: member() })
  t.same(
    lines.map(({ level, msg, speaker, standing, fault }) => [level, msg, speaker, standing ?? fault]),
    [
      ['info', 'a speaker changed', 'n1', 'serving'],
      ['info', 'a speaker changed', 'n2', 'serving'],
      ['warn', 'a speaker is not heard any more', 'n2', 'ended'],
      ['info', 'a speaker changed', 'n2', 'alive'],
      ['info', 'a speaker is gone from the list', 'n2', undefined],
    ],
  )
})

t.test("an owner's word is a sign of its life", async (t) => {
  const { heard, knowledge } = signals()
  t.equal(knowledge.memory.ownedSinceMs(ADDRESS, 'n2', 6, 5), 5)
  heard('n2', [word(6)])
  t.equal(knowledge.memory.ownedSinceMs(ADDRESS, 'n2', 6, 5), -Infinity)
})

t.test('after a pause: look, wait for the wire, then say so', async (t) => {
  const { resumed, acts, lines } = signals()
  await resumed(1)
  t.same(acts, ['look', 'settled', 'reconciled 1'])
  t.same(lines, [], 'a start is no pause')
  await resumed(2)
  t.match(lines, [{ level: 'warn', pause: 2 }])
})

t.test('a foreign claim: a majority repeats its word, a minority yields', async (t) => {
  const { hears, challenged, acts, knowledge } = signals()
  const foreign = { address: KEY, mac: MAC, atMs: 0, count: 1 }
  hears({ n1: member(), n2: member(), n3: member({ alive: false, fault: 'silent' }) })
  challenged(foreign)
  t.same(acts.slice(-2), [`repeat ${KEY}`, `look at ${ADDRESS}`])
  t.equal(knowledge.conflicts.challenged(ADDRESS, 0), true)
  challenged({ ...foreign, atMs: 2000 })
  t.equal(knowledge.conflicts.count(2000), 0, 'it may be the speaker that is not heard')
  hears({ n1: member(), n2: member({ alive: false, fault: 'silent' }), n3: member({ alive: false, fault: 'silent' }) })
  challenged({ ...foreign, atMs: 3000 })
  t.equal(acts.filter((act) => act.startsWith('repeat')).length, 2)
})
