import type { AddressClaimObject } from '../api/address-claim.ts'
import { type Decision, decideClaim, type Knowledge, lineOf, type SpeakerFacts } from './desired.ts'
import { type AddressKey, addressKey } from './layer2/address-key.ts'
import type { Layer2Line } from './layer2/table.ts'
import { isUnreported } from './report.ts'
import type { ReportedLine } from './report-of.ts'
import type { WordsChange } from './words.ts'

/** What is decided about every claim, with its effects on the wire and on the peers in the same turn. */
export interface Ownerships {
  /** Decides every claim anew. Gives after how many milliseconds to look again although no fact has changed. */
  lookAtAll(claims: Iterable<AddressClaimObject>, facts: SpeakerFacts): number | undefined
  /** Decides only these. */
  lookAt(claims: readonly AddressClaimObject[], facts: SpeakerFacts): number | undefined
  decision(claim: string): Decision | undefined
  /** What this node answers for now, by the claim's name. */
  readonly lines: ReadonlyMap<string, ReportedLine & Layer2Line>
  /** The claim is gone. Its address falls silent with the next look. */
  forget(claim: string): void
}

interface Options {
  readonly knowledge: Knowledge
  /** The wire must be equal to these. */
  readonly announce: (lines: readonly Layer2Line[]) => void
  /** The peers must be told; those whose owner is alive, by their addresses, when this node answers for them. */
  readonly tell: (change: WordsChange, gently: ReadonlyMap<AddressKey, string>) => void
  /** After wire and peers. */
  readonly onDecided: (claim: AddressClaimObject, decision: Decision, facts: SpeakerFacts) => void
}

/** How often an address that nobody answers for, and nobody has reported, is looked at again. */
const UNREPORTED_LOOK_MS = 1000

/** Creates it, with nothing decided. */
export function createOwnerships({ knowledge, announce, tell, onDecided }: Options): Ownerships {
  const lines = new Map<string, ReportedLine & Layer2Line>()
  const decisions = new Map<string, Decision>()
  let changed = false
  const decide = (claim: AddressClaimObject, facts: SpeakerFacts): number | undefined => {
    const { name } = claim.metadata
    const decision = decideClaim(claim, facts, knowledge)
    decisions.set(name, decision)
    changed = setLine(lines, name, decision, facts) || changed
    return lookAgainMs(claim, decision)
  }
  const look = (claims: Iterable<AddressClaimObject>, facts: SpeakerFacts): number | undefined => {
    const looked = [...claims]
    let wakeInMs: number | undefined
    const gently = new Map<AddressKey, string>()
    for (const claim of looked) {
      const ms = decide(claim, facts)
      const planned = plannedMove(decisions.get(claim.metadata.name), facts)
      if (planned !== undefined) gently.set(planned, claim.metadata.name)
      if (ms !== undefined) wakeInMs = Math.min(wakeInMs ?? ms, ms)
    }
    // The wire first: a peer that hears of the new owner falls silent.
    if (changed) announce([...lines.values()])
    changed = false
    const change = knowledge.words.change()
    if (change !== undefined) tell(change, gently)
    for (const claim of looked) {
      const decision = decisions.get(claim.metadata.name)
      if (decision !== undefined) onDecided(claim, decision, facts)
    }
    return wakeInMs
  }
  const forget = (claim: string): void => {
    decisions.delete(claim)
    changed = lines.delete(claim) || changed
  }
  return {
    lines,
    decision: (claim) => decisions.get(claim),
    forget,
    lookAt: look,
    lookAtAll(claims, facts) {
      const all = new Map([...claims].map((claim) => [claim.metadata.name, claim]))
      for (const name of decisions.keys()) if (!all.has(name)) forget(name)
      knowledge.words.prune((name) => all.has(name))
      return look(all.values(), facts)
    },
  }
}

/** The address that this node takes from an owner that is alive: it goes on answering until it hears of its successor. */
function plannedMove(decision: Decision | undefined, { cluster }: SpeakerFacts): AddressKey | undefined {
  if (decision?.ownership.kind !== 'take' || decision.present?.state !== 'held') return undefined
  const isAlive = cluster.membership?.members.get(decision.present.node)?.alive === true
  return isAlive ? addressKey(decision.ownership.ability.ip) : undefined
}

/** Whether the line is another one now. */
function setLine(lines: Map<string, ReportedLine & Layer2Line>, name: string, decision: Decision, { host }: SpeakerFacts): boolean {
  const line = lineOf(decision, host)
  const before = lines.get(name)
  if (line === undefined) return lines.delete(name)
  const { ownership } = decision
  const epoch = ownership.kind === 'answer' || ownership.kind === 'take' ? ownership.epoch : 0
  const recorded = ownership.kind === 'answer' && ownership.recorded
  lines.set(name, { ...line, epoch, recorded })
  // The burst names the epoch and the MAC.
  return before?.burst !== line.burst || before.interface.index !== line.interface.index || before.interface.name !== line.interface.name
}

function lookAgainMs(claim: AddressClaimObject, { ownership }: Decision): number | undefined {
  const ms = ownership.kind === 'silent' || ownership.kind === 'answer' ? ownership.wakeInMs : undefined
  return ms ?? (isUnreported(claim, ownership) ? UNREPORTED_LOOK_MS : undefined)
}
