/**
 * A process that runs the membership of one node, for tests of the real sockets. Argument: JSON of ChildSettings. On standard output: one
 * JSON object a line (ChildLine), with the time of the monotonic clock, which all processes of a machine share. On standard input: one
 * JSON object a line (ChildOrder).
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { systemClock } from '../../../src/runtime/clock.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { monotonicMs } from '../../../src/speaker/fence.ts'
import type { MembershipFacts } from '../../../src/speaker/membership/facts.ts'
import { createMembership } from '../../../src/speaker/membership/membership.ts'
import type { AddressWord, Peer } from '../../../src/speaker/membership/message.ts'
import { deriveKey } from '../../../src/speaker/membership/seal.ts'
import { TIMING_PROFILES, type TimingProfile } from '../../../src/speaker/membership/timing.ts'

export interface ChildSettings {
  readonly self: string
  readonly ip: string
  readonly port: number
  readonly peers: readonly Peer[]
  readonly secret: string
  readonly profile: TimingProfile
}

export type ChildOrder =
  | { readonly order: 'words'; readonly upsert: readonly AddressWord[] }
  | { readonly order: 'peers'; readonly peers: readonly Peer[] }
  /** Blocks the main thread. */
  | { readonly order: 'stall'; readonly ms: number }
  | { readonly order: 'counters' }
  | { readonly order: 'stop' }

export type ChildLine = { readonly atMs: number } & (
  | { readonly said: 'facts'; readonly settled: boolean; readonly members: Readonly<Record<string, ChildMember>> }
  | { readonly said: 'words'; readonly node: string; readonly words: readonly AddressWord[] }
  | { readonly said: 'resumed'; readonly pause: number }
  | { readonly said: 'fence'; readonly open: boolean }
  | {
      readonly said: 'counters'
      readonly sent: Readonly<Record<string, number>>
      readonly bytes: number
      readonly rejected: Readonly<Record<string, number>>
      readonly problems: readonly string[]
    }
)

export type ChildMember = Pick<MembershipFacts['members'] extends ReadonlyMap<string, infer M> ? M : never, 'alive' | 'serving' | 'fault'>

const settings = JSON.parse(process.argv[2] ?? '') as ChildSettings
const say = (line: object): void => void process.stdout.write(`${JSON.stringify({ atMs: monotonicMs(), ...line })}\n`)

const membership = createMembership({
  self: settings.self,
  timing: TIMING_PROFILES[settings.profile],
  bind: { address: settings.ip, port: settings.port },
  clock: systemClock,
  logger: silentLogger,
  random: Math.random,
  onFacts: ({ settled, members }) => {
    const plain = [...members].map(([node, { alive, serving, fault }]) => [node, { alive, serving, fault }])
    say({ said: 'facts', settled, members: Object.fromEntries(plain) })
  },
  onWords: (node, words) => say({ said: 'words', node, words }),
  onResumed(pause) {
    say({ said: 'resumed', pause })
    membership.reconciled(pause)
  },
})
const key = deriveKey(Buffer.from(settings.secret))
membership.keys({ seal: key, accept: [key] })
membership.peers(settings.peers)
membership.state({ serving: true, leaving: false })

let wasOpen = false
setInterval(() => {
  const isOpen = membership.fence.isOpen(monotonicMs())
  if (isOpen !== wasOpen) say({ said: 'fence', open: isOpen })
  wasOpen = isOpen
}, 5)

createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line) as ChildOrder
  switch (order.order) {
    case 'words':
      return membership.words(order.upsert, [])
    case 'peers':
      return membership.peers(order.peers)
    case 'stall':
      for (const endMs = monotonicMs() + order.ms; monotonicMs() < endMs; );
      return
    case 'counters': {
      const { counters } = membership
      const sent = Object.fromEntries(
        ['heartbeat', 'ping', 'words', 'confirm'].map((kind) => [kind, counters.packets('sent', kind as 'ping')]),
      )
      const rejected = Object.fromEntries(['unsealed', 'unknown', 'repeated', 'stranger'].map((r) => [r, counters.rejected(r as 'own')]))
      return say({ said: 'counters', sent, bytes: counters.bytes('sent'), rejected, ...membership.health() })
    }
    case 'stop':
      void membership.close().then(() => process.exit(0))
  }
})
