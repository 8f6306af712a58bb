import type { Ip } from '../../addr/ip.ts'
import type { Clock, Timer } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { ALL_ROUTERS, type RouterMessage } from '../../wire/icmpv6-ra.ts'
import { ALL_NODES } from '../../wire/ipv6.ts'
import type { NetlinkLink } from '../../wire/netlink.ts'
import { discoveryDueMs, NO_ROUTER, type RouterEvent, type RouterView, stepDiscovery } from '../bgp/router-discovery.ts'
import { type Libc, SystemCallError } from './libc.ts'
import { type NetlinkWatch, openNetlink, watchNetlink } from './netlink.ts'
import { openRouterSocket, type RouterSocket } from './router-socket.ts'

/** RFC 4861 section 10: MAX_RTR_SOLICITATIONS, RTR_SOLICITATION_INTERVAL, MIN_DELAY_BETWEEN_RAS, MAX_RA_DELAY_TIME. */
const SOLICITATIONS = 3
const SOLICITATION_MS = 4000
const LEAST_BETWEEN_MS = 3000
const ANSWER_WITHIN_MS = 500
/** The first advertisements follow one another quickly, for the router that missed one. */
const FIRST_ADVERTISEMENTS = 3
/** Then one comes each 8 to 10 seconds, as those of FRR. */
const ADVERTISE_MS = 8000
const ADVERTISE_SPREAD_MS = 2000
/** What could not be opened or sent (no interface yet, its address still tentative) is tried again. */
const RETRY_MS = 1000

/** The router behind an interface. */
export interface RouterWatch {
  /** Why nothing can be heard or said; undefined while all is well. */
  problem(): string | undefined
  /** Idempotent. */
  close(): void
}

export interface RouterWatchOptions {
  readonly libc: Libc
  readonly clock: Clock
  readonly logger: Logger
  /** 0 to 1. */
  readonly random: () => number
  /** The name of the interface, which need not be there yet. */
  readonly interface: string
  /**
   * The router and the index of the interface, at each change; undefined: it has been silent for long, or its interface is gone. That is no reason to
   * end a session that lives.
   */
  readonly onRouter: (router: { readonly ip: Ip; readonly scope: number } | undefined) => void
}

interface State {
  readonly options: RouterWatchOptions
  link: NetlinkLink | undefined
  watch: NetlinkWatch | undefined
  socket: RouterSocket | undefined
  view: RouterView
  told: string
  problem: string | undefined
  solicitations: number
  solicitAtMs: number
  advertisements: number
  advertisedMs: number
  advertiseAtMs: number
  lookAtMs: number
  timer: Timer | undefined
  closed: boolean
}

/**
 * Finds the router behind an interface by its router advertisements, and tells it of us by ours: routers that peer by interface (FRR, Cumulus) need
 * that. Ours have a lifetime of 0 and no prefix, so that no host on the link takes us for a router or an address from us. Never throws: what does
 * not work yet is tried again. Source: RFC 4861 sections 6.2.3 to 6.2.6 and 6.3.4 to 6.3.7.
 */
export function watchRouter(options: RouterWatchOptions): RouterWatch {
  const state: State = {
    options,
    link: undefined,
    watch: undefined,
    socket: undefined,
    view: NO_ROUTER,
    told: '',
    problem: undefined,
    solicitations: 0,
    solicitAtMs: Number.POSITIVE_INFINITY,
    advertisements: 0,
    advertisedMs: Number.NEGATIVE_INFINITY,
    advertiseAtMs: Number.POSITIVE_INFINITY,
    lookAtMs: 0,
    timer: undefined,
    closed: false,
  }
  plan(state)
  return {
    problem: () => state.problem,
    close() {
      if (state.closed) return
      state.closed = true
      state.timer?.cancel()
      state.watch?.close()
      state.socket?.close()
    },
  }
}

const isOurs = ({ options, link }: State, { name, index }: NetlinkLink): boolean => name === options.interface || index === link?.index

function soon(state: State): void {
  state.lookAtMs = 0
  plan(state)
}

/** One timer for whatever is due next. */
function plan(state: State): void {
  if (state.closed) return
  const { clock } = state.options
  const dueMs = Math.min(state.lookAtMs, state.solicitAtMs, state.advertiseAtMs, discoveryDueMs(state.view) ?? Number.POSITIVE_INFINITY)
  state.timer?.cancel()
  state.timer = Number.isFinite(dueMs) ? clock.setTimer(Math.max(0, dueMs - clock.monotonicMs()), () => work(state)) : undefined
}

function work(state: State): void {
  const nowMs = state.options.clock.monotonicMs()
  if (state.lookAtMs <= nowMs) look(state, nowMs)
  if (state.solicitAtMs <= nowMs) solicit(state, nowMs)
  if (state.advertiseAtMs <= nowMs) advertise(state, nowMs)
  apply(state, { kind: 'tick' }, nowMs)
  plan(state)
}

/** Reads the interface and has a socket on it while it is up. */
function look(state: State, nowMs: number): void {
  const before = state.link
  state.lookAtMs = Number.POSITIVE_INFINITY
  try {
    // Before the first read: a change that comes between the two is told.
    state.watch ??= watchNetlink(state.options.libc, (messages) => {
      if (messages === undefined || messages.some((message) => message.kind === 'link' && isOurs(state, message))) soon(state)
    })
    state.link = readLink(state.options)
    if (state.link?.index !== before?.index) forget(state)
    if (state.link === undefined) note(state, `there is no interface ${state.options.interface}`)
    else if (!isUp(state.link)) note(state, `interface ${state.options.interface} is down`)
    else if (state.socket === undefined || before === undefined || !isUp(before)) begin(state, state.link, nowMs)
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error
    fail(state, error, nowMs)
  }
}

const isUp = ({ up, carrier }: NetlinkLink): boolean => up && carrier

function readLink({ libc, interface: name }: RouterWatchOptions): NetlinkLink | undefined {
  const netlink = openNetlink(libc)
  try {
    return netlink.ask({ kind: 'get-links' }).find((message): message is NetlinkLink => message.kind === 'link' && message.name === name)
  } finally {
    netlink.close()
  }
}

/** The interface is another one, or none. */
function forget(state: State): void {
  state.socket?.close()
  state.socket = undefined
  state.view = NO_ROUTER
  state.solicitAtMs = Number.POSITIVE_INFINITY
  state.advertiseAtMs = Number.POSITIVE_INFINITY
  tell(state)
}

/** The link has come up: everything is said from the beginning, as nobody who is there now need have heard it. */
function begin(state: State, link: NetlinkLink, nowMs: number): void {
  const { libc } = state.options
  state.socket ??= openRouterSocket(libc, link.index, (message, source) => receive(state, message, source))
  note(state, undefined)
  state.solicitations = 0
  state.solicitAtMs = nowMs
  state.advertisements = 0
  state.advertiseAtMs = nowMs
  apply(state, { kind: 'link-up' }, nowMs)
}

function fail(state: State, error: SystemCallError, nowMs: number): void {
  note(state, error.message)
  state.lookAtMs = nowMs + RETRY_MS
}

/** Each problem is told once. */
function note(state: State, problem: string | undefined): void {
  const { logger, interface: name } = state.options
  if (problem !== undefined && problem !== state.problem)
    logger.warn('the router of a BGP peer cannot be looked for yet', { interface: name, problem })
  state.problem = problem
}

function receive(state: State, message: RouterMessage, source: Ip): void {
  const nowMs = state.options.clock.monotonicMs()
  if (message.kind === 'router-solicitation') {
    const waitMs = state.options.random() * ANSWER_WITHIN_MS
    state.advertiseAtMs = Math.min(state.advertiseAtMs, Math.max(nowMs, state.advertisedMs + LEAST_BETWEEN_MS) + waitMs)
  } else apply(state, { kind: 'advertised', ip: source, lifetimeSec: message.lifetimeSec }, nowMs)
  plan(state)
}

function apply(state: State, event: RouterEvent, nowMs: number): void {
  const step = stepDiscovery(state.view, event, nowMs)
  if (state.view.current === undefined && step.view.current !== undefined) state.solicitAtMs = Number.POSITIVE_INFINITY
  state.view = step.view
  if (step.solicit) state.solicitAtMs = Math.min(state.solicitAtMs, nowMs)
  tell(state)
}

function tell(state: State): void {
  const { current } = state.view
  const told = current === undefined ? '' : `${current.ip.value}%${state.link?.index}`
  if (told === state.told) return
  state.told = told
  state.options.onRouter(current === undefined || state.link === undefined ? undefined : { ip: current.ip, scope: state.link.index })
}

/** Three times while no router is there; once to see whether one is still there. */
function solicit(state: State, nowMs: number): void {
  send(state, { kind: 'router-solicitation', sourceMac: state.link?.mac }, ALL_ROUTERS)
  state.solicitations += 1
  const again = state.view.current === undefined && state.solicitations < SOLICITATIONS
  state.solicitAtMs = again ? nowMs + SOLICITATION_MS : Number.POSITIVE_INFINITY
}

function advertise(state: State, nowMs: number): void {
  const { random } = state.options
  const own = { hopLimit: 0, flags: 0, lifetimeSec: 0, reachableMs: 0, retransmitMs: 0, sourceMac: state.link?.mac }
  if (!send(state, { kind: 'router-advertisement', ...own }, ALL_NODES)) {
    state.advertiseAtMs = nowMs + RETRY_MS
    return
  }
  state.advertisements += 1
  state.advertisedMs = nowMs
  const isFirst = state.advertisements < FIRST_ADVERTISEMENTS
  state.advertiseAtMs = nowMs + (isFirst ? LEAST_BETWEEN_MS : ADVERTISE_MS + random() * ADVERTISE_SPREAD_MS)
}

/** EADDRNOTAVAIL: our link-local address is still looked for on the link. */
function send(state: State, message: RouterMessage, to: Uint8Array): boolean {
  const error = state.socket?.send(message, to)
  note(state, error?.message)
  return error === undefined
}
