import { formatIp, type Ip } from '../../addr/ip.ts'
import { backoffDelayMs } from '../../runtime/backoff.ts'
import type { Clock, Timer } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { type Libc, SystemCallError } from './libc.ts'
import { type Acceptor, openAcceptor } from './tcp-accept.ts'
import type { CallerTerms, IncomingCall, RefusedCall, TcpListener } from './tcp-options.ts'

/** The port of BGP (RFC 4271 section 8.2.1), and ours where another speaker has it. */
const BGP_PORT = 179
const SECOND_PORT = 17_900
const RETRY = { baseMs: 1000, maxMs: 30_000 } as const
/** How often it is looked whether the device of a listening socket is still there. */
const DEVICE_CHECK_MS = 5000
const REMEMBERED_STRANGERS = 8
/** Whoever calls from many addresses fills no log. */
const STRANGER_LOG_MS = 10_000

const EVERY_ADDRESS: readonly Ip[] = [
  { family: 'IPv4', value: 0n },
  { family: 'IPv6', value: 0n },
]

export interface ListenerOptions {
  readonly libc: Libc
  readonly clock: Clock
  readonly logger: Logger
  /** 0 to 1. */
  readonly random: () => number
  /** `default`: 179, and 17900 where another process has that. */
  readonly port: number | 'default'
  /** Empty: every address of both families. */
  readonly addresses: readonly Ip[]
  /** VRFs in which is listened too: who calls there comes to nobody else. Other interfaces are heard anyway. */
  readonly devices: readonly string[]
  /** The caller is the owner of the socket from here on, and must have listeners on it before it returns. */
  readonly onCall: (call: IncomingCall) => void
  /** For each such call: cheap work only. */
  readonly onRefused?: (call: RefusedCall) => void
  /** Something of state() changed, later than openListener returned. */
  readonly onChange?: () => void
}

interface State {
  readonly options: ListenerOptions
  readonly acceptors: Map<string, Acceptor>
  readonly strangers: { count: number; last: readonly Ip[] }
  strangerLoggedMs: number
  terms: readonly CallerTerms[]
  port: number | undefined
  /** By what it is about, each a sentence. */
  readonly problems: Map<string, string>
  attempt: number
  timer: Timer | undefined
  closed: boolean
}

/**
 * Listens on one port, on one socket for each address. Never throws: what does not work yet is in state(), and is tried again, at first after a
 * second and then more and more seldom up to 30 s. Once there is a port it stays: peers are configured with it.
 */
export function openListener(options: ListenerOptions): TcpListener {
  const state: State = {
    options,
    acceptors: new Map(),
    strangers: { count: 0, last: [] },
    strangerLoggedMs: Number.NEGATIVE_INFINITY,
    terms: [],
    port: undefined,
    problems: new Map(),
    attempt: 0,
    timer: undefined,
    closed: false,
  }
  complete(state)
  return {
    state: () => ({ port: state.port, problem: sentence(state.problems) }),
    allow(terms) {
      state.terms = terms
      applyTerms(state)
    },
    strangers: () => ({ ...state.strangers }),
    close() {
      state.closed = true
      state.timer?.cancel()
      closeAll(state)
    },
  }
}

const sentence = (problems: ReadonlyMap<string, string>): string | undefined =>
  problems.size === 0 ? undefined : [...problems.values()].join(' ')

function closeAll(state: State): void {
  for (const acceptor of state.acceptors.values()) acceptor.close()
  state.acceptors.clear()
}

/** Opens what is missing, and plans the next look. */
function complete(state: State): void {
  const { options, problems } = state
  problems.delete('listen')
  for (const [key, acceptor] of state.acceptors) {
    if (acceptor.isAlive()) continue
    acceptor.close()
    state.acceptors.delete(key)
  }
  const ports = state.port !== undefined ? [state.port] : options.port === 'default' ? [BGP_PORT, SECOND_PORT] : [options.port]
  const failures = new Map<number, readonly string[]>()
  const isOpen = ports.some((port) => {
    failures.set(port, openAll(state, port))
    return state.port !== undefined
  })
  const failed = isOpen ? (failures.get(state.port ?? 0) ?? []) : [...failures.values()].flat()
  if (failed.length > 0) problems.set('listen', `Cannot listen everywhere (${failed.join('; ')}); this is tried again.`)
  if (state.port === SECOND_PORT && failures.has(BGP_PORT)) problems.set('port', secondPortSentence(failures.get(BGP_PORT) ?? []))
  applyTerms(state)
  if (isOpen && !problems.has('listen')) {
    state.attempt = 0
    if (options.devices.length > 0) state.timer = options.clock.setTimer(DEVICE_CHECK_MS, () => look(state))
    return
  }
  state.attempt += 1
  const { random, clock } = options
  state.timer = clock.setTimer(backoffDelayMs({ attempt: state.attempt, ...RETRY, random }), () => look(state))
}

function secondPortSentence(failures: readonly string[]): string {
  const why = failures.some((text) => text.endsWith('EACCES')) ? 'needs the capability NET_BIND_SERVICE' : 'is taken'
  return `Port ${BGP_PORT} of this node ${why}, so peers that call have to call port ${SECOND_PORT}.`
}

function look(state: State): void {
  if (state.closed) return
  const before = JSON.stringify([state.port, ...state.problems.values()])
  complete(state)
  if (JSON.stringify([state.port, ...state.problems.values()]) !== before) state.options.onChange?.()
}

/** Nothing is open, and there is no port, when somebody else has it (or only root may). Gives what did not work. */
function openAll(state: State, port: number): readonly string[] {
  const failures: string[] = []
  const isFirst = state.port === undefined
  for (const door of doorsOf(state.options)) {
    if (state.acceptors.has(door.key)) continue
    const error = open(state, door, port)
    if (error === undefined || isNoMatter(state.options, door, error)) continue
    failures.push(`${door.key} port ${port}: ${error.message}`)
    if (!isFirst || !['EADDRINUSE', 'EACCES'].includes(error.code)) continue
    closeAll(state)
    break
  }
  state.port = state.acceptors.size > 0 ? port : undefined
  return failures
}

interface Door {
  readonly key: string
  readonly ip: Ip
  readonly device: string | undefined
}

/** Those of no device come first. */
const doorsOf = ({ addresses, devices }: ListenerOptions): readonly Door[] =>
  [undefined, ...devices].flatMap((device) =>
    (addresses.length === 0 ? EVERY_ADDRESS : addresses).map((ip) => {
      const text = formatIp(ip)
      return { key: device === undefined ? text : `${text}%${device}`, ip, device }
    }),
  )

/** A kernel without IPv6; and a device that is no VRF, so that the socket of all devices, which is open by now, hears what comes there. */
const isNoMatter = ({ addresses }: ListenerOptions, { device }: Door, { code }: SystemCallError): boolean =>
  (addresses.length === 0 && code === 'EAFNOSUPPORT') || (device !== undefined && code === 'EADDRINUSE')

function open(state: State, { key, ip, device }: Door, port: number): SystemCallError | undefined {
  const { libc, onCall, logger } = state.options
  try {
    const onFailure = (error: SystemCallError): void => logger.warn('BGP calls cannot be taken for a second', { error })
    const address = { ip, port, scope: undefined }
    const acceptor = openAcceptor({ libc, address, device, onCall, onRefused: (refused) => refuse(state, refused), onFailure })
    state.acceptors.set(key, acceptor)
    return undefined
  } catch (error) {
    if (error instanceof SystemCallError) return error
    throw error
  }
}

function applyTerms({ acceptors, problems, terms }: State): void {
  const refused = new Map([...acceptors.values()].flatMap((acceptor) => [...acceptor.allow(terms)]))
  const [first] = refused
  if (first === undefined) problems.delete('terms')
  else
    problems.set('terms', `Calls of ${refused.size} peers are refused: the kernel did not take the password of ${first[0]} (${first[1]}).`)
}

function refuse(state: State, refused: RefusedCall): void {
  const { strangers, options } = state
  options.onRefused?.(refused)
  if (refused.why.kind !== 'stranger') return
  const { remote } = refused
  strangers.count += 1
  if (strangers.last.some(({ value, family }) => value === remote.value && family === remote.family)) return
  strangers.last = [...strangers.last, remote].slice(-REMEMBERED_STRANGERS)
  const nowMs = options.clock.monotonicMs()
  if (nowMs - state.strangerLoggedMs < STRANGER_LOG_MS) return
  state.strangerLoggedMs = nowMs
  options.logger.info('a call for BGP came from an address that no BgpPeer names', { remote: formatIp(remote) })
}
