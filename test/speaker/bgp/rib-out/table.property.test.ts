import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { createLineTable } from '../../../../src/speaker/bgp/rib-out/line-table.ts'
import { createRibOut } from '../../../../src/speaker/bgp/rib-out/rib-out.ts'
import type { BgpLine } from '../../../../src/speaker/bgp/route.ts'
import { SAFI_UNICAST } from '../../../../src/wire/bgp/iana.ts'
import { expectedTable, type ModelSession } from './support/expectation.ts'
import { type Clock, pull, pullAll } from './support/pulling.ts'
import { createReceiver } from './support/receiver.ts'
import { churn, type ModelPeer, modelPeers, SESSIONS, type Step, steps } from './support/worlds.ts'

/** A peer and its table from the first session on. */
function createRun(first: ModelPeer, session: ModelSession) {
  const table = createLineTable()
  const ribOut = createRibOut(first.settings, table)
  const clock: Clock = { nowMs: 0 }
  const run = { table, ribOut, clock, peer: first, session, receiver: createReceiver(session.terms), take }
  ribOut.established(session.terms, 0)

  function follow(lines: readonly BgpLine[]) {
    ribOut.changed(table.follow(lines))
  }
  function take(step: Step): void {
    switch (step.kind) {
      case 'follow':
        follow(step.lines)
        return
      case 'edit': {
        const byText = new Map(table.lines().map((line) => [line.text, line]))
        for (const line of step.lines) byText.set(line.text, line)
        follow([...byText.values()].toSpliced(step.gone, 1))
        return
      }
      case 'pull':
        pull(ribOut, run.receiver, clock, step.most)
        return
      case 'wait':
        clock.nowMs += step.ms
        return
      case 'configure':
        run.peer = step.peer
        ribOut.configure(step.peer.settings)
        return
      case 'reconnect':
        ribOut.ended()
        run.session = step.session
        run.receiver = createReceiver(step.session.terms)
        ribOut.established(step.session.terms, clock.nowMs)
        return
      case 'refresh':
        ribOut.refresh({ afi: step.afi, safi: SAFI_UNICAST, subtype: 'request' })
        return
    }
  }
  return run
}
type Run = ReturnType<typeof createRun>

const sorted = (table: ReadonlyMap<string, string>) => [...table].toSorted(([a], [b]) => (a < b ? -1 : 1))

/** Once nothing is due the peer has what it is to have, and everybody knows. */
function judgeEnd({ ribOut, receiver, table, peer, session, clock }: Run, shutdown = false): void {
  pullAll(ribOut, receiver, clock)
  const expected = expectedTable(table.lines(), peer.settings, peer.policy, session, shutdown)
  assert.deepEqual(sorted(receiver.table), sorted(expected))
  const prefixes = new Set([...expected.keys()].map((key) => key.slice(key.indexOf('@') + 1)))
  const { announced, pending, byFamily } = ribOut.counts()
  assert.deepEqual([announced, pending, byFamily.IPv4 + byFamily.IPv6], [prefixes.size, 0, prefixes.size])
  const families = Object.keys(session.terms.agreement.send.families)
  assert.deepEqual([...receiver.endOfRib].toSorted(), table.isReady() ? families : [])
  assert.equal(receiver.log.filter((one) => one.startsWith('EoR ')).length, receiver.endOfRib.size, 'End-of-RIB once')
}

t.test('whatever happens to lines and peer, its table is the expected one once there is nothing more to say', async (t) => {
  fc.assert(
    fc.property(modelPeers, fc.constantFrom(...SESSIONS), steps, (peer, session, list) => {
      const run = createRun(peer, session)
      for (const step of list) run.take(step)
      judgeEnd(run)
    }),
    { numRuns: 600 },
  )
  t.pass('600 histories')
})

t.test('a route that has not changed is never told twice, and none is withdrawn that was not told', async (t) => {
  fc.assert(
    fc.property(modelPeers, fc.constantFrom(...SESSIONS), churn, (peer, session, list) => {
      const run = createRun(peer, session)
      for (const step of list) run.take(step)
      judgeEnd(run)
      assert.deepEqual(run.receiver.needless, [])
    }),
    { numRuns: 400 },
  )
  t.pass('400 histories')
})

t.test('drained: told as the last choice, then nothing, wherever it starts from', async (t) => {
  fc.assert(
    fc.property(modelPeers, fc.constantFrom(...SESSIONS), steps, (peer, session, list) => {
      const run = createRun(peer, session)
      for (const step of [...list, { kind: 'edit', lines: [], gone: 99 } as const]) run.take(step)
      run.ribOut.drain('shutdown-community')
      judgeEnd(run, true)
      run.ribOut.drain('withdraw')
      pull(run.ribOut, run.receiver, run.clock)
      assert.equal(run.receiver.table.size, 0)
      assert.deepEqual(run.ribOut.counts(), { announced: 0, pending: 0, byFamily: { IPv4: 0, IPv6: 0 } })
    }),
    { numRuns: 200 },
  )
  t.pass('200 histories')
})

t.test('between two announcements of a prefix lies the interval; a withdrawal and a first announcement do not wait', async (t) => {
  fc.assert(
    fc.property(modelPeers, churn, (peer, list) => {
      const [session] = SESSIONS
      assert(session)
      const times = { ...peer.settings.times, advertisementMs: 1000 }
      const run = createRun({ ...peer, settings: { ...peer.settings, times } }, session)
      const toldAt = new Map<string, number>()
      const listen = () => {
        for (const entry of run.receiver.log.splice(0)) {
          if (!entry.startsWith('+')) continue
          const before = toldAt.get(entry.slice(1)) ?? Number.NEGATIVE_INFINITY
          assert.ok(run.clock.nowMs - before >= 1000, `${entry} ${run.clock.nowMs - before} ms after the last time`)
          toldAt.set(entry.slice(1), run.clock.nowMs)
        }
      }
      for (const step of list) {
        run.take(step)
        listen()
        if (step.kind !== 'wait') continue
        pull(run.ribOut, run.receiver, run.clock)
        listen()
        judgeHeld(run, toldAt)
      }
    }),
    { numRuns: 300 },
  )
  t.pass('300 histories')
})

/** What still differs once nothing is due: never a withdrawal, and only what was told less than the interval ago. */
function judgeHeld({ table, peer, session, receiver, clock, ribOut }: Run, toldAt: ReadonlyMap<string, number>): void {
  const expected = expectedTable(table.lines(), peer.settings, peer.policy, session, false)
  const waitMs = ribOut.waitMs(clock.nowMs)
  const differs = [...expected].filter(([key, words]) => receiver.table.get(key) !== words).map(([key]) => key)
  assert.deepEqual(
    [...receiver.table.keys()].filter((key) => !expected.has(key)),
    [],
  )
  const due = differs.map((key) => (toldAt.get(key) ?? Number.NEGATIVE_INFINITY) + 1000)
  assert.equal(waitMs, due.length === 0 ? undefined : Math.min(...due) - clock.nowMs)
}
