import { formatMac } from '../addr/mac.ts'
import type { AddressClaimObject } from '../api/address-claim.ts'
import { ADDRESS_CONFLICT, conflictOf } from '../api/condition.ts'
import type { Report } from './claim-status.ts'

/** Other hosts that say on the wire that they have an address of this node. Times are milliseconds of one monotonic clock. */
export interface Conflicts {
  /** `alone`: every speaker is heard, so that this host can be none of them that does not know better. */
  heard(claim: string, foreign: { readonly mac: Uint8Array; readonly atMs: number }, alone: boolean): void
  /** Whether such a host was heard not long ago. */
  challenged(claim: string, nowMs: number): boolean
  /** The condition that the owner has to write: that there is a conflict, or that it is over. `wallMs` is milliseconds since 1970. */
  report(claim: AddressClaimObject, self: string, nowMs: number, wallMs: number): Report | undefined
  /** How many addresses have a conflict that lasts. */
  count(nowMs: number): number
  /** The claim is gone, or its address was somebody else's: what was heard then says nothing about now. */
  forget(claim: string): void
}

/** For this long after a foreign claim a minority leaves the address alone; twice as long each time that it was told so before. */
export const CHALLENGED_MS = 10_000
const LONGEST_CHALLENGE_MS = 600_000
/** A claim that comes once may be the last frame of the former owner, or of a host that yields to our defence. */
const PERSISTS_MS = 1000
/** With a speaker that is not heard it may be that one; but no speaker goes on for so long beside one whose word is repeated to it. */
const PERSISTS_UNHEARD_MS = 60_000
/** Without a foreign claim for this long a conflict is over. */
export const CONFLICT_LASTS_MS = 600_000
const FOREIGN_CLAIM = 'ForeignClaim'

interface Episode {
  readonly mac: Uint8Array
  readonly firstMs: number
  /** Since when every speaker is heard. */
  readonly aloneSinceMs: number
  readonly lastMs: number
  readonly persistent: boolean
  /** How long the address is left alone. */
  readonly challengeMs: number
}

/** Creates an empty memory. */
export function createConflicts(): Conflicts {
  const episodes = new Map<string, Episode>()
  return {
    heard: (claim, foreign, alone) => void episodes.set(claim, nextEpisode(episodes.get(claim), foreign, alone)),
    challenged(claim, nowMs) {
      const episode = episodes.get(claim)
      return episode !== undefined && nowMs - episode.lastMs < episode.challengeMs
    },
    report(claim, self, nowMs, wallMs) {
      const episode = episodes.get(claim.metadata.name)
      if (episode !== undefined && lasts(episode, nowMs)) return inConflict(self, episode.mac)
      const condition = conflictOf(claim)
      if (condition?.reason !== FOREIGN_CLAIM || wallMs - Date.parse(condition.lastTransitionTime) < CONFLICT_LASTS_MS) return undefined
      const message = `no other host has claimed the address for ${CONFLICT_LASTS_MS / 60_000} minutes`
      return { type: ADDRESS_CONFLICT, status: 'False', reason: 'NoForeignClaim', message }
    },
    count: (nowMs) => [...episodes.values()].filter((episode) => lasts(episode, nowMs)).length,
    forget: (claim) => void episodes.delete(claim),
  }
}

function nextEpisode(
  before: Episode | undefined,
  { mac, atMs }: Pick<Episode, 'mac'> & { readonly atMs: number },
  alone: boolean,
): Episode {
  const goesOn = before !== undefined && atMs - before.lastMs <= CHALLENGED_MS && sameMac(mac, before.mac)
  const firstMs = goesOn ? before.firstMs : atMs
  const aloneSinceMs = alone ? Math.min(goesOn ? before.aloneSinceMs : Infinity, atMs) : Infinity
  const persists = atMs - aloneSinceMs >= PERSISTS_MS || atMs - firstMs >= PERSISTS_UNHEARD_MS
  return {
    mac,
    firstMs,
    aloneSinceMs,
    lastMs: atMs,
    persistent: (before?.persistent ?? false) || persists,
    challengeMs: challengeMs(before, atMs),
  }
}

/** Whoever goes on after a challenge and is challenged again was wrong to go on. */
function challengeMs(before: Episode | undefined, atMs: number): number {
  const quietMs = before === undefined ? Infinity : atMs - before.lastMs
  if (before === undefined || quietMs >= 2 * LONGEST_CHALLENGE_MS) return CHALLENGED_MS
  return quietMs < before.challengeMs ? before.challengeMs : Math.min(LONGEST_CHALLENGE_MS, 2 * before.challengeMs)
}

const sameMac = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, at) => byte === b[at])

const lasts = ({ persistent, lastMs }: Episode, nowMs: number): boolean => persistent && nowMs - lastMs < CONFLICT_LASTS_MS

const inConflict = (self: string, mac: Uint8Array): Report => ({
  type: ADDRESS_CONFLICT,
  status: 'True',
  reason: FOREIGN_CLAIM,
  message:
    `the host with the MAC ${formatMac(mac)} says on the network that it has the address, and node ${self} defends it: ` +
    'find that host by its MAC and give it another address, or exclude the address from the Eip',
})

/** The condition of an address that was found in use before anybody was given it. `self` is the node that asked the wire. */
export const inUse = (self: string, mac: Uint8Array): Report => ({
  type: ADDRESS_CONFLICT,
  status: 'True',
  reason: 'AddressInUse',
  message:
    `the host with the MAC ${formatMac(mac)} answered when node ${self} asked the network whether the address is free: ` +
    'exclude the address from the Eip, or give that host another one',
})
