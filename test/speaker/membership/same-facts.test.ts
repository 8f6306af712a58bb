import t from 'tap'
import type { Member } from '../../../src/speaker/membership/facts.ts'
import { sameFacts } from '../../../src/speaker/membership/same-facts.ts'

const member: Member = { alive: true, serving: true, leaving: false, lastSignMs: 1, fault: undefined, incarnation: 7n }
const facts = (over: Partial<Member> = {}, settled = true) => ({ settled, members: new Map([['n1', { ...member, ...over }]]) })

t.test('what a decision depends on makes other facts, the time of a sign of life does not', async (t) => {
  t.equal(sameFacts(facts(), facts()), true)
  t.equal(sameFacts(facts(), facts({ lastSignMs: 2 })), true)
  t.equal(sameFacts(facts(), { settled: true, members: new Map() }), false)
  t.equal(sameFacts(facts(), { settled: true, members: new Map([['n2', member]]) }), false)
  t.equal(sameFacts(facts(), facts({}, false)), false)
  const others: readonly Partial<Member>[] = [
    { alive: false },
    { serving: false },
    { leaving: true },
    { fault: 'ended' },
    { lastSignMs: undefined },
    { incarnation: 8n },
    { incarnation: undefined },
  ]
  for (const over of others) t.equal(sameFacts(facts(), facts(over)), false, Object.keys(over).join())
})
