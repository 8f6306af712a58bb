/**
 * BFD with its thread, told what to do by JSON lines on standard input, in whatever network namespace it runs in; changes come out as JSON
 * lines. At the end of standard input it closes, with AdminDown to every peer. Usage: node bfd-child.ts
 */
import { createInterface } from 'node:readline'
import { systemClock } from '../../../../src/runtime/clock.ts'
import { silentLogger } from '../../../../src/runtime/logger.ts'
import type { BfdAuthentication, BfdChange, BfdReport, BfdSpec } from '../../../../src/speaker/bfd/settings.ts'
import { createBfdSessions } from '../../../../src/speaker/io/bfd-sessions.ts'
import { openLibc } from '../../../../src/speaker/io/libc.ts'
import { ipOf } from '../../support/objects.ts'

/** A session as tests name it; what is left out is MetalLB's default. */
export interface WantedSession {
  readonly key?: string
  readonly remote: string
  readonly local: string
  readonly device?: string
  readonly multihop?: boolean
  readonly transmitMs?: number
  readonly receiveMs?: number
  readonly detectMultiplier?: number
  readonly passive?: boolean
  readonly leastTtl?: number
  readonly authentication?: BfdAuthentication
}

/** One line of standard input. */
export type BfdCommand = { readonly follow: readonly WantedSession[] } | { readonly report: true } | { readonly stall: number }

/** One line of standard output; `atMs` is performance.timeOrigin + performance.now(), the same clock in all processes of a machine. */
export type BfdLine =
  | { readonly ready: true }
  | { readonly followed: number }
  | { readonly change: BfdChange; readonly atMs: number }
  | { readonly reports: Readonly<Record<string, BfdReport>>; readonly problems: readonly string[]; readonly strays: number }

const specOf = (wanted: WantedSession): BfdSpec => ({
  ...{ key: wanted.remote, device: undefined, multihop: false, transmitMs: 300, receiveMs: 300, detectMultiplier: 3 },
  ...{ passive: false, leastTtl: 254, authentication: undefined },
  ...wanted,
  remote: ipOf(wanted.remote),
  local: ipOf(wanted.local),
})

const print = (line: BfdLine) => process.stdout.write(`${JSON.stringify(line)}\n`)
const sessions = createBfdSessions({
  libc: openLibc(),
  clock: systemClock,
  logger: silentLogger,
  random: Math.random,
  onChange: (change) => print({ change, atMs: performance.timeOrigin + performance.now() }),
})

function obey(command: BfdCommand): void {
  if ('follow' in command) {
    sessions.follow(command.follow.map(specOf))
    print({ followed: command.follow.length })
  } else if ('report' in command) {
    print({ reports: Object.fromEntries(sessions.reports()), problems: sessions.health().problems, strays: sessions.strays() })
  } else {
    const endMs = performance.now() + command.stall
    while (performance.now() < endMs) JSON.parse('{"a":[1,2,3]}')
  }
}

const input = createInterface({ input: process.stdin })
input.on('line', (line) => obey(JSON.parse(line) as BfdCommand))
input.on('close', () => void sessions.close().then(() => process.exit(0)))
print({ ready: true })
