import { parseIp } from '../addr/ip.ts'
import { type AddressClaimObject, claimName } from '../api/address-claim.ts'
import { merge, type Present, prevails } from './assertion.ts'
import { recordOf } from './claim-status.ts'
import { type AddressKey, addressKey, ipOfKey } from './layer2/address-key.ts'
import type { AddressWord } from './membership/message.ts'

/** What has changed of this node's words since they were last asked for. */
export interface WordsChange {
  readonly upsert: readonly AddressWord[]
  readonly remove: readonly AddressKey[]
}

/**
 * Who says what about which address: the peers, and this node. Together with the claims it tells who has each address, also while a claim
 * cannot be written or read. Claims are named by their names.
 */
export interface Words {
  /** A peer's words. Gives the claims about which something new was said. */
  hear(node: string, words: readonly AddressWord[]): readonly string[]
  /**
   * The speaker of a node has started anew: what it said in its former life binds it no more. Gives the claims about which that changes
   * something. Nothing happens when the incarnation is the known one.
   */
  reborn(node: string, incarnation: bigint): readonly string[]
  /** Who has the address by the claim and by every word. A peer's word that adds nothing to the claim is forgotten. */
  present(claim: AddressClaimObject): Present | undefined
  /** This node's word. */
  own(claim: string): AddressWord | undefined
  /** Replaces this node's word. `address` is the canonical text. */
  say(claim: string, address: string, word: Omit<AddressWord, 'address'>): void
  /**
   * Takes this node's word back once the claim says what is right instead. Not before: whose word prevails now may be killed and start
   * anew, and then the peers must not still hear what this node has forgotten.
   */
  yieldTo(claim: AddressClaimObject): void
  /** What the peers have to be told; undefined when they know it all. */
  change(): WordsChange | undefined
  /**
   * The claim is gone: a later one of the same address begins anew. The peers are told, for they may have heard of the one before after they
   * have seen the later one, and its epoch is the higher.
   */
  forget(claim: string): void
  /** Forgets the words about everything that is no claim: they came after its end. Not before the claims are read. */
  prune(isClaim: (name: string) => boolean): void
}

/** Creates the memory of words. `self` is this node. */
export function createWords(self: string): Words {
  const heard = new Map<string, Map<string, AddressWord>>()
  const sayings = createSayings()
  const incarnations = new Map<string, bigint>()
  return {
    own: sayings.of,
    say: sayings.say,
    change: sayings.change,
    yieldTo(claim) {
      const { name } = claim.metadata
      const mine = sayings.of(name)
      const record = recordOf(claim)
      if (mine !== undefined && record !== undefined && prevails(record, presentOf(self, mine), claim.spec.address)) sayings.unsay(name)
    },
    forget(claim) {
      heard.delete(claim)
      sayings.end(claim)
    },
    reborn(node, incarnation) {
      const before = incarnations.get(node)
      incarnations.set(node, incarnation)
      return before === undefined || before === incarnation ? [] : unhear(heard, node)
    },
    hear: (node, words) => (node === self ? [] : words.flatMap((word) => hearOne(heard, node, word))),
    present(claim) {
      const { name } = claim.metadata
      const record = recordOf(claim)
      const mine = sayings.of(name)
      const present = mine === undefined ? record : merge(record, presentOf(self, mine), claim.spec.address)
      return withHeard(heard, claim, record, present)
    },
    prune(isClaim) {
      for (const name of heard.keys()) if (!isClaim(name)) heard.delete(name)
      for (const name of sayings.names()) if (!isClaim(name)) sayings.end(name)
    },
  }
}

/** This node's words, and what the peers were told of them. */
function createSayings() {
  const own = new Map<string, AddressWord>()
  const told = new Map<string, AddressWord>()
  /** Where the two may differ. */
  const untold = new Set<string>()
  /** Claims that ended after the peers had heard of them. */
  const gone = new Set<string>()
  const unsay = (claim: string): void => {
    if (own.delete(claim)) untold.add(claim)
  }
  return {
    of: (claim: string): AddressWord | undefined => own.get(claim),
    names: () => own.keys(),
    unsay,
    say(claim: string, address: string, word: Omit<AddressWord, 'address'>): void {
      if (isSameWord(own.get(claim), word)) return
      const ip = parseIp(address)
      // An epoch that somebody forged has no place in a packet.
      if (!ip.ok || !Number.isSafeInteger(word.epoch)) return
      const { epoch, state, recorded } = word
      own.set(claim, { address: addressKey(ip.value), epoch, state, recorded })
      gone.delete(claim)
      untold.add(claim)
    },
    end(claim: string): void {
      if (told.has(claim)) gone.add(claim)
      unsay(claim)
    },
    change: (): WordsChange | undefined => changeOf({ own, told, untold, gone }),
  }
}

/** The name of the claim of an address. */
export const claimOfKey = (address: AddressKey): string => claimName(ipOfKey(address))

const presentOf = (node: string, { epoch, state, recorded }: AddressWord): Present => ({ node, epoch, state, recorded })

const isSameWord = (a: Omit<AddressWord, 'address'> | undefined, b: Omit<AddressWord, 'address'> | undefined): boolean =>
  a?.epoch === b?.epoch && a?.state === b?.state && a?.recorded === b?.recorded

/** Of an epoch that no ownership has: what the node said of the address was about a claim that is gone. */
const retraction = (address: AddressKey): AddressWord => ({ address, epoch: 0, state: 'released', recorded: false })
/** Peers that were away for longer than so many ends of claims are not told of the first ones. */
export const MOST_RETRACTIONS = 1000

/** Words of one node can come in another order than they were said: the higher epoch is later, and what is given up stays so. */
function hearOne(heard: Map<string, Map<string, AddressWord>>, node: string, word: AddressWord): readonly string[] {
  const name = claimOfKey(word.address)
  const byNode = heard.get(name) ?? new Map<string, AddressWord>()
  if (word.epoch === 0) return byNode.delete(node) ? [name] : []
  const before = byNode.get(node)
  if (before !== undefined && !prevails(presentOf(node, word), presentOf(node, before), name)) return []
  byNode.set(node, word)
  heard.set(name, byNode)
  return [name]
}

function unhear(heard: Map<string, Map<string, AddressWord>>, node: string): readonly string[] {
  const names: string[] = []
  for (const [name, byNode] of heard) {
    if (byNode.delete(node)) names.push(name)
    if (byNode.size === 0) heard.delete(name)
  }
  return names
}

function withHeard(
  heard: Map<string, Map<string, AddressWord>>,
  claim: AddressClaimObject,
  record: Present | undefined,
  known: Present | undefined,
): Present | undefined {
  const { name } = claim.metadata
  const byNode = heard.get(name)
  if (byNode === undefined) return known
  let present = known
  for (const [node, word] of byNode) {
    const said = presentOf(node, word)
    if (record !== undefined && !prevails(said, record, claim.spec.address)) byNode.delete(node)
    else present = merge(present, said, claim.spec.address)
  }
  if (byNode.size === 0) heard.delete(name)
  return present
}

/** By the names of claims. */
interface Sayings {
  readonly own: ReadonlyMap<string, AddressWord>
  readonly told: Map<string, AddressWord>
  readonly untold: Set<string>
  readonly gone: Set<string>
}

function changeOf({ own, told, untold, gone }: Sayings): WordsChange | undefined {
  const upsert: AddressWord[] = []
  const remove: AddressKey[] = []
  for (const name of untold) {
    const before = told.get(name)
    const word = own.get(name) ?? (gone.has(name) && before !== undefined ? retraction(before.address) : undefined)
    if (isSameWord(before, word)) continue
    if (word === undefined) {
      told.delete(name)
      if (before !== undefined) remove.push(before.address)
    } else {
      told.set(name, word)
      upsert.push(word)
    }
  }
  untold.clear()
  for (const name of gone) {
    if (gone.size <= MOST_RETRACTIONS) break
    const retracted = told.get(name)
    gone.delete(name)
    told.delete(name)
    if (retracted !== undefined) remove.push(retracted.address)
  }
  return upsert.length === 0 && remove.length === 0 ? undefined : { upsert, remove }
}
