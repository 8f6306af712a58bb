import { parseBfd } from '../../wire/bfd.ts'
import { type BfdArrival, type BfdCandidate, demultiplex } from './demux.ts'
import { createLiveSession, type LiveSession } from './live-session.ts'
import { originOf, type PlannedSession, planSessions } from './plan.ts'
import type { BfdChange, BfdReport, BfdSettings, BfdSpec } from './settings.ts'

/** Where the packets of one session leave. */
export interface BfdSender {
  /** False when the packet could not leave. */
  send(bytes: Uint8Array): boolean
  /** Idempotent. */
  close(): void
}

/** Every session of this node. Pure: time is given in microseconds of one clock that never goes back, packets go to senders. */
export interface SessionSet {
  /** The whole set that shall be: RFC 5880 section 6.8.16 for those that begin and end. */
  follow(specs: readonly BfdSpec[], nowUs: number): void
  /** The payload of a datagram. Whatever it says, nothing throws; one that is for nobody is counted as a stray. */
  receive(bytes: Uint8Array, arrival: BfdArrival, nowUs: number): void
  /** Does what is due. Everything that has come must have been received before, or silence is seen where there was none. */
  tick(nowUs: number): void
  /** When tick() has something to do; Infinity when nothing is due. */
  dueUs(): number
  /** Ends all; tick() says it some times more, until isEmpty. */
  end(nowUs: number): void
  readonly isEmpty: boolean
  readonly strays: number
  /** `wallMs` is what the wall clock (milliseconds since 1970) shows at `nowUs`. */
  reports(nowUs: number, wallMs: number): readonly BfdReport[]
}

export interface SessionSetOptions {
  /** A number in [0, 1). */
  readonly random: () => number
  readonly open: (spec: BfdSpec) => BfdSender
  readonly onChange: (change: BfdChange) => void
}

/**
 * AdminDown is said so often, so far apart: a peer that misses it takes the end for a failure, and one that waits a Detection Time for
 * every session that goes would keep the process from ending. RFC 5880 section 6.8.16 wishes for a Detection Time of it.
 */
const FAREWELLS = 3
const FAREWELL_EVERY_US = 20_000

interface Entry extends BfdCandidate {
  readonly live: LiveSession
  readonly sender: BfdSender
  planned: PlannedSession
  minimumTtl: number
  /** While it says goodbye. */
  leaving: { readonly left: number; readonly dueUs: number } | undefined
}

interface State {
  readonly options: SessionSetOptions
  /** By path. */
  readonly entries: Map<string, Entry>
  readonly byDiscriminator: Map<number, Entry>
  readonly byOrigin: Map<string, Entry[]>
  strays: number
}

/** Creates an empty set. */
export function createSessionSet(options: SessionSetOptions): SessionSet {
  const state: State = { options, entries: new Map(), byDiscriminator: new Map(), byOrigin: new Map(), strays: 0 }
  const { entries } = state
  return {
    follow: (specs, nowUs) => follow(state, specs, nowUs),
    receive: (bytes, arrival, nowUs) => receive(state, bytes, arrival, nowUs),
    tick(nowUs) {
      for (const [name, entry] of entries) tick(state, name, entry, nowUs)
    },
    dueUs() {
      let leastUs = Infinity
      for (const { live, leaving } of entries.values()) leastUs = Math.min(leastUs, leaving?.dueUs ?? live.dueUs())
      return leastUs
    },
    end: (nowUs) => follow(state, [], nowUs),
    get isEmpty() {
      return entries.size === 0
    },
    get strays() {
      return state.strays
    },
    reports: (nowUs, wallMs) => [...entries.values()].flatMap((entry) => (entry.leaving ? [] : reportsOf(entry, nowUs, wallMs))),
  }
}

function follow(state: State, specs: readonly BfdSpec[], nowUs: number): void {
  const plan = planSessions(specs)
  for (const [name, entry] of state.entries) if (!plan.has(name) && entry.leaving === undefined) leave(entry, nowUs)
  for (const [name, planned] of plan) {
    const entry = state.entries.get(name)
    if (entry === undefined) begin(state, name, planned, nowUs)
    else renew(entry, planned, nowUs)
  }
}

function begin(state: State, name: string, planned: PlannedSession, nowUs: number): void {
  const { random, open, onChange } = state.options
  const { spec, path } = planned
  const discriminator = freeDiscriminator(state)
  const sender = open(spec)
  const live = createLiveSession({
    ...{ discriminator, random, settings: settingsOf(spec) },
    send: (bytes) => sender.send(bytes),
    onChange: (change) => {
      if (entry.leaving === undefined) for (const key of entry.planned.keys) onChange({ key, ...change })
    },
  })
  const entry: Entry = { live, sender, planned, discriminator, path, minimumTtl: spec.leastTtl, leaving: undefined }
  state.entries.set(name, entry)
  state.byDiscriminator.set(discriminator, entry)
  state.byOrigin.set(originOf(path), [...(state.byOrigin.get(originOf(path)) ?? []), entry])
  live.enable(nowUs)
}

/** Random, so that a packet of a former life of this process means nobody. RFC 5880 section 6.8.1, bfd.LocalDiscr. */
function freeDiscriminator({ options, byDiscriminator }: State): number {
  for (;;) {
    const discriminator = Math.floor(options.random() * 2 ** 32)
    if (discriminator !== 0 && !byDiscriminator.has(discriminator)) return discriminator
  }
}

const settingsOf = ({ transmitMs, receiveMs, detectMultiplier, passive, leastTtl, authentication }: BfdSpec): BfdSettings => ({
  ...{ transmitMs, receiveMs, detectMultiplier, passive, leastTtl, authentication },
})

/** One that says goodbye and is asked for again comes out of AdminDown as the session that it was. */
function renew(entry: Entry, planned: PlannedSession, nowUs: number): void {
  const settings = settingsOf(planned.spec)
  entry.planned = planned
  entry.minimumTtl = settings.leastTtl
  if (JSON.stringify(settings) !== JSON.stringify(entry.live.settings)) entry.live.configure(settings, nowUs)
  if (entry.leaving === undefined) return
  entry.leaving = undefined
  entry.live.enable(nowUs)
}

function leave(entry: Entry, nowUs: number): void {
  entry.leaving = { left: FAREWELLS - 1, dueUs: nowUs + FAREWELL_EVERY_US }
  entry.live.disable(nowUs)
}

function tick(state: State, name: string, entry: Entry, nowUs: number): void {
  const { live, leaving } = entry
  if (leaving === undefined) live.tick(nowUs)
  else if (leaving.dueUs <= nowUs) {
    live.repeat()
    entry.leaving = { left: leaving.left - 1, dueUs: nowUs + FAREWELL_EVERY_US }
    if (leaving.left <= 1) remove(state, name, entry)
  }
}

function remove({ entries, byDiscriminator, byOrigin }: State, name: string, entry: Entry): void {
  const origin = originOf(entry.path)
  const others = (byOrigin.get(origin) ?? []).filter((other) => other !== entry)
  entry.sender.close()
  entries.delete(name)
  byDiscriminator.delete(entry.discriminator)
  if (others.length === 0) byOrigin.delete(origin)
  else byOrigin.set(origin, others)
}

/** RFC 5880 section 6.8.6, in its order: the packet alone, whose it is, how it came, its authentication, and then the state. */
function receive(state: State, bytes: Uint8Array, arrival: BfdArrival, nowUs: number): void {
  const parsed = parseBfd(bytes)
  const candidates = parsed.ok ? candidatesOf(state, parsed.value.yourDiscriminator, arrival) : []
  const choice = parsed.ok ? demultiplex(parsed.value, arrival, candidates) : undefined
  if (parsed.ok && choice !== undefined && 'session' in choice) choice.session.live.receive(bytes, parsed.value, nowUs)
  else if (choice !== undefined && 'refused' in choice && choice.refused === 'ttl') {
    for (const { live, minimumTtl } of candidates) live.refuse(`TTL ${arrival.ttl}, where ${minimumTtl} is the least`)
  } else state.strays++
}

function candidatesOf({ byDiscriminator, byOrigin }: State, yourDiscriminator: number, arrival: BfdArrival): readonly Entry[] {
  if (yourDiscriminator === 0) return byOrigin.get(originOf(arrival)) ?? []
  const entry = byDiscriminator.get(yourDiscriminator)
  return entry === undefined ? [] : [entry]
}

function reportsOf({ live, planned }: Entry, nowUs: number, wallMs: number): readonly BfdReport[] {
  const { upSinceUs, ...report } = live.report()
  const upSinceMs = upSinceUs === undefined ? undefined : Math.round(wallMs - (nowUs - upSinceUs) / 1000)
  return planned.keys.map((key) => ({ key, ...report, upSinceMs }))
}
