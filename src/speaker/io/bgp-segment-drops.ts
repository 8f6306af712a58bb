import { readFileSync } from 'node:fs'
import type { SegmentDrops } from '../bgp/session-transport.ts'

const FILE = '/proc/thread-self/net/netstat'

/** What the kernel has thrown away in this network namespace; undefined what it does not count. */
export function readSegmentDrops(): SegmentDrops {
  try {
    return segmentDropsOf(readFileSync(FILE, 'latin1'))
  } catch {
    return { md5: undefined, ttl: undefined }
  }
}

/** From the text of /proc/net/netstat: pairs of lines, the names and their values. */
export function segmentDropsOf(text: string): SegmentDrops {
  const [names = [], values = []] = text
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.trim().split(/\s+/))
  const read = (name: string): number | undefined => {
    const at = names.indexOf(name)
    return at < 0 ? undefined : Number(values[at])
  }
  const [missing, unexpected, wrong] = [read('TCPMD5NotFound'), read('TCPMD5Unexpected'), read('TCPMD5Failure')]
  const md5 =
    missing === undefined && unexpected === undefined && wrong === undefined ? undefined : (missing ?? 0) + (unexpected ?? 0) + (wrong ?? 0)
  return { md5, ttl: read('TCPMinTTLDrop') }
}
