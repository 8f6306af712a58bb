import type { Ip } from '../../addr/ip.ts'
import { isLinkLocal } from '../../wire/bgp/attributes/mp-reach.ts'
import { createMessageStream } from './inbound-stream.ts'
import { BLIND } from './peer-error.ts'
import { readMessages, type Tell } from './session-receive.ts'
import { type PeerState, type SessionLink, timerName } from './session-state.ts'
import type { Connection, ConnectionEvents } from './session-transport.ts'

/** Messages of a peer are read for so long at a time, and twice the time is left to everything else afterwards. */
const TURN_MS = 5
const REST_PER_WORK = 2
/** The clock is looked at once in so many messages. */
const LOOK_EVERY = 16

/** Where the peer is; undefined: an unnumbered one that was not seen. */
export function targetOf({
  settings,
  router,
  options,
}: PeerState): { readonly remote: Ip; readonly scope: number | undefined } | undefined {
  const { remote, transport } = settings
  if (remote.kind === 'interface') return router && { remote: router.ip, scope: router.scope }
  const { device } = transport
  const scope = isLinkLocal(remote.ip) && device !== undefined ? options.transport.interfaceIndex(device) : undefined
  return { remote: remote.ip, scope }
}

/** Calls the peer; how it went is told later. */
export function callPeer(state: PeerState, id: number, tell: Tell): void {
  const { settings, options } = state
  const target = targetOf(state)
  if (target === undefined) {
    options.clock.setTimer(0, () => state.contain(() => tell(state, id, { kind: 'TcpConnectionFails', cause: 'no-router' })))
    return
  }
  const { localAddress: local, device, password, ttl, leastTtl, mss } = settings.transport
  state.sight = { ...BLIND, ...dropsNow(state) }
  const { port } = settings.remote
  addLink(state, id, target.remote, tell, (events) =>
    options.transport.call({ ...target, port, local, device, password, ttl, leastTtl, mss }, events),
  )
}

/** The counters of the kernel as they are: what is added until the attempt ends is said of it. */
export function dropsNow({ options }: PeerState): { readonly md5Drops: number; readonly ttlDrops: number } {
  const { md5 = 0, ttl = 0 } = options.transport.drops()
  return { md5Drops: md5, ttlDrops: ttl }
}

/** Takes the call that the event tells of. */
export function takeArrival(state: PeerState, id: number, tell: Tell): void {
  const { arrival } = state
  if (arrival === undefined) return
  state.arrival = undefined
  state.sight = { ...state.sight, holdMs: 0 }
  const link = addLink(state, id, arrival.remote, tell, (events) => arrival.take(events))
  link.isConnected = true
  state.lastLocal = link.connection.local ?? state.lastLocal
}

export function refuseArrival(state: PeerState): void {
  state.arrival?.refuse()
  state.arrival = undefined
}

function addLink(state: PeerState, id: number, remote: Ip, tell: Tell, open: (events: ConnectionEvents) => Connection): SessionLink {
  const stream = createMessageStream()
  let link: SessionLink | undefined
  /** Nothing is told of a link that is over. */
  const living = (work: (link: SessionLink) => void) =>
    state.contain(() => {
      if (link !== undefined && !link.isOver) work(link)
    })
  const connection = open({
    connected: () =>
      living((one) => {
        one.isConnected = true
        state.lastLocal = connection.local ?? state.lastLocal
        state.sight = { ...state.sight, wasConnected: true }
        tell(state, id, { kind: 'Tcp_CR_Acked' })
      }),
    received: (chunk) =>
      living((one) => {
        stream.push(chunk)
        read(state, one, tell)
      }),
    closed: (cause) => living(() => tell(state, id, { kind: 'TcpConnectionFails', cause })),
  })
  link = { id, connection, stream, remote, ...NOTHING_YET }
  state.links.set(id, link)
  return link
}

/** Of a link on which nothing has happened. */
const NOTHING_YET = {
  isConnected: false,
  isOver: false,
  hasLastWord: false,
  readMs: 0,
  busyMs: 0,
  ours: undefined,
  theirs: undefined,
  agreement: undefined,
  openMs: 0,
} as const

/**
 * A turn of reading, which may be of several chunks that came together. When it takes long, the connection rests for twice as long: with what
 * the kernel and the collector do, a flood gets half of a core.
 */
function read(state: PeerState, link: SessionLink, tell: Tell): void {
  const { clock } = state.options
  const beganMs = clock.monotonicMs()
  if (beganMs - link.readMs > REST_PER_WORK * link.busyMs) link.busyMs = 0
  const isBusy = (): boolean => link.busyMs + clock.monotonicMs() - beganMs >= TURN_MS
  let count = 0
  const outcome = readMessages(state, link, tell, () => ++count % LOOK_EVERY !== 0 || !isBusy())
  if (outcome === 'over') return
  link.readMs = clock.monotonicMs()
  link.busyMs += link.readMs - beganMs
  if (outcome === 'dry' && link.busyMs < TURN_MS) return
  const goOn = (): void => {
    link.busyMs = 0
    if (!link.isOver && !link.stream.isDry) read(state, link, tell)
    if (!link.isOver && link.stream.isDry && link.busyMs < TURN_MS) link.connection.resume()
  }
  link.connection.pause()
  clock.setTimer(Math.ceil(REST_PER_WORK * link.busyMs) + 1, () => state.contain(goOn))
}

/** Closes the connection of a link: after its last word, when there is one. */
export function closeLink(state: PeerState, link: SessionLink): void {
  link.isOver = true
  if (state.links.get(link.id) === link) state.links.delete(link.id)
  state.timers.stopAll(timerName(link.id, ''))
  if (link.hasLastWord) link.connection.finish()
  else link.connection.destroy()
}
