/** A host of a wire that answers for addresses as the speaker does. */
import { fileURLToPath } from 'node:url'
import { startLines } from './process-lines.ts'
import type { Command } from './responder-child.ts'
import type { WireHost } from './wire.ts'

const CHILD = fileURLToPath(new URL('./responder-child.ts', import.meta.url))

/** One line of responder-child.ts. */
export type ResponderLine = Readonly<Record<string, unknown>>

export interface ResponderHost {
  readonly pid: number
  readonly lines: readonly ResponderLine[]
  /** Sends a command and gives the next line that has `word`. */
  tell(command: Command, word: string, timeoutMs?: number): Promise<ResponderLine>
  /** The next line that has `word`, from now on. */
  next(word: string, timeoutMs?: number): Promise<ResponderLine>
  /** The counters of an address, with those of the thread. */
  counts(ip: string): Promise<Readonly<Record<string, number>>>
  close(): Promise<void>
}

export async function startResponder(
  { enter }: Pick<WireHost, 'enter'>,
  { interfaceName = 'eth0', flags = [] as readonly string[] } = {},
): Promise<ResponderHost> {
  const child = startLines<ResponderLine>([...enter, process.execPath, CHILD, interfaceName, ...flags], 'stdout')
  await child.next('ready', (line) => 'ready' in line)
  const next = (word: string, timeoutMs?: number) => {
    const before = new Set(child.lines)
    return child.next(word, (line) => !before.has(line) && word in line, timeoutMs)
  }
  const tell: ResponderHost['tell'] = (command, word, timeoutMs) => {
    const answer = next(word, timeoutMs)
    child.child.stdin?.write(`${JSON.stringify(command)}\n`)
    return answer
  }
  return {
    pid: child.child.pid ?? 0,
    lines: child.lines,
    tell,
    next,
    counts: async (ip) => (await tell({ count: ip }, 'counted')) as Readonly<Record<string, number>>,
    close: async () => void (await child.stop('SIGKILL')),
  }
}
