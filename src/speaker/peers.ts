import type { PodObject } from '../api/core-objects.ts'
import type { Peer } from './membership/message.ts'

/** The other known speakers, from their Pods. */
export interface Peers {
  /**
   * The list for these Pods by node. `isAlive` says whether membership hears a node. `nodes` are the nodes of the cluster. Gives undefined
   * when it is the same as before.
   */
  update(pods: ReadonlyMap<string, readonly PodObject[]>, nodes: ReadonlyMap<string, unknown>, nowMs: number): readonly Peer[] | undefined
}

/** A DaemonSet's Pod is replaced within seconds, and its node must not stop to count for the majority meanwhile. */
export const REPLACED_WITHIN_MS = 30_000

/** Creates an empty list. Times are milliseconds of one monotonic clock. */
export function createPeers(self: string, isAlive: (node: string) => boolean): Peers {
  const seen = new Map<string, { readonly peer: Peer; readonly atMs: number }>()
  let before = ''
  return {
    update(pods, nodes, nowMs) {
      for (const [node, own] of pods) {
        const ip = node === self || node === '' ? undefined : addressOf(own, isAlive(node))
        if (ip !== undefined) seen.set(node, { peer: { node, ip }, atMs: nowMs })
      }
      for (const [node, { atMs }] of seen) if (!nodes.has(node) || nowMs - atMs >= REPLACED_WITHIN_MS) seen.delete(node)
      const peers = [...seen.values()].map(({ peer }) => peer).sort((a, b) => (a.node < b.node ? -1 : 1))
      const text = JSON.stringify(peers)
      if (text === before) return undefined
      before = text
      return peers
    },
  }
}

/** Of the newest Pod that runs, or is about to. One that is being deleted runs for as long as it is heard: it may own addresses. */
function addressOf(pods: readonly PodObject[], isHeard: boolean): string | undefined {
  const running = pods.filter(
    ({ metadata, status }) =>
      status?.podIP !== undefined &&
      status.phase !== 'Succeeded' &&
      status.phase !== 'Failed' &&
      (isHeard || metadata.deletionTimestamp === undefined),
  )
  const isDeleted = ({ metadata }: PodObject): number => (metadata.deletionTimestamp === undefined ? 1 : 0)
  const newest = running.sort((a, b) => isDeleted(a) - isDeleted(b) || compare(a, b)).at(-1)
  return newest?.status?.podIP
}

const compare = ({ metadata: a }: PodObject, { metadata: b }: PodObject): number =>
  a.creationTimestamp < b.creationTimestamp ? -1 : a.creationTimestamp > b.creationTimestamp ? 1 : 0
