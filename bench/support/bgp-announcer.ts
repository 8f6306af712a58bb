/**
 * Our BGP in a process of its own, with lines that it keeps as the speaker does: those that stay are the same objects. Argument: the name of the
 * node. On standard input one JSON object a line (AnnouncerOrder), on standard output one for each (AnnouncerLine). It ends with its input.
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { PeerReport } from '../../src/speaker/bgp/peer-report.ts'
import type { BgpLine } from '../../src/speaker/bgp/route.ts'
import { openBgpEngine } from '../../src/speaker/io/bgp-engine.ts'
import { openLibc } from '../../src/speaker/io/libc.ts'
import { linesOf, type SettingsText, settingsOf } from '../../test/speaker/support/bgp-settings.ts'
import { monotonicMs } from './monotonic.ts'

export type AnnouncerOrder =
  | { readonly order: 'configure'; readonly settings: SettingsText | undefined }
  /** All lines anew: `count` host routes from `first` on. */
  | { readonly order: 'announce'; readonly first: string; readonly count: number }
  | { readonly order: 'add' | 'remove'; readonly prefix: string }
  | { readonly order: 'look' }

/** `atMs`: when the order was about to be obeyed, by the machine's steady clock. */
export interface AnnouncerLine {
  readonly said: 'ready' | AnnouncerOrder['order']
  readonly atMs: number
  readonly peers?: readonly PeerReport[]
}

const engine = openBgpEngine({
  node: process.argv[2] ?? 'node',
  libc: openLibc(),
  clock: systemClock,
  logger: silentLogger,
  random: Math.random,
  onChange: () => undefined,
})
let lines: readonly BgpLine[] = []
const say = (line: AnnouncerLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

function obey(order: AnnouncerOrder): void {
  if (order.order === 'look') {
    say({ said: 'look', atMs: monotonicMs(), peers: engine.peers() })
    return
  }
  const next = linesAfter(order)
  const atMs = monotonicMs()
  if (order.order === 'configure') engine.configure(order.settings && settingsOf(order.settings))
  else engine.announce(next)
  lines = next
  say({ said: order.order, atMs })
}

function linesAfter(order: AnnouncerOrder): readonly BgpLine[] {
  switch (order.order) {
    case 'announce':
      return linesOf([{ prefix: `${order.first}/32`, count: order.count }])
    case 'add':
      return [...lines, ...linesOf([{ prefix: order.prefix }])]
    case 'remove':
      return lines.filter(({ text }) => text !== order.prefix)
    default:
      return lines
  }
}

createInterface({ input: process.stdin })
  .on('line', (text) => obey(JSON.parse(text) as AnnouncerOrder))
  .on('close', () => process.exit(0))
say({ said: 'ready', atMs: monotonicMs() })
