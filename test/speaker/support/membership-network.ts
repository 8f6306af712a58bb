/** Speakers on a network that exists in memory only: their state machines, a clock that jumps from event to event, and every fault. */

import type { Effect, Rejection } from '../../../src/speaker/membership/effect.ts'
import type { MembershipFacts } from '../../../src/speaker/membership/facts.ts'
import type { AddressWord } from '../../../src/speaker/membership/message.ts'
import { createProtocol, type Protocol } from '../../../src/speaker/membership/protocol.ts'
import { type MembershipTiming, TIMING_PROFILES } from '../../../src/speaker/membership/timing.ts'
import { parseMembership, serializeMembership } from '../../../src/wire/membership.ts'

/** How packets fare from one node to another. `loss` is a part of 1. */
export interface Path {
  readonly loss: number
  readonly delayMs: number
}

export interface Node {
  readonly name: string
  protocol: Protocol
  /** `paused`: its packets wait in the sockets. `stalled`: only its main thread stands still. */
  state: 'running' | 'paused' | 'down'
  stalled: boolean
  readonly waiting: (() => void)[]
  /** Every change of what it knows, in order. */
  readonly log: { readonly atMs: number; readonly facts: MembershipFacts }[]
  readonly words: { readonly atMs: number; readonly from: string; readonly word: AddressWord }[]
  readonly sent: Record<string, number>
  readonly rejected: Partial<Record<Rejection, number>>
  sentBytes: number
  fenceUntilMs: number
  /** Raised at each start: events of a former life are void. */
  life: number
  timerMs: number
  key: string
}

export interface Network {
  readonly nodes: ReadonlyMap<string, Node>
  nowMs(): number
  node(name: string): Node
  /** Runs for so long. */
  run(ms: number): void
  /** Starts the process. `clockMs` moves its wall clock. */
  start(name: string, options?: { readonly clockMs?: number }): void
  /** The process ends; its kernel closes its streams and refuses new ones. */
  kill(name: string): void
  /** The machine is gone: nothing is refused. */
  powerOff(name: string): void
  pause(name: string): void
  resume(name: string): void
  /** Stops or restarts the main thread alone. */
  stall(name: string, stalled: boolean): void
  /** From one to another; both are all where absent. */
  path(change: Partial<Path>, from?: readonly string[], to?: readonly string[]): void
  /** The list that this node has from the API server. */
  list(name: string, names: readonly string[]): void
  setKey(name: string, key: string): void
  /** Keeps what is sent from now on; gives a function that sends it all again. */
  record(): (to: string) => void
  perform(name: string, effects: readonly Effect[]): void
}

export interface NetworkOptions {
  readonly names: readonly string[]
  readonly seed?: number
  readonly timing?: MembershipTiming
  readonly delayMs?: number
  /** Leaves the codec out, for speed: no bytes are counted. */
  readonly raw?: boolean
  /** Whether the next packet is lost, beside what the paths lose. */
  readonly lose?: (from: string, to: string) => boolean
  /** Called at each change of what a node knows. */
  readonly onFacts?: (node: Node, facts: MembershipFacts, nowMs: number) => void
}

export const nodeNames = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `node-${index + 1}`)

const EPOCH_US = 1_790_000_000_000_000n
const STATE_EVERY_MS = 500
/** What a socket holds for a process that does not read. */
const SOCKET_PACKETS = 200

/** Small, fast and the same everywhere (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function createNetwork(options: NetworkOptions): Network {
  const { names, seed = 1, timing = TIMING_PROFILES.default, delayMs = 0.3, raw = false } = options
  const random = createRandom(seed)
  const queue = createQueue()
  const nodes = new Map<string, Node>()
  const paths = new Map<string, Path>()
  const streams = new Set<string>()
  const lists = new Map<string, readonly string[]>()
  let recording: { readonly from: string; readonly packet: Parameters<Protocol['received']>[0]; readonly key: string }[] | undefined
  let nowMs = 1000
  const later = (ms: number, fn: () => void): void => queue.push(nowMs + ms, fn)
  const ipOf = (name: string): string => `10.0.0.${names.indexOf(name) + 1}`
  const nameOf = (ip: string): string => names[Number(ip.split('.')[3]) - 1] ?? ''
  const pathOf = (from: string, to: string): Path => paths.get(`${from} ${to}`) ?? { loss: 0, delayMs }
  const node = (name: string): Node => {
    const found = nodes.get(name)
    if (found === undefined) throw new Error(`no node ${name}`)
    return found
  }
  const blank = (name: string, before: Node | undefined, clockMs: number): Node => ({
    name,
    protocol: createProtocol({ self: name, incarnation: EPOCH_US + BigInt(Math.round((nowMs + clockMs) * 1000)), timing }),
    state: 'running',
    stalled: false,
    waiting: [],
    log: before?.log ?? [],
    words: before?.words ?? [],
    sent: before?.sent ?? {},
    rejected: before?.rejected ?? {},
    sentBytes: before?.sentBytes ?? 0,
    fenceUntilMs: 0,
    life: (before?.life ?? 0) + 1,
    timerMs: Number.POSITIVE_INFINITY,
    key: before?.key ?? 'key',
  })

  /** Runs `fn` at the node, now or when it is run again; never in another life. */
  const at = (own: Node, fn: () => void): void => {
    if (nodes.get(own.name) !== own || own.state === 'down') return
    if (own.state === 'running') fn()
    else if (own.waiting.length < SOCKET_PACKETS) own.waiting.push(fn)
  }

  const perform = (own: Node, effects: readonly Effect[]): void => {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send': {
          const { packet } = effect
          own.sent[packet.kind] = (own.sent[packet.kind] ?? 0) + 1
          if (!raw) own.sentBytes += serializeMembership(packet).length + 32
          recording?.push({ from: own.name, packet, key: own.key })
          transmit(own.name, nameOf(effect.ip), packet, own.key)
          break
        }
        case 'fence':
          own.fenceUntilMs = effect.untilMs
          break
        case 'members': {
          const facts = own.protocol.facts(nowMs)
          own.log.push({ atMs: nowMs, facts })
          options.onFacts?.(own, facts, nowMs)
          break
        }
        case 'words':
          for (const word of effect.words) own.words.push({ atMs: nowMs, from: effect.node, word })
          break
        case 'resumed':
          later(1, () => at(own, () => own.stalled || perform(own, own.protocol.reconciled(effect.pause, nowMs))))
          break
        case 'rejected':
          own.rejected[effect.reason] = (own.rejected[effect.reason] ?? 0) + 1
      }
    }
    connect(own)
    const dueMs = own.protocol.nextMs()
    if (dueMs >= own.timerMs) return
    own.timerMs = dueMs
    // The timers of Node fire a little late.
    const late = Math.max(0, dueMs - nowMs) + random()
    later(late, () =>
      at(own, () => {
        own.timerMs = Number.POSITIVE_INFINITY
        perform(own, own.protocol.tick(nowMs))
      }),
    )
  }

  const transmit = (from: string, to: string, packet: Parameters<Protocol['received']>[0], key: string): void => {
    const path = pathOf(from, to)
    if (random() < path.loss || options.lose?.(from, to) === true) return
    const read = raw ? { ok: true as const, value: packet } : parseMembership(serializeMembership(packet))
    if (!read.ok) throw new Error(`a packet that its own parser refuses: ${JSON.stringify(read.error)}`)
    later(path.delayMs * (1 + random() * 0.2), () => {
      const target = nodes.get(to)
      if (target === undefined || target.key !== key) return
      at(target, () => perform(target, target.protocol.received(read.value, ipOf(from), nowMs)))
    })
  }

  /** Streams between those that both want one. */
  const connect = (own: Node): void => {
    for (const { node: name } of own.protocol.links(nowMs)) {
      const other = nodes.get(name)
      const pair = [own.name, name].sort().join(' ')
      if (other === undefined || streams.has(pair) || other.state !== 'running') continue
      if (pathOf(own.name, name).loss === 1 || pathOf(name, own.name).loss === 1) continue
      streams.add(pair)
      for (const [one, two] of [
        [own, name],
        [other, own.name],
      ] as const)
        later(1, () => at(one, () => perform(one, one.protocol.linked(two, nowMs))))
    }
  }

  const leave = (name: string, refuses: boolean): void => {
    node(name).state = 'down'
    for (const pair of [...streams]) {
      const ends = pair.split(' ')
      if (!ends.includes(name)) continue
      streams.delete(pair)
      const other = nodes.get(ends[0] === name ? (ends[1] ?? '') : (ends[0] ?? ''))
      const reaches = pathOf(name, other?.name ?? '').loss < 1 && pathOf(other?.name ?? '', name).loss < 1
      if (refuses && reaches && other !== undefined) later(1.5, () => at(other, () => perform(other, other.protocol.refused(name, nowMs))))
    }
  }

  const repeatState = (own: Node): void => {
    at(own, () => own.stalled || perform(own, own.protocol.state({ serving: true, leaving: false }, nowMs)))
    if (nodes.get(own.name) === own && own.state !== 'down') later(STATE_EVERY_MS, () => repeatState(own))
  }

  const peersOf = (name: string) =>
    (lists.get(name) ?? names).filter((other) => other !== name).map((other) => ({ node: other, ip: ipOf(other) }))

  return {
    nodes,
    node,
    nowMs: () => nowMs,
    perform: (name, effects) => perform(node(name), effects),
    run(ms) {
      const endMs = nowMs + ms
      for (let event = queue.pop(endMs); event !== undefined; event = queue.pop(endMs)) {
        nowMs = Math.max(nowMs, event.atMs)
        event.fn()
      }
      nowMs = endMs
    },
    start(name, { clockMs = 0 } = {}) {
      const own = blank(name, nodes.get(name), clockMs)
      nodes.set(name, own)
      perform(own, own.protocol.opened(nowMs))
      perform(own, own.protocol.peers(peersOf(name), nowMs))
      repeatState(own)
    },
    kill: (name) => leave(name, true),
    powerOff: (name) => leave(name, false),
    pause(name) {
      node(name).state = 'paused'
    },
    resume(name) {
      const own = node(name)
      own.state = 'running'
      // The event loop of Node looks at its timers before it reads its sockets.
      perform(own, own.protocol.tick(nowMs))
      for (const fn of own.waiting.splice(0)) fn()
    },
    stall(name, stalled) {
      node(name).stalled = stalled
    },
    path(change, from = names, to = names) {
      for (const one of from) for (const two of to) paths.set(`${one} ${two}`, { ...pathOf(one, two), ...change })
    },
    list(name, known) {
      lists.set(name, known)
      const own = nodes.get(name)
      if (own !== undefined) at(own, () => perform(own, own.protocol.peers(peersOf(name), nowMs)))
    },
    setKey(name, key) {
      node(name).key = key
    },
    record() {
      const kept: NonNullable<typeof recording> = []
      recording = kept
      return (to) => {
        recording = undefined
        for (const { from, packet, key } of kept) if (from !== to) transmit(from, to, packet, key)
      }
    },
  }
}

interface Event {
  readonly atMs: number
  readonly order: number
  readonly fn: () => void
}

/** A heap; events of the same time keep their order. */
function createQueue() {
  const heap: Event[] = []
  let order = 0
  const before = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
  const swap = (a: number, b: number): void => {
    const [one, two] = [heap[a], heap[b]]
    if (one === undefined || two === undefined) return
    heap[a] = two
    heap[b] = one
  }
  const isBefore = (a: number, b: number): boolean => {
    const [one, two] = [heap[a], heap[b]]
    return one !== undefined && two !== undefined && before(one, two)
  }
  return {
    push(atMs: number, fn: () => void): void {
      order += 1
      heap.push({ atMs, order, fn })
      for (let at = heap.length - 1; at > 0; ) {
        const up = (at - 1) >> 1
        if (!isBefore(at, up)) break
        swap(at, up)
        at = up
      }
    },
    /** The next event up to `endMs`. */
    pop(endMs: number): Event | undefined {
      const first = heap[0]
      if (first === undefined || first.atMs > endMs) return undefined
      const last = heap.pop()
      if (heap.length === 0 || last === undefined) return first
      heap[0] = last
      for (let at = 0; ; ) {
        const down = 2 * at + (isBefore(2 * at + 2, 2 * at + 1) ? 2 : 1)
        if (!isBefore(down, at)) return first
        swap(at, down)
        at = down
      }
    },
  }
}
