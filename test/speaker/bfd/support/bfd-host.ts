/** A machine that speaks BFD as the speaker does. */
import { fileURLToPath } from 'node:url'
import type { WirePlace } from '../../../../lab/peers/wire.ts'
import type { BfdChange, BfdReport } from '../../../../src/speaker/bfd/settings.ts'
import { until } from '../../../support/until.ts'
import { startLines } from '../../support/process-lines.ts'
import type { BfdCommand, BfdLine, WantedSession } from './bfd-child.ts'

const CHILD = fileURLToPath(new URL('./bfd-child.ts', import.meta.url))

export interface SeenChange extends BfdChange {
  /** performance.timeOrigin + performance.now(), which is one clock in all processes. */
  readonly atMs: number
}

export interface BfdHost {
  readonly pid: number
  /** Every change so far, in order. */
  readonly changes: readonly SeenChange[]
  follow(...sessions: readonly WantedSession[]): void
  /** Keeps its main thread busy. */
  stall(ms: number): void
  report(): Promise<Extract<BfdLine, { reports: unknown }>>
  /** What is known of the session with this address, once it is in this state. */
  inState(remote: string, state: BfdReport['state'], timeoutMs?: number): Promise<BfdReport>
  signal(name: NodeJS.Signals): void
  /** As a process ends that was asked to. */
  close(): Promise<void>
  kill(): Promise<void>
}

/** `asWhom` is an argv prefix that takes something from the process, such as capabilities. */
export async function startBfdHost({ enter }: Pick<WirePlace, 'enter'>, asWhom: readonly string[] = []): Promise<BfdHost> {
  const child = startLines<BfdLine>([...enter, ...asWhom, process.execPath, CHILD], 'stdout')
  await child.next('ready', (line) => 'ready' in line)
  const tell = (command: BfdCommand) => void child.child.stdin?.write(`${JSON.stringify(command)}\n`)
  const reportsOf = () => child.lines.filter((line) => 'reports' in line)
  async function report() {
    const before = reportsOf().length
    tell({ report: true })
    return until('a report', () => reportsOf()[before])
  }
  return {
    pid: child.child.pid ?? 0,
    get changes() {
      return child.lines.flatMap((line) => ('change' in line ? [{ ...line.change, atMs: line.atMs }] : []))
    },
    follow: (...sessions) => tell({ follow: sessions }),
    stall: (ms) => tell({ stall: ms }),
    report,
    inState: (remote, state, timeoutMs) =>
      until(
        `${remote} ${state}`,
        async () => {
          const { reports } = await report()
          return reports[remote]?.state === state && reports[remote]
        },
        timeoutMs,
      ),
    signal: (name) => void child.child.kill(name),
    async close() {
      child.child.stdin?.end()
      await until('the end', () => child.child.exitCode !== null)
    },
    kill: async () => void (await child.stop('SIGKILL')),
  }
}
