/** Sessions and messages for programs: times are RFC 3339 there, as everywhere in JSON of these commands. */
import type { CapturedMessage, PeerReport } from '../../speaker/bgp/peer-report.ts'
import type { Session } from './facts.ts'

const timeText = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString())

/** What is not known is absent once it is JSON. */
export function sessionValue({ node, peer }: Session): object {
  const { upSinceMs, downSinceMs, lastError, bfd, ...rest } = peer
  return {
    node,
    ...rest,
    upSince: timeText(upSinceMs),
    downSince: timeText(downSinceMs),
    lastError: errorValue(lastError),
    bfd: bfdValue(bfd),
  }
}

function errorValue(error: PeerReport['lastError']): object | undefined {
  if (error === undefined) return undefined
  const { atMs, ...rest } = error
  return { ...rest, at: timeText(atMs) }
}

function bfdValue(bfd: PeerReport['bfd']): object | undefined {
  if (bfd === undefined) return undefined
  const { upSinceMs, ...rest } = bfd
  return { ...rest, upSince: timeText(upSinceMs) }
}

export function messageValue({ atMs, ...message }: CapturedMessage): object {
  return { at: timeText(atMs), ...message }
}
