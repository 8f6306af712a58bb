/** A session without sockets and without time: what the peer sends is given to it, and what it sends is kept. */
import type { Clock } from '../../../../src/runtime/clock.ts'
import { silentLogger } from '../../../../src/runtime/logger.ts'
import type { PeerReport } from '../../../../src/speaker/bgp/peer-report.ts'
import { createLineTable } from '../../../../src/speaker/bgp/rib-out/line-table.ts'
import { createRibOut } from '../../../../src/speaker/bgp/rib-out/rib-out.ts'
import { createPeerSession } from '../../../../src/speaker/bgp/session.ts'
import type { BgpTransport, Connection, ConnectionEvents } from '../../../../src/speaker/bgp/session-transport.ts'
import type { Capability } from '../../../../src/wire/bgp/capabilities.ts'
import { AFI, SAFI_UNICAST } from '../../../../src/wire/bgp/iana.ts'
import { serializeKeepalive } from '../../../../src/wire/bgp/keepalive.ts'
import { serializeOpen } from '../../../../src/wire/bgp/open.ts'
import { linesOf, type PeerText, peerOf } from '../../support/bgp-settings.ts'
import { ipOf } from '../../support/objects.ts'

export interface PaperSession {
  /** Calls, and goes through OPEN and KEEPALIVE; a session that rests from failures has forgotten them by then. */
  establish(): void
  /** Calls, and says its OPEN alone. */
  call(): void
  /** Bytes of the peer. */
  receive(bytes: Uint8Array): void
  report(): PeerReport
  /** Whether an end without a word leaves our routes there. */
  survivesRestart(): boolean
  /** The connection is there and was neither finished nor destroyed. */
  isOpen(): boolean
  /** What was sent last, header included. */
  lastSent(): Uint8Array | undefined
  /** The routes shall be told. */
  wake(): void
  /** The peer closes. */
  hangUp(): void
  /** All is as if it were so much later; what falls due happens once. */
  later(ms: number): void
}

export interface PaperOptions {
  readonly peerAs: number
  readonly localAs: number
  /** What the peer can; both families, numbers of four bytes and long messages when left out. */
  readonly capabilities?: readonly Capability[]
  readonly settings?: Partial<PeerText>
  /** Called before the routes are asked for a message; it may throw. */
  readonly beforeNext?: () => void
  /** What the kernel has not taken yet; 0 when left out. */
  readonly unwrittenBytes?: () => number
}

const REMOTE = '192.0.2.9'
const FORGOTTEN_MS = 3_600_000

const families: readonly Capability[] = (['IPv4', 'IPv6'] as const).map((family) => ({
  kind: 'multiprotocol',
  afi: AFI[family],
  safi: SAFI_UNICAST,
}))

export function createPaperSession({
  peerAs,
  localAs,
  capabilities,
  settings = {},
  beforeNext,
  unwrittenBytes,
}: PaperOptions): PaperSession {
  const clock = createPaperClock()
  const peer = peerOf({ remote: REMOTE, localAs, expectedAs: peerAs, passive: true, ...settings })
  const table = createLineTable()
  table.follow(linesOf([{ prefix: '203.0.113.0/32', count: 3 }]))
  const transport = createPaperTransport()
  const ribOut = createRibOut(peer, table)
  const outbound = {
    ...ribOut,
    next(nowMs: number) {
      beforeNext?.()
      return ribOut.next(nowMs)
    },
  }
  const session = createPeerSession(peer, outbound, {
    node: 'paper',
    transport,
    clock,
    logger: silentLogger,
    random: () => 0.5,
    startedMs: 0,
    onChange: () => undefined,
  })
  const said: readonly Capability[] = capabilities ?? [
    ...families,
    { kind: 'route-refresh' },
    { kind: 'enhanced-route-refresh' },
    { kind: 'extended-message' },
    { kind: 'four-octet-as', as: peerAs },
  ]
  const open = serializeOpen({ as: peerAs, holdSeconds: 90, routerId: 77, capabilities: said })
  let link: PaperLink | undefined
  const call = (): void => {
    clock.advance(FORGOTTEN_MS)
    session.arrive({
      remote: ipOf(REMOTE),
      scope: undefined,
      take: (events) => {
        link = createPaperLink(events, unwrittenBytes)
        return link.connection
      },
      refuse: () => undefined,
    })
    link?.receive(open)
  }
  return {
    call,
    establish() {
      call()
      link?.receive(serializeKeepalive())
      clock.advance(0)
    },
    receive: (bytes) => link?.receive(bytes),
    report: () => session.report(undefined),
    survivesRestart: () => session.survivesRestart(),
    isOpen: () => link?.isOpen() ?? false,
    lastSent: () => link?.lastSent(),
    wake: () => session.wake(),
    hangUp: () => link?.hangUp(),
    later: (ms) => clock.advance(ms),
  }
}

interface PaperLink {
  readonly connection: Connection
  receive(bytes: Uint8Array): void
  isOpen(): boolean
  lastSent(): Uint8Array | undefined
  hangUp(): void
}

/** A connection whose kernel takes everything at once, unless `unwrittenBytes` says otherwise. */
function createPaperLink(events: ConnectionEvents, unwrittenBytes = (): number => 0): PaperLink {
  let isOpen = true
  let lastSent: Uint8Array | undefined
  const end = (): void => {
    isOpen = false
  }
  const nothing = (): void => undefined
  const connection: Connection = {
    local: ipOf('192.0.2.1'),
    get unwrittenBytes() {
      return unwrittenBytes()
    },
    write(bytes) {
      lastSent = bytes
    },
    pause: nothing,
    resume: nothing,
    setPassword: nothing,
    finish: end,
    destroy: end,
  }
  return {
    connection,
    receive: (bytes) => {
      if (isOpen) events.received(bytes)
    },
    isOpen: () => isOpen,
    lastSent: () => lastSent,
    hangUp() {
      if (isOpen) events.closed('EOF')
      isOpen = false
    },
  }
}

const createPaperTransport = (): BgpTransport => ({
  call: () => {
    throw new Error('it is passive')
  },
  listen: () => ({ listening: () => ({ port: undefined, problem: undefined }), allow: () => undefined, close: () => undefined }),
  watchRouter: () => ({ close: () => undefined }),
  interfaceIndex: () => undefined,
  interfaceAddresses: () => ({ global: undefined, linkLocal: undefined }),
  isDirect: () => true,
  drops: () => ({ md5: 0, ttl: 0 }),
  settled: () => Promise.resolve(),
})

/** A clock that jumps: what falls due meanwhile happens once, at the end of the jump. */
function createPaperClock(): Clock & { advance(ms: number): void } {
  let nowMs = 0
  const timers = new Set<{ readonly dueMs: number; readonly fn: () => void }>()
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: () => Promise.reject(new Error('nobody sleeps here')),
    setTimer(ms, fn) {
      const timer = { dueMs: nowMs + ms, fn }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    advance(ms) {
      nowMs += ms
      for (const timer of [...timers]) {
        if (timer.dueMs > nowMs || !timers.delete(timer)) continue
        timer.fn()
      }
    },
  }
}
