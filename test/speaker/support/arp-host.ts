/** A host on the wire of a lab that asks by ARP and remembers every frame that it saw. */
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Place } from '../../../lab/cluster.ts'
import { startLines } from './process-lines.ts'

const CLIENT = fileURLToPath(new URL('./arp-client.ts', import.meta.url))

/** One ARP frame as arp-client.ts prints it. */
export interface SeenFrame {
  readonly atMs: number
  readonly destination: string
  readonly source: string
  readonly operation: 'request' | 'reply'
  readonly senderMac: string
  readonly senderIp: string
  readonly targetMac: string
  readonly targetIp: string
}

export interface ArpHost {
  readonly mac: string
  readonly frames: readonly SeenFrame[]
  /** Asks once, by broadcast or (`to`) by unicast, and gives every answer that came within `windowMs`. */
  ask(ip: string, options?: { readonly to?: string; readonly windowMs?: number }): Promise<readonly SeenFrame[]>
  /** Asks until exactly this MAC answers, and gives its answers: a watch takes a moment after a claim is written. */
  answeredBy(ip: string, mac: string, timeoutMs?: number): Promise<readonly SeenFrame[]>
  /** Puts a frame on the wire as it is. */
  send(frame: Uint8Array): Promise<void>
  /** The gratuitous frames for an address so far. */
  gratuitous(ip: string): readonly SeenFrame[]
  close(): Promise<void>
}

export const BROADCAST = 'ff:ff:ff:ff:ff:ff'
const WINDOW_MS = 250

/** The MACs that answer, each once. */
export const answering = (frames: readonly SeenFrame[]): readonly string[] => [...new Set(frames.map(({ senderMac }) => senderMac))]

export async function startArpHost(place: Pick<Place, 'enter' | 'ip'>, interfaceName = 'eth0'): Promise<ArpHost> {
  const client = startLines<SeenFrame & { ready?: boolean; mac?: string }>(
    [...place.enter, process.execPath, CLIENT, interfaceName, place.ip],
    'stdout',
  )
  const { mac = '' } = await client.next('ready', ({ ready }) => ready === true)
  const frames = () => client.lines.filter(({ operation }) => operation !== undefined)
  const ask: ArpHost['ask'] = async (ip, { to, windowMs = WINDOW_MS } = {}) => {
    const before = frames().length
    client.child.stdin?.write(`${JSON.stringify({ ask: ip, ...(to === undefined ? {} : { to }) })}\n`)
    await delay(windowMs)
    return frames()
      .slice(before)
      .filter(({ operation, senderIp, destination }) => operation === 'reply' && senderIp === ip && destination === mac)
  }
  return {
    mac,
    ask,
    get frames() {
      return frames()
    },
    async answeredBy(ip, wanted, timeoutMs = 10_000) {
      const endMs = performance.now() + timeoutMs
      for (;;) {
        const answers = await ask(ip)
        const who = answering(answers)
        if (who.length === 1 && who[0] === wanted) return answers
        if (performance.now() > endMs) throw new Error(`${ip} is answered by ${who.join() || 'nobody'}, not ${wanted}`)
      }
    },
    async send(frame) {
      client.child.stdin?.write(`${JSON.stringify({ frame: Buffer.from(frame).toString('hex') })}\n`)
    },
    gratuitous: (ip) =>
      frames().filter(({ senderIp, targetIp, destination }) => senderIp === ip && targetIp === ip && destination === BROADCAST),
    async close() {
      await client.stop('SIGKILL')
    },
  }
}
