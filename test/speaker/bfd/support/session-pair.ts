/** Two nodes' sets of sessions with a path between them, in memory and by hand: nothing passes but what the test lets pass. */
import { pathOf } from '../../../../src/speaker/bfd/plan.ts'
import { createSessionSet, type SessionSet } from '../../../../src/speaker/bfd/session-set.ts'
import type { BfdChange, BfdReport, BfdSpec } from '../../../../src/speaker/bfd/settings.ts'
import { type BfdPacket, parseBfd } from '../../../../src/wire/bfd.ts'
import { ipOf } from '../../support/objects.ts'

export const specOf = (remote: string, local: string, more: Partial<BfdSpec> = {}): BfdSpec => ({
  ...{ key: remote, remote: ipOf(remote), local: ipOf(local), device: undefined, multihop: false },
  ...{ transmitMs: 50, receiveMs: 50, detectMultiplier: 3, passive: false, leastTtl: 254, authentication: undefined },
  ...more,
})

export interface NodeOfPair {
  readonly set: SessionSet
  /** What it has sent and nobody has taken yet. */
  readonly outbox: Uint8Array[]
  readonly changes: BfdChange[]
  /** Keys of the senders that are open. */
  readonly open: Set<string>
  report(key: string): BfdReport | undefined
  /** Reads what is in the outbox. */
  says(): readonly BfdPacket[]
}

export function createNode(random: () => number, now: () => number): NodeOfPair {
  const [outbox, changes, open]: [Uint8Array[], BfdChange[], Set<string>] = [[], [], new Set()]
  const set = createSessionSet({
    random,
    open({ key }) {
      open.add(key)
      return {
        send(bytes) {
          outbox.push(bytes)
          return true
        },
        close: () => void open.delete(key),
      }
    },
    onChange: (change) => void changes.push(change),
  })
  return {
    ...{ set, outbox, changes, open },
    report: (key) => set.reports(now(), 0).find((one) => one.key === key),
    says: () =>
      outbox.map((bytes) => {
        const parsed = parseBfd(bytes)
        if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
        return parsed.value
      }),
  }
}

/** Our session with the peer, and theirs with us. Random numbers are all `chance`, but for the discriminators. */
export function createPair(ours: BfdSpec, theirs: BfdSpec, chance = 0.5) {
  let [nowUs, drawn] = [0, 0]
  const random = () => (drawn++ < 8 ? (drawn % 7) / 8 + chance / 16 : chance)
  const [us, peer] = [createNode(random, () => nowUs), createNode(random, () => nowUs)]
  const arrival = (spec: BfdSpec) => ({ ...pathOf(spec), ttl: 255 })
  /** What each has said reaches the other one, and what they answer. */
  function deliver(): void {
    while (us.outbox.length + peer.outbox.length > 0) {
      for (const bytes of us.outbox.splice(0)) peer.set.receive(bytes, arrival(theirs), nowUs)
      for (const bytes of peer.outbox.splice(0)) us.set.receive(bytes, arrival(ours), nowUs)
    }
  }
  us.set.follow([ours], 0)
  peer.set.follow([theirs], 0)
  return {
    us,
    peer,
    deliver,
    now: () => nowUs,
    arrival: arrival(ours),
    /** Time passes without anybody's turn. */
    sleep(us: number): void {
      nowUs += us
    },
    /** Turns in small steps. */
    run(forUs: number): void {
      for (const endUs = nowUs + forUs; nowUs < endUs; ) {
        nowUs += 1000
        us.set.tick(nowUs)
        peer.set.tick(nowUs)
        deliver()
      }
    },
  }
}
