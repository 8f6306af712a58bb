/**
 * The engine with real sockets, told what to do by JSON lines on standard input, in whatever network namespace it runs in; what happens comes
 * out as JSON lines. Usage: node bgp-child.ts [NODE]. It ends, without a word to its peers, with its input.
 */
import { createInterface } from 'node:readline'
import { systemClock } from '../../../src/runtime/clock.ts'
import { createLogger } from '../../../src/runtime/logger.ts'
import type { CapturedMessage, PeerReport, RouteVerdict } from '../../../src/speaker/bgp/peer-report.ts'
import { openBgpEngine } from '../../../src/speaker/io/bgp-engine.ts'
import { openLibc } from '../../../src/speaker/io/libc.ts'
import { type LineText, linesOf, type SettingsText, settingsOf } from './bgp-settings.ts'

/** One line of standard input. What is asked for is answered by one line, which repeats `tag`. */
export type BgpCommand = { readonly tag?: number } & (
  | { readonly configure: SettingsText | null }
  | { readonly announce: readonly LineText[] }
  | { readonly peers: true }
  | { readonly captured: string | true }
  | { readonly why: string }
  | { readonly close: 'restart' | 'leave'; readonly limitMs?: number }
  | { readonly memory: true }
)

/** One line of standard output. `changed` comes unasked, whenever a state or a cause has changed. */
export type BgpAnswer = {
  readonly tag?: number
  readonly ready?: true
  readonly configured?: true
  readonly announced?: number
  readonly closed?: true
  readonly listening?: { readonly port?: number; readonly problem?: string }
  readonly captured?: readonly CapturedMessage[]
  readonly why?: readonly RouteVerdict[]
  readonly rssBytes?: number
  readonly heapBytes?: number
  /** CPU time of this process since its start, in milliseconds. */
  readonly cpuMs?: number
  readonly changed?: readonly PeerReport[]
  readonly peers?: readonly PeerReport[]
}

const [node = 'node-1'] = process.argv.slice(2)
const print = (answer: BgpAnswer): void => void process.stdout.write(`${JSON.stringify(answer)}\n`)
const engine = openBgpEngine({
  node,
  libc: openLibc(),
  clock: systemClock,
  logger: createLogger({ format: 'text', level: 'info', write: (line) => void process.stderr.write(line) }),
  random: Math.random,
  onChange: () => print({ changed: engine.peers() }),
})

async function obey(command: BgpCommand): Promise<void> {
  const answer = (what: Omit<BgpAnswer, 'tag'>): void => print({ ...(command.tag === undefined ? {} : { tag: command.tag }), ...what })
  if ('configure' in command) {
    engine.configure(command.configure === null ? undefined : settingsOf(command.configure))
    answer({ configured: true })
  } else if ('announce' in command) {
    engine.announce(linesOf(command.announce))
    answer({ announced: engine.lines().length })
  } else if ('peers' in command) {
    const { port, problem } = engine.listening()
    answer({ peers: engine.peers(), listening: { ...(port === undefined ? {} : { port }), ...(problem === undefined ? {} : { problem }) } })
  } else if ('captured' in command) answer({ captured: engine.captured(command.captured === true ? undefined : command.captured) })
  else if ('why' in command) answer({ why: engine.why(command.why) })
  else if ('memory' in command) {
    globalThis.gc?.()
    const { rss, heapUsed } = process.memoryUsage()
    const { user, system } = process.cpuUsage()
    answer({ rssBytes: rss, heapBytes: heapUsed, cpuMs: (user + system) / 1000 })
  } else {
    await engine.close(command.close, command.limitMs ?? 5000)
    answer({ closed: true })
  }
}

const input = createInterface({ input: process.stdin })
input.on('line', (line) => void obey(JSON.parse(line) as BgpCommand))
input.on('close', () => process.exit(0))
print({ ready: true })
