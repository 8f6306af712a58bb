import { isDeepStrictEqual } from 'node:util'
import type { PeerSettings } from './settings.ts'

/**
 * What new settings ask of a session. `nothing`: they are equal. `soft`: it stays, and lives by them. `reset`: what was said in the OPEN, or the
 * connection itself, is another now. `replace`: it is with another router.
 */
export type SettingsChange = 'nothing' | 'soft' | 'reset' | 'replace'

/** What was said in the OPEN, and how the connection was made. */
const saidInOpen = ({ localAs, routerId, role, families, gracefulRestart, transport }: PeerSettings): unknown => {
  const { localAddress, device, ttl, leastTtl, mss } = transport
  return [localAs, routerId, role, families, gracefulRestart, localAddress, device, ttl, leastTtl, mss]
}

/** How `before` becomes `after`. `peerAs`: that of the session, if there is one. */
export function settingsChange(before: PeerSettings, after: PeerSettings, peerAs: number | undefined): SettingsChange {
  if (!isDeepStrictEqual(before.remote, after.remote)) return 'replace'
  if (!isDeepStrictEqual(saidInOpen(before), saidInOpen(after))) return 'reset'
  if (peerAs !== undefined && !permits(after, peerAs)) return 'reset'
  return areEqual(before, after) ? 'nothing' : 'soft'
}

function permits({ expectedAs, localAs }: PeerSettings, peerAs: number): boolean {
  if (expectedAs === 'external') return peerAs !== localAs
  return peerAs === (expectedAs === 'internal' ? localAs : expectedAs)
}

/** A policy is its text: the functions of two that were compiled at different times are never the same. */
const areEqual = (before: PeerSettings, after: PeerSettings): boolean =>
  isDeepStrictEqual({ ...before, policy: before.policy.text }, { ...after, policy: after.policy.text })
