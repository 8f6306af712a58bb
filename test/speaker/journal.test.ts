import t from 'tap'
import { createLogger } from '../../src/runtime/logger.ts'
import { type Report, releasePatch, type StatusPatch, takePatch } from '../../src/speaker/claim-status.ts'
import { createJournal } from '../../src/speaker/journal.ts'
import type { Ownership } from '../../src/speaker/ownership.ts'
import { claimObject, ETH0, ipOf } from './support/objects.ts'

const ability = { ip: ipOf('10.0.0.1'), interface: { ...ETH0, mac: Uint8Array.of(2, 0, 0, 0, 0, 1) } }
const answer = (epoch: number): Ownership => ({ kind: 'answer', ability, epoch, recorded: true })
const silent = { kind: 'silent', reason: 'owned-elsewhere' } as const
const take = { kind: 'take', ability, epoch: 2, departure: 'speaker-leaving', first: 'record' } as const
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

t.test('an address that is announced first, and one that is given up, are said at once', async (t) => {
  const { lines, journal } = recording()
  const announced = { ...take, first: 'announce' } as const
  const given = { kind: 'release', epoch: 2, recorded: true, reason: 'interface-down' } as const
  for (const ownership of [silent, announced, answer(2), given, given, silent]) journal.decided('10.0.0.1', ownership)
  t.match(lines, [
    { level: 'debug', msg: 'not answering for an address' },
    { level: 'info', msg: 'took an address over', epoch: 2, from: 'speaker-leaving', interface: 'eth0' },
    { level: 'warn', msg: 'gave an address up', reason: 'interface-down', why: /carrier/ },
    { level: 'debug', msg: 'not answering for an address' },
  ])
})

t.test('a write says who and why', async (t) => {
  const { lines, journal } = recording()
  const now = '2026-01-01T00:00:00Z'
  const tenure = { node: 'n1', interface: 'eth0', epoch: 2, since: now, departure: 'speaker-leaving' } as const
  const wrote = (ownership: Ownership, patch: StatusPatch, report?: Report) =>
    journal.wrote('10.0.0.1', { ownership, present: undefined, report }, patch)
  const nothing = { metadata: { resourceVersion: '1' }, status: {} }
  wrote(take, takePatch(CLAIM, tenure, now))
  wrote({ ...take, first: 'announce' }, takePatch(CLAIM, tenure, now))
  wrote({ kind: 'release', epoch: 2, recorded: true, reason: 'interface-down' }, releasePatch(CLAIM, tenure, 'interface-down', now))
  wrote(take, { ...nothing, status: { phase: 'Probing' } })
  wrote(silent, nothing, { type: 'Announced', status: 'False', reason: 'NoEligibleNode', message: 'no node may answer' })
  t.match(lines, [
    { level: 'info', msg: 'took an address over', epoch: 2, from: 'speaker-leaving' },
    { level: 'info', msg: 'recorded the owner of an address', epoch: 2, interface: 'eth0' },
    { level: 'info', msg: 'recorded that nobody has an address' },
    { level: 'info', msg: 'asking the network whether an address is free' },
    { level: 'warn', msg: 'said on a claim', type: 'Announced', reason: 'NoEligibleNode', why: 'no node may answer' },
  ])
})
