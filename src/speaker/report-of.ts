import { formatMac } from '../addr/mac.ts'
import type { BgpReport } from './bgp-report.ts'
import type { AddressKey } from './layer2/address-key.ts'
import type { AddressCounter } from './layer2/counters.ts'
import type { Observation } from './layer2/observation.ts'
import { type MembershipFacts, quorumOf } from './membership/facts.ts'
import type { AddressReport, Finding, MembershipReport, SpeakerReport } from './speaker-report.ts'

/** One address that this node answers for: Layer2Line, and what the claim and the words say of it. */
export interface ReportedLine {
  /** Canonical text. */
  readonly text: string
  readonly address: AddressKey
  readonly interface: { readonly name: string; readonly mac: Uint8Array }
  readonly epoch: number
  readonly recorded: boolean
}

/** What the layer 2 thread knows of an address; Layer2Announcer has it. */
export interface ReportedWire {
  readonly counters: { ofAddress(slot: number): Readonly<Record<AddressCounter, number>> }
  slots(): Iterable<readonly [text: string, slot: number]>
  observation(address: AddressKey): Observation | undefined
}

export interface ReportFacts {
  readonly self: string
  readonly version: string
  /** Undefined while membership is off. */
  readonly membership: MembershipFacts | undefined
  readonly lines: readonly ReportedLine[]
  /** Undefined while layer 2 is off. */
  readonly wire: ReportedWire | undefined
  readonly preflight: readonly Finding[]
  readonly bgp?: BgpReport | undefined
  /** Milliseconds of monotonicMs() and milliseconds since 1970, read together: what was observed at a time of the one is told by the other. */
  readonly nowMs: number
  readonly wallMs: number
}

/** What the speaker tells people. */
export function speakerReport(facts: ReportFacts): SpeakerReport {
  const { self, version, membership, lines, wire, preflight, bgp } = facts
  const slots = new Map(wire?.slots() ?? [])
  const texts = createTexts(facts)
  return {
    node: self,
    version,
    membership: membership === undefined ? undefined : membershipReport(membership, facts.nowMs),
    addresses: lines.map((line) => addressReport(line, slots.get(line.text), wire, texts)),
    preflight,
    ...(bgp !== undefined && { bgp }),
  }
}

function membershipReport(facts: MembershipFacts, nowMs: number): MembershipReport {
  return {
    settled: facts.settled,
    quorum: quorumOf(facts),
    members: [...facts.members]
      .map(([node, { alive, serving, leaving, lastSignMs, fault }]) => ({
        node,
        alive,
        serving,
        leaving,
        ...(fault !== undefined && { fault }),
        ...(lastSignMs !== undefined && { lastSignMsAgo: Math.max(0, Math.round(nowMs - lastSignMs)) }),
      }))
      .sort((a, b) => (a.node < b.node ? -1 : 1)),
  }
}

/** Texts of times and MACs. Ten thousand addresses share few of either, and making each anew would stop the main thread for long. */
interface Texts {
  /** Of a time of monotonicMs(), to the second. */
  at(ms: number): string
  mac(bytes: Uint8Array): string
}

function createTexts({ nowMs, wallMs }: Pick<ReportFacts, 'nowMs' | 'wallMs'>): Texts {
  const times = new Map<number, string>()
  const macs = new Map<number, string>()
  return {
    at(ms) {
      const second = Math.floor((wallMs - (nowMs - ms)) / 1000)
      const text = times.get(second) ?? `${new Date(second * 1000).toISOString().slice(0, -5)}Z`
      times.set(second, text)
      return text
    },
    mac(bytes) {
      const key = bytes.reduce((number, byte) => number * 256 + byte, 0)
      const text = macs.get(key) ?? formatMac(bytes)
      macs.set(key, text)
      return text
    },
  }
}

const NO_FRAMES = { requests: 0, responses: 0 }

function addressReport(line: ReportedLine, slot: number | undefined, wire: ReportedWire | undefined, { at, mac }: Texts): AddressReport {
  const { requests, responses } = slot === undefined ? NO_FRAMES : (wire?.counters.ofAddress(slot) ?? NO_FRAMES)
  const { lastAnswer, lastAnnouncementMs, lastForeignClaim: foreign } = wire?.observation(line.address) ?? {}
  return {
    address: line.text,
    interface: line.interface.name,
    mac: mac(line.interface.mac),
    epoch: line.epoch,
    recorded: line.recorded,
    requests,
    answers: responses,
    ...(lastAnswer !== undefined && { lastAnswer: { to: mac(lastAnswer.toMac), at: at(lastAnswer.atMs) } }),
    ...(lastAnnouncementMs !== undefined && { lastAnnouncement: at(lastAnnouncementMs) }),
    ...(foreign !== undefined && { foreignClaims: { count: foreign.count, mac: mac(foreign.mac), at: at(foreign.atMs) } }),
  }
}
