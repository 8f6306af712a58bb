/** A host on the wire of a lab that asks by neighbour discovery and remembers every message that it saw. */
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Place } from '../../../lab/cluster.ts'
import { startLines } from './process-lines.ts'

const CLIENT = fileURLToPath(new URL('./nd-client.ts', import.meta.url))

/** One message as nd-client.ts prints it; `mac` is the one in its option, `flags` of R, S and O. */
export interface SeenMessage {
  readonly atMs: number
  readonly kind: 'solicitation' | 'advertisement'
  readonly toMac: string
  readonly fromMac: string
  readonly source: string
  readonly destination: string
  readonly target: string
  readonly mac?: string
  readonly flags: string
}

interface Question {
  readonly to?: string
  readonly plain?: boolean
  readonly probe?: boolean
  readonly windowMs?: number
}

export interface NdHost {
  readonly mac: string
  readonly messages: readonly SeenMessage[]
  /** Asks once and gives every advertisement for the address that came within `windowMs`. */
  ask(ip: string, question?: Question): Promise<readonly SeenMessage[]>
  /** Puts a frame on the wire and gives every advertisement that came then. */
  send(frame: Uint8Array): Promise<readonly SeenMessage[]>
  /** Asks until exactly this MAC answers, and gives its answers. */
  answeredBy(ip: string, mac: string, timeoutMs?: number): Promise<readonly SeenMessage[]>
  /** The unsolicited advertisements for an address so far. */
  unsolicited(ip: string): readonly SeenMessage[]
  close(): Promise<void>
}

export const ALL_NODES_MAC = '33:33:00:00:00:01'
const WINDOW_MS = 250

/** The MACs that are said to have the address, each once. */
export const said = (messages: readonly SeenMessage[]): readonly (string | undefined)[] => [...new Set(messages.map(({ mac }) => mac))]

export async function startNdHost(place: Pick<Place, 'enter'>, ownIp: string, interfaceName = 'eth0'): Promise<NdHost> {
  const client = startLines<SeenMessage & { ready?: boolean; own?: string }>(
    [...place.enter, process.execPath, CLIENT, interfaceName, ownIp],
    'stdout',
  )
  const { own = '' } = await client.next('ready', ({ ready }) => ready === true)
  const advertisements = () => client.lines.filter(({ kind }) => kind === 'advertisement')
  const answersTo = async (command: object, windowMs: number) => {
    const before = advertisements().length
    client.child.stdin?.write(`${JSON.stringify(command)}\n`)
    await delay(windowMs)
    return advertisements().slice(before)
  }
  const ask: NdHost['ask'] = async (ip, { windowMs = WINDOW_MS, ...how } = {}) =>
    (await answersTo({ ask: ip, ...how }, windowMs)).filter(({ target }) => target === ip)
  return {
    mac: own,
    ask,
    send: (frame) => answersTo({ frame: Buffer.from(frame).toString('hex') }, WINDOW_MS),
    get messages() {
      return client.lines.filter(({ kind }) => kind !== undefined)
    },
    async answeredBy(ip, wanted, timeoutMs = 10_000) {
      const endMs = performance.now() + timeoutMs
      for (;;) {
        const answers = (await ask(ip)).filter(({ flags }) => flags.includes('S'))
        const who = said(answers)
        if (who.length === 1 && who[0] === wanted) return answers
        if (performance.now() > endMs) throw new Error(`${ip} is answered by ${who.join() || 'nobody'}, not ${wanted}`)
      }
    },
    unsolicited: (ip) => advertisements().filter(({ target, flags }) => target === ip && !flags.includes('S')),
    async close() {
      await client.stop('SIGKILL')
    },
  }
}
