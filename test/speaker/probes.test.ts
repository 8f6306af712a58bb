import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { addressKey } from '../../src/speaker/layer2/address-key.ts'
import type { ProbeOutcome } from '../../src/speaker/layer2/observation.ts'
import { createProbes } from '../../src/speaker/probes.ts'
import { ETH0, ipOf } from './support/objects.ts'

const ADDRESS = '10.0.0.1'
const KEY = addressKey(ipOf(ADDRESS))
const ON = { index: 2, name: 'eth0', mac: ETH0.mac ?? new Uint8Array(6) }
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 9)

function asking() {
  const asked: { resolve(outcome: ProbeOutcome): void; reject(error: Error): void; signal: AbortSignal }[] = []
  const ended: string[] = []
  const failed: string[] = []
  let nowMs = 0
  const probes = createProbes({
    probe: (_address, _on, signal) => new Promise((resolve, reject) => asked.push({ resolve, reject, signal })),
    onEnd: (claim) => ended.push(claim),
    onFailure: (claim) => failed.push(claim),
    nowMs: () => nowMs,
  })
  const ask = () => probes.ask(ADDRESS, KEY, ON)
  return {
    asked,
    ended,
    failed,
    probes,
    ask,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

t.test('the wire is asked once, and the answer counts for a while', async (t) => {
  const { asked, ended, ask, pass } = asking()
  t.same(ask(), { kind: 'asking' })
  t.same(ask(), { kind: 'asking' })
  t.equal(asked.length, 1)
  asked[0]?.resolve({ address: KEY, takenBy: undefined })
  await delay(0)
  t.same([ask(), ended], [{ kind: 'free' }, [ADDRESS]])
  pass(5000)
  t.same(ask(), { kind: 'asking' }, 'free then is not free for ever')
  asked[1]?.resolve({ address: KEY, takenBy: MAC })
  await delay(0)
  pass(59_000)
  t.same(ask(), { kind: 'taken', mac: MAC })
  pass(1000)
  t.same(ask(), { kind: 'asking' }, 'whoever had it may have gone')
})

t.test('a question that cannot be asked is asked again after a second', async (t) => {
  const { asked, ended, failed, ask, pass } = asking()
  ask()
  asked[0]?.reject(new Error('no such interface'))
  await delay(0)
  t.same([failed, ended], [[ADDRESS], [ADDRESS]])
  t.same(ask(), { kind: 'asking' })
  t.equal(asked.length, 1)
  pass(1000)
  ask()
  t.equal(asked.length, 2)
})

t.test('a question about a claim that is gone is dropped, and its answer too', async (t) => {
  const { asked, ended, failed, ask, probes } = asking()
  ask()
  probes.forget(ADDRESS)
  t.equal(asked[0]?.signal.aborted, true)
  asked[0]?.reject(new Error('aborted'))
  await delay(0)
  t.same([ended, failed], [[], []])
  ask()
  probes.close()
  asked[1]?.resolve({ address: KEY, takenBy: MAC })
  await delay(0)
  t.same(ended, [])
})
