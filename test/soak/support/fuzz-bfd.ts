/** BFD: the parser, and two speakers whose session is Up while one of them is given wrong packets. */
import assert from 'node:assert/strict'
import { pathOf } from '../../../src/speaker/bfd/plan.ts'
import { createSessionSet, type SessionSet } from '../../../src/speaker/bfd/session-set.ts'
import type { BfdAuthentication, BfdReport, BfdSpec } from '../../../src/speaker/bfd/settings.ts'
import { BFD_LENGTH, parseBfd, serializeBfd } from '../../../src/wire/bfd.ts'
import { ipOf } from '../../speaker/support/objects.ts'
import type { FuzzTarget } from './fuzz.ts'
import { createRandom } from './random.ts'

const refusal = (bytes: Uint8Array): string => {
  const parsed = parseBfd(bytes)
  if (parsed.ok) return parsed.value.state
  return parsed.error.code === 'TRUNCATED' ? parsed.error.code : `${parsed.error.code} ${parsed.error.field}`
}

/** What the parser takes, it gives again byte for byte, but for what it ignores: a length that counts more than the packet, and a reserved byte. */
const parser = (seeds: readonly Uint8Array[]): FuzzTarget => ({
  name: 'parseBfd',
  seeds,
  run(bytes, length) {
    const parsed = parseBfd(bytes.subarray(0, length))
    if (parsed.ok) {
      const again = serializeBfd(parsed.value)
      assert.ok(again.length <= length)
      again[LENGTH_AT] = bytes[LENGTH_AT] ?? 0
      if (parsed.value.authentication !== undefined && parsed.value.authentication.kind !== 'simple') {
        again[RESERVED_AT] = bytes[RESERVED_AT] ?? 0
      }
      assert.deepEqual(again, bytes.slice(0, again.length))
    }
    return refusal(bytes.subarray(0, length))
  },
})

const LENGTH_AT = 3
/** Of the authentication section with a digest. */
const RESERVED_AT = BFD_LENGTH + 3
const SEQUENCE_AT = BFD_LENGTH + 4
const KEY = 'a peer'
const SECOND_US = 1_000_000
/** A session that was disturbed in any way is Up again after so much of quiet. */
const RECOVERY_SECONDS = 60

interface Side {
  readonly spec: BfdSpec
  readonly set: SessionSet
  readonly outbox: Uint8Array[]
}

const specOf = (remote: string, local: string, authentication: BfdAuthentication | undefined): BfdSpec => ({
  ...{ key: KEY, remote: ipOf(remote), local: ipOf(local), device: undefined, multihop: authentication !== undefined },
  ...{ transmitMs: 50, receiveMs: 50, detectMultiplier: 3, passive: false, leastTtl: 254, authentication },
})

function createSide(spec: BfdSpec, seed: number): Side {
  const random = createRandom(seed)
  const outbox: Uint8Array[] = []
  const set = createSessionSet({
    random: () => random.below(2 ** 31) / 2 ** 31,
    open: () => ({
      send(bytes) {
        outbox.push(bytes)
        return true
      },
      close: () => undefined,
    }),
    onChange: () => undefined,
  })
  set.follow([spec], 0)
  return { spec, set, outbox }
}

/** Two speakers on a path that loses nothing. */
function createPair(authentication?: BfdAuthentication) {
  const ours = createSide(specOf('192.0.2.2', '192.0.2.1', authentication), 1)
  const theirs = createSide(specOf('192.0.2.1', '192.0.2.2', authentication), 2)
  let [nowUs, sequence] = [0, 0]
  const arrivalAt = (side: Side) => ({ ...pathOf(side.spec), ttl: 255 })
  /** What each side says has come; a word may be the answer to another one. */
  function deliver(): void {
    for (let round = 0; round < 10 && ours.outbox.length + theirs.outbox.length > 0; round++) {
      for (const [from, to] of [
        [ours, theirs],
        [theirs, ours],
      ] as const) {
        for (const bytes of from.outbox.splice(0)) {
          const parsed = parseBfd(bytes)
          assert.ok(parsed.ok, 'we send what we would refuse')
          const { authentication } = parsed.value
          if (from === theirs && authentication !== undefined && 'sequence' in authentication) sequence = authentication.sequence
          to.set.receive(bytes, arrivalAt(to), nowUs)
        }
      }
    }
    assert.ok(ours.outbox.length + theirs.outbox.length === 0, 'words without end')
  }
  function pass(us: number): void {
    nowUs += us
    for (const { set } of [ours, theirs]) set.tick(nowUs)
    deliver()
  }
  const report = (): BfdReport => {
    const [found] = ours.set.reports(nowUs, 0)
    assert.ok(found !== undefined)
    return found
  }
  return {
    report,
    pass,
    /** In small steps, or a session that is Up would be late by the step itself. */
    recover() {
      for (let us = 0; report().state !== 'Up'; us += 20_000) {
        assert.ok(us < RECOVERY_SECONDS * SECOND_US, `it is ${report().state} for good`)
        pass(20_000)
      }
    },
    inject(bytes: Uint8Array): void {
      ours.set.receive(bytes, arrivalAt(ours), nowUs)
      assert.ok(ours.set.dueUs() > 0, 'a timer that is no number')
      deliver()
    },
    /** What they say now, of any state: seeds. */
    overhear(): readonly Uint8Array[] {
      const heard: Uint8Array[] = []
      for (let step = 0; step < 200; step++) {
        nowUs += 20_000
        for (const { set } of [ours, theirs]) set.tick(nowUs)
        heard.push(...theirs.outbox.map((bytes) => bytes.slice()))
        deliver()
      }
      return heard
    },
    strays: () => ours.set.strays,
    /** The last one of theirs. */
    sequence: () => sequence,
  }
}

/** Who can write to us and knows the discriminators may end a session without a key; it comes back, and nothing else happens. */
function pastUp(): FuzzTarget {
  const pair = createPair()
  return {
    name: 'a BFD session',
    seeds: pair.overhear(),
    run(bytes, length) {
      pair.recover()
      const strays = pair.strays()
      pair.inject(bytes.slice(0, length))
      pair.pass(5000)
      const { state, detectionMs, transmitMs } = pair.report()
      assert.ok(detectionMs >= 0 && transmitMs >= 0)
      return pair.strays() > strays ? 'stray' : state
    },
  }
}

/** With a key nothing that is not theirs counts, and the session stays. */
function withKey(): FuzzTarget {
  const pair = createPair({ type: 'meticulous-keyed-sha1', keyId: 1, key: 'sesame' })
  const seeds = pair.overhear()
  return {
    name: 'a BFD session with a key',
    seeds,
    /** A number that may come next, or few would get as far as to their digest. */
    repair(random, { bytes, length }) {
      if (length < SEQUENCE_AT + 4 || random.below(4) === 0) return
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(SEQUENCE_AT, pair.sequence() + 1 + random.below(3))
    },
    run(bytes, length) {
      pair.recover()
      const [before, strays] = [pair.report(), pair.strays()]
      pair.inject(bytes.slice(0, length))
      const after = pair.report()
      assert.equal(after.received, before.received, 'a forged or repeated packet is taken')
      assert.equal(after.state, 'Up')
      pair.pass(5000)
      assert.equal(pair.report().downs, 0)
      return pair.strays() > strays ? 'stray' : (after.lastDiscard ?? 'nothing')
    },
  }
}

const [plain, keyed] = [pastUp(), withKey()]
export const BFD_TARGETS: readonly FuzzTarget[] = [parser([...plain.seeds, ...keyed.seeds]), plain, keyed]
