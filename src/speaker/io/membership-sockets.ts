import { createSocket, type Socket } from 'node:dgram'
import { type MembershipBody, type MembershipPacket, parseMembership, serializeMembership } from '../../wire/membership.ts'
import type { MembershipCounters } from '../membership/counters.ts'
import type { Link } from '../membership/effect.ts'
import type { Keys } from '../membership/message.ts'
import { open, seal } from '../membership/seal.ts'
import { createLinks, type Links } from './membership-links.ts'

/** The UDP and TCP sockets of membership: what leaves is sealed, and what comes in has a right seal. */
export interface MembershipSockets {
  /** Rejects when a port is taken or the address is not there (yet). */
  open(): Promise<void>
  /** Until then nothing is sent, and nothing that comes is accepted. */
  keys(keys: Keys): void
  /** A packet that cannot be sent is lost, like one on the wire. */
  send(ip: string, packet: MembershipPacket): void
  /** Which streams there should be, now and whenever the sockets are open again. */
  links(links: readonly Link[]): void
  /** Resolves when what was sent has left and the ports are free. Idempotent; open() may follow. */
  close(): Promise<void>
}

export interface SocketsOptions {
  readonly self: string
  readonly bind: { readonly address: string; readonly port: number }
  readonly counters: MembershipCounters
  readonly incarnation: () => bigint
  /** `ip` is where it came from: canonical, IPv4 as IPv4. */
  readonly onPacket: (packet: MembershipPacket, ip: string) => void
  readonly onLinked: (node: string) => void
  readonly onRefused: (node: string) => void
  /** A socket was lost: close() and open() again. */
  readonly onFailure: (error: Error) => void
}

const MAPPED = '::ffff:'

interface State {
  keys: Keys | undefined
  udp: Socket | undefined
  links: Links | undefined
  wanted: readonly Link[]
  sending: number
}

export function createMembershipSockets(options: SocketsOptions): MembershipSockets {
  const state: State = { keys: undefined, udp: undefined, links: undefined, wanted: [], sending: 0 }
  return {
    open: () => openSockets(options, state),
    keys(keys) {
      state.keys = keys
    },
    send: (ip, packet) => send(options, state, ip, packet),
    links(links) {
      state.wanted = links
      state.links?.sync(links)
    },
    async close() {
      const { udp, links } = state
      state.udp = undefined
      state.links = undefined
      await links?.close()
      // The last words have to leave; each send takes microseconds.
      while (state.sending > 0) await new Promise((resolve) => setImmediate(resolve))
      if (udp !== undefined) await new Promise<void>((resolve) => udp.close(resolve))
    },
  }
}

/** The TCP port first: it has one owner, so a former process of this node that has not ended yet is noticed. */
async function openSockets(options: SocketsOptions, state: State): Promise<void> {
  const { bind, self, incarnation, onLinked, onRefused, onFailure } = options
  const links = createLinks({
    bind,
    seal: (body: MembershipBody) => sealed(options, state, { sender: self, incarnation: incarnation(), sequence: 0n, ...body }),
    open: (bytes) => opened(options, state, bytes),
    onLinked,
    onRefused,
    onFailure,
  })
  const udp = createSocket({
    type: bind.address.includes(':') ? 'udp6' : 'udp4',
    // Peers are known by address: nothing is to be looked up.
    lookup: (address, _options, done) => done(null, address, bind.address.includes(':') ? 6 : 4),
  })
  try {
    await links.listen()
    await new Promise<void>((resolve, reject) => {
      udp.once('error', reject)
      udp.bind({ address: bind.address, port: bind.port }, () => {
        udp.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    udp.close()
    await links.close()
    throw error
  }
  udp.on('error', onFailure)
  udp.on('message', (bytes, { address }) => {
    const packet = opened(options, state, bytes)
    if (packet !== undefined) options.onPacket(packet, address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address)
  })
  state.udp = udp
  state.links = links
  links.sync(state.wanted)
}

function send(options: SocketsOptions, state: State, ip: string, packet: MembershipPacket): void {
  const { udp } = state
  if (udp === undefined || state.keys === undefined) return
  const mapped = options.bind.address.includes(':') && !ip.includes(':') ? `${MAPPED}${ip}` : ip
  state.sending += 1
  udp.send(sealed(options, state, packet), options.bind.port, mapped, () => {
    // An error (no route, no buffer) is a packet that is lost; heartbeats follow and words are repeated.
    state.sending -= 1
  })
}

function sealed({ counters }: SocketsOptions, { keys }: State, packet: MembershipPacket): Uint8Array {
  const payload = serializeMembership(packet)
  const bytes = keys === undefined ? new Uint8Array() : seal(payload, keys.seal)
  counters.count('sent', packet.kind, bytes.length)
  return bytes
}

function opened({ counters }: SocketsOptions, { keys }: State, bytes: Uint8Array): MembershipPacket | undefined {
  const payload = keys === undefined ? undefined : open(bytes, keys.accept)
  if (payload === undefined) {
    counters.reject('unsealed')
    return undefined
  }
  const packet = parseMembership(payload)
  if (!packet.ok) {
    counters.reject('malformed')
    return undefined
  }
  counters.count('received', packet.value.kind, bytes.length)
  return packet.value
}
