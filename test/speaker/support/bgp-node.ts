/** The engine in a network namespace (bgp-child.ts), asked and told by functions. */
import { fileURLToPath } from 'node:url'
import type { CapturedMessage, PeerReport, RouteVerdict } from '../../../src/speaker/bgp/peer-report.ts'
import { until } from '../../support/until.ts'
import type { BgpAnswer, BgpCommand } from './bgp-child.ts'
import type { LineText, SettingsText } from './bgp-settings.ts'
import { type LineProcess, startLines } from './process-lines.ts'

const CHILD = fileURLToPath(new URL('./bgp-child.ts', import.meta.url))

type Untagged = BgpCommand extends infer Command ? (Command extends unknown ? Omit<Command, 'tag'> : never) : never

export interface BgpNode {
  readonly process: LineProcess<BgpAnswer>
  ask(command: Untagged): Promise<BgpAnswer>
  configure(settings: SettingsText | null): Promise<void>
  announce(lines: readonly LineText[]): Promise<void>
  peers(): Promise<readonly PeerReport[]>
  /** The only peer, or the one of this name. */
  peer(name?: string): Promise<PeerReport>
  captured(peer?: string): Promise<readonly CapturedMessage[]>
  why(prefix: string): Promise<readonly RouteVerdict[]>
  /** Resolves when the peer is Established; rejects with its last report. */
  established(name?: string, timeoutMs?: number): Promise<PeerReport>
  /** Resolves with the cause that the peer has. */
  cause(code: string, timeoutMs?: number): Promise<PeerReport>
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Starts it behind `enter`, the argv prefix of a namespace. */
export async function startBgpNode(enter: readonly string[], name = 'node-1'): Promise<BgpNode> {
  const process_ = startLines<BgpAnswer>([...enter, process.execPath, '--expose-gc', CHILD, name], 'stdout')
  await process_.next('the engine', ({ ready }) => ready === true)
  let tag = 0
  const ask = async (command: Untagged): Promise<BgpAnswer> => {
    const mine = ++tag
    process_.child.stdin?.write(`${JSON.stringify({ ...command, tag: mine })}\n`)
    return process_.next(JSON.stringify(command).slice(0, 80), (answer) => answer.tag === mine)
  }
  const peers = async (): Promise<readonly PeerReport[]> => (await ask({ peers: true })).peers ?? []
  const peer = async (of?: string): Promise<PeerReport> => {
    const found = (await peers()).find((one) => of === undefined || one.name === of)
    if (found === undefined) throw new Error(`no peer ${of}`)
    return found
  }
  const reached = async (what: string, of: string | undefined, isReached: (report: PeerReport) => boolean, timeoutMs: number) => {
    try {
      return await until(what, async () => peer(of).then((report) => isReached(report) && report), timeoutMs, 100)
    } catch {
      throw new Error(`not within ${timeoutMs} ms: ${what}: ${JSON.stringify(await peer(of))}`)
    }
  }
  return {
    process: process_,
    ask,
    peers,
    peer,
    async configure(settings) {
      await ask({ configure: settings })
    },
    async announce(lines) {
      await ask({ announce: lines })
    },
    captured: async (of) => (await ask({ captured: of ?? true })).captured ?? [],
    why: async (prefix) => (await ask({ why: prefix })).why ?? [],
    established: (of, timeoutMs = 60_000) => reached('Established', of, ({ state }) => state === 'Established', timeoutMs),
    cause: (code, timeoutMs = 30_000) => reached(`the cause ${code}`, undefined, ({ lastError }) => lastError?.code === code, timeoutMs),
    async stop(signal = 'SIGKILL') {
      await process_.stop(signal)
    },
  }
}
