import t from 'tap'
import { createLogger } from '../../src/runtime/logger.ts'
import { takePatch, yieldPatch } from '../../src/speaker/claim-status.ts'
import { createJournal } from '../../src/speaker/journal.ts'
import type { Ownership } from '../../src/speaker/ownership.ts'
import { claimObject, ETH0, ipOf } from './support/objects.ts'

const ability = { ip: ipOf('10.0.0.1'), interface: { ...ETH0, mac: Uint8Array.of(2, 0, 0, 0, 0, 1) } }
const answer = (epoch: number): Ownership => ({ kind: 'answer', ability, epoch })
const silent = { kind: 'silent', reason: 'owned-elsewhere' } as const
const take = { kind: 'take', ability, departure: 'speaker-leaving' } as const
const CLAIM = claimObject('10.0.0.1')

function recording() {
  const lines: { level: string; msg: string; [field: string]: unknown }[] = []
  const logger = createLogger({ format: 'json', level: 'debug', write: (line) => void lines.push(JSON.parse(line)) })
  return { lines, journal: createJournal(logger) }
}

t.test('one line per decision, not per look', async (t) => {
  const { lines, journal } = recording()
  for (const ownership of [silent, silent, take, answer(2), answer(2), answer(3), silent, silent]) journal.decided('10.0.0.1', ownership)
  journal.forget('10.0.0.1')
  journal.decided('10.0.0.1', silent)
  t.same(
    lines.map(({ level, msg, epoch, reason }) => [level, msg, epoch ?? reason]),
    [
      ['debug', 'not answering for an address', 'owned-elsewhere'],
      ['info', 'answering for an address', 2],
      ['info', 'answering for an address', 3],
      ['info', 'no longer answering for an address', 'owned-elsewhere'],
      ['debug', 'not answering for an address', 'owned-elsewhere'],
    ],
  )
  t.match(lines[1], { claim: '10.0.0.1', interface: 'eth0' })
})

t.test('a write says who and why', async (t) => {
  const { lines, journal } = recording()
  const now = '2026-01-01T00:00:00Z'
  journal.wrote(
    '10.0.0.1',
    { ownership: take, report: undefined },
    takePatch(CLAIM, { node: 'n1', interface: 'eth0' }, 'speaker-leaving', now),
  )
  const given = { kind: 'yield', reason: 'interface-down' } as const
  journal.wrote('10.0.0.1', { ownership: given, report: undefined }, yieldPatch(CLAIM, 'interface-down', now))
  const report = { type: 'Announced', status: 'False', reason: 'NoEligibleNode', message: 'no node may answer' } as const
  journal.wrote('10.0.0.1', { ownership: silent, report }, { metadata: { resourceVersion: '1' }, status: {} })
  t.match(lines, [
    { level: 'info', msg: 'took an address over', epoch: 1, from: 'speaker-leaving' },
    { level: 'warn', msg: 'gave an address up', reason: 'interface-down', why: /carrier/ },
    { level: 'warn', msg: 'nobody announces an address', reason: 'NoEligibleNode', why: 'no node may answer' },
  ])
})

t.test('an Eip is new once', async (t) => {
  const { journal } = recording()
  t.same(['a', 'b', 'a'].map(journal.isFirstOf), [true, true, false])
})
