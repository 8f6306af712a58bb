/** The truth of a scenario on the wire: a prober and a recorder in one place of a lab, with the kernel's own timestamps. */

import { fileURLToPath } from 'node:url'
import type { Place } from '../../lab/cluster.ts'
import { startLines } from '../speaker/support/process-lines.ts'
import { type Judging, judgeWire, type WireRecord, type WireReport } from './wire-capture-analysis.ts'
import { addressHex, type WireKind } from './wire-capture-frames.ts'

const CHILD = fileURLToPath(new URL('./wire-capture-child.ts', import.meta.url))
/** How often an address is asked for. */
export const PROBE_EVERY_MS = 5
/** How long after the last probe its answer is waited for. */
const SETTLE_MS = 30

export interface WireCapture {
  /** Begins to ask for an address. */
  probe(address: string, everyMs?: number): void
  /** Asks for it no longer. */
  still(address: string): void
  /** Forgets what was seen of all addresses until now. */
  mark(): Promise<void>
  /** Everything seen of the address since the last mark, in the order of time. Times are milliseconds since 1970, with fractions. */
  records(address: string): Promise<readonly WireRecord[]>
  /** The same of many addresses, in their order: of those that are not asked for there are only announcements. */
  recordsOf(addresses: readonly string[]): Promise<readonly (readonly WireRecord[])[]>
  /** What was seen of one address, judged. */
  report(address: string, judging?: Judging): Promise<WireReport>
  close(): Promise<void>
}

type Row = readonly [number, WireKind, string, string, number]

/** Starts the recorder; nothing is asked for yet. */
export async function startWireCapture(place: Pick<Place, 'enter'>, interfaceName = 'eth0'): Promise<WireCapture> {
  const child = startLines<{ ready?: boolean; taken?: number; records?: readonly Row[] }>(
    [...place.enter, process.execPath, CHILD, interfaceName],
    'stdout',
  )
  await child.next('ready', ({ ready }) => ready === true)
  const say = (command: object) => void child.child.stdin?.write(`${JSON.stringify(command)}\n`)
  const every = new Map<string, number>()
  let seen = new Map<string, WireRecord[]>()
  let number = 0
  const take = async () => {
    const wanted = ++number
    say({ take: wanted })
    const { records = [] } = await child.next(`records ${wanted}`, ({ taken }) => taken === wanted)
    for (const [atMs, kind, address, mac, id] of records) {
      const list = seen.get(address) ?? []
      if (list.length === 0) seen.set(address, list)
      list.push({ atMs, kind, mac, id })
    }
    // The process keeps every line that it ever saw.
    for (const line of child.lines) if (line.taken !== undefined) (line as { records?: unknown }).records = undefined
  }
  const recordsOf: WireCapture['recordsOf'] = async (addresses) => {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    await take()
    return addresses.map((address) => (seen.get(addressHex(address)) ?? []).toSorted((a, b) => a.atMs - b.atMs))
  }
  const records: WireCapture['records'] = async (address) => (await recordsOf([address]))[0] ?? []
  return {
    probe(address, everyMs = PROBE_EVERY_MS) {
      every.set(address, everyMs)
      say({ probe: address, everyMs })
    },
    still: (address) => say({ still: address }),
    async mark() {
      await take()
      seen = new Map()
    },
    records,
    recordsOf,
    report: async (address, judging) => judgeWire(await records(address), every.get(address) ?? PROBE_EVERY_MS, judging),
    async close() {
      await child.stop('SIGKILL')
    },
  }
}
