import type { AddressKey } from '../layer2/address-key.ts'
import type { AddressWord } from './message.ts'

/** A packet of words to one peer. */
export interface Batch {
  readonly node: string
  readonly batch: number
  readonly words: readonly AddressWord[]
}

/**
 * This node's words, and what every peer still has to be told of them. A packet is repeated until the peer confirms it. A peer that appears
 * is told everything, and the last packet of that says so by its number: who has it has all the others.
 */
export interface Ledger {
  say(upsert: readonly AddressWord[], remove: readonly AddressKey[]): void
  /** Tells these words to every peer again. */
  repeat(addresses: readonly AddressKey[]): void
  /** A peer that knows nothing of our words: it is new, it has a new incarnation, or it was dead. */
  appear(node: string): void
  /** A peer that is dead or no longer listed. */
  disappear(node: string): void
  /** The peer is heard again: what it has not confirmed is due now. */
  hasten(node: string): void
  confirm(node: string, batch: number): void
  /** What is to be sent now. */
  due(nowMs: number): readonly Batch[]
  /** When due() gives something next, unless something happens. Infinity when everything is confirmed. */
  nextMs(): number
}

/** Whether the words of this packet end what a peer that appeared is told. */
export const isLastBatch = (batch: number): boolean => (batch & 1) === 1

/** Packets to one peer that are not confirmed yet: about 20 KB, which fits its socket whatever else comes. */
const WINDOW = 16
const FIRST_REPEAT_MS = 40
const LONGEST_REPEAT_MS = 1000
const SERIALS = 2 ** 31

interface Sent {
  readonly addresses: readonly AddressKey[]
  /** Part of everything that a new peer is told. */
  readonly ofAll: boolean
  dueMs: number
  repeats: number
}

interface Told {
  /** What a peer that appeared is still to be told. */
  rest: AddressKey[]
  /** Whether the packet that ends it is still to be sent or to be confirmed. */
  last: 'owed' | 'sent' | 'done'
  readonly changed: Set<AddressKey>
  readonly sent: Map<number, Sent>
}

interface Source {
  readonly words: ReadonlyMap<AddressKey, AddressWord>
  readonly wordsPerPacket: number
  readonly nextBatch: (isLast: boolean) => number
}

function createNumbers(): Source['nextBatch'] {
  let serial = 0
  return (isLast) => {
    serial = (serial + 1) % SERIALS
    return serial * 2 + (isLast ? 1 : 0)
  }
}

/** `wordsPerPacket` bounds the words of a packet. */
export function createLedger(wordsPerPacket: number): Ledger {
  const words = new Map<AddressKey, AddressWord>()
  const peers = new Map<string, Told>()
  const source = { words, wordsPerPacket, nextBatch: createNumbers() }
  const change = (address: AddressKey): void => {
    for (const told of peers.values()) told.changed.add(address)
  }
  return {
    say(upsert, remove) {
      for (const word of upsert) {
        words.set(word.address, word)
        change(word.address)
      }
      for (const address of remove) words.delete(address)
    },
    repeat(addresses) {
      for (const address of addresses) if (words.has(address)) change(address)
    },
    appear: (node) => void peers.set(node, { rest: [...words.keys()], last: 'owed', changed: new Set(), sent: new Map() }),
    disappear: (node) => void peers.delete(node),
    hasten(node) {
      for (const sent of peers.get(node)?.sent.values() ?? []) sent.dueMs = 0
    },
    confirm(node, batch) {
      const told = peers.get(node)
      if (told?.sent.delete(batch) === true && isLastBatch(batch)) told.last = 'done'
    },
    due: (nowMs) => [...peers].flatMap(([node, told]) => [...repeats(node, told, source, nowMs), ...news(node, told, source, nowMs)]),
    nextMs() {
      let next = Number.POSITIVE_INFINITY
      for (const told of peers.values())
        next = Math.min(next, hasNews(told) ? 0 : next, ...[...told.sent.values()].map(({ dueMs }) => dueMs))
      return next
    },
  }
}

function news(node: string, told: Told, { words, wordsPerPacket, nextBatch }: Source, nowMs: number): readonly Batch[] {
  const batches: Batch[] = []
  while (hasNews(told)) {
    const ofAll = told.changed.size === 0
    const addresses = take(told, wordsPerPacket)
    const isLast = addresses.length === 0
    const said = wordsOf(words, addresses)
    if (said.length === 0 && !isLast) continue
    const batch = nextBatch(isLast)
    if (isLast) told.last = 'sent'
    told.sent.set(batch, { addresses, ofAll, dueMs: nowMs + FIRST_REPEAT_MS, repeats: 0 })
    batches.push({ node, batch, words: said })
  }
  return batches
}

/** Whether there is something to send for the first time, and room for it. */
function hasNews({ changed, rest, last, sent }: Told): boolean {
  if (sent.size >= WINDOW) return false
  if (changed.size > 0 || rest.length > 0) return true
  return last === 'owed' && ![...sent.values()].some(({ ofAll }) => ofAll)
}

/** News goes first: somebody waits for it. */
function take({ changed, rest }: Told, count: number): readonly AddressKey[] {
  if (changed.size === 0) return rest.splice(-count)
  const addresses = [...changed.values().take(count)]
  for (const address of addresses) changed.delete(address)
  return addresses
}

const wordsOf = (words: ReadonlyMap<AddressKey, AddressWord>, addresses: readonly AddressKey[]): readonly AddressWord[] =>
  addresses.flatMap((address) => words.get(address) ?? [])

/** The packets that were not confirmed in time, with what is true now; what was taken back needs no confirmation. */
function repeats(node: string, told: Told, { words }: Source, nowMs: number): readonly Batch[] {
  const batches: Batch[] = []
  for (const [batch, sent] of told.sent) {
    if (sent.dueMs > nowMs) continue
    const said = wordsOf(words, sent.addresses)
    if (said.length === 0 && !isLastBatch(batch)) {
      told.sent.delete(batch)
      continue
    }
    sent.repeats += 1
    sent.dueMs = nowMs + Math.min(LONGEST_REPEAT_MS, FIRST_REPEAT_MS * 2 ** sent.repeats)
    batches.push({ node, batch, words: said })
  }
  return batches
}
