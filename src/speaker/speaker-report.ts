/** What a speaker tells people about itself, as JSON at REPORT_PATH of its metrics port. Times are RFC 3339, MACs `aa:bb:…`. */

import type { BgpReport } from './bgp-report.ts'

export const REPORT_PATH = '/report'

export interface SpeakerReport {
  readonly node: string
  readonly version: string
  /** Undefined while membership is off (no key). */
  readonly membership: MembershipReport | undefined
  readonly addresses: readonly AddressReport[]
  readonly preflight: readonly Finding[]
  /** Absent where the speaker is of a version without BGP. */
  readonly bgp?: BgpReport | undefined
}

export interface MembershipReport {
  readonly settled: boolean
  readonly quorum: 'alone' | 'majority' | 'one-of-two' | 'minority'
  readonly members: readonly {
    readonly node: string
    readonly alive: boolean
    readonly serving: boolean
    readonly leaving: boolean
    readonly fault?: 'never-heard' | 'silent' | 'ended'
    /** Milliseconds since the last sign of life. */
    readonly lastSignMsAgo?: number
  }[]
}

/** One address that this node answers for. */
export interface AddressReport {
  readonly address: string
  readonly interface: string
  readonly mac: string
  readonly epoch: number
  readonly recorded: boolean
  readonly requests: number
  readonly answers: number
  readonly lastAnswer?: { readonly to: string; readonly at: string }
  readonly lastAnnouncement?: string
  readonly foreignClaims?: { readonly count: number; readonly mac: string; readonly at: string }
}

/** Something about this node's kernel or kube-proxy that spoils layer 2, and its cure. Severity `warning`: works, with the drawback told. */
export interface Finding {
  readonly check: string
  readonly severity: 'ok' | 'warning' | 'error'
  readonly message: string
  readonly cure: string
}
