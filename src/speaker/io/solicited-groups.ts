import { ipToBytes } from '../../addr/ip.ts'
import { solicitedNodeGroup } from '../../wire/icmpv6-nd.ts'
import { ipOfKey } from '../layer2/address-key.ts'
import { type Libc, SystemCallError } from './libc.ts'

const AF_INET6 = 10
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const IPPROTO_IPV6 = 41
const IPV6_JOIN_GROUP = 20
const IPV6_LEAVE_GROUP = 21
/** The kernel keeps a socket's memberships in its option memory (net.core.optmem_max, 20 KiB at the least): some 360 fit. */
const GROUPS_A_SOCKET = 256
/** Joins before the next look at the frames: each programs the card and plans a report. */
const JOINS_A_TURN = 32
const RETRY_DELAY_MS = 500

/**
 * The solicited-node groups of the addresses that one interface answers for. The kernel's own membership is used, and not that of packet
 * sockets: it also sends the MLD reports without which a switch that snoops would keep the solicitations from us, and it works alike on
 * veth, bridge, VLAN, bond and macvlan. Addresses whose last three bytes are equal share a group; the last one to go leaves it.
 */
export interface SolicitedGroups {
  /** Why groups could not be joined; undefined while all is well. */
  readonly error: string | undefined
  /** An address is held from now on. */
  add(address: bigint): void
  /** An address is not held any more. */
  remove(address: bigint): void
  /** Joins some of the groups that are waiting. */
  join(nowMs: number): void
  /** Milliseconds until join() has something to do; undefined when there is nothing. */
  waitMs(nowMs: number): number | undefined
  /** Leaves all, and plans to join them again: the interface was away. */
  reset(): void
  /** Leaves all. Idempotent. */
  close(): void
}

interface Membership {
  readonly group: Uint8Array
  addresses: number
  socket: GroupSocket | undefined
}

interface GroupSocket {
  readonly fd: number
  groups: number
}

interface State {
  readonly libc: Libc
  readonly interfaceIndex: number
  /** By the last three bytes of the address. */
  readonly memberships: Map<number, Membership>
  readonly waiting: Set<number>
  readonly sockets: Set<GroupSocket>
  retryAtMs: number
  error: string | undefined
}

const groupOf = (address: bigint): number => Number(address & 0xff_ffffn)

/** Creates an empty set for one interface; opens no socket before the first group. */
export function createSolicitedGroups(libc: Libc, interfaceIndex: number): SolicitedGroups {
  const state: State = {
    libc,
    interfaceIndex,
    memberships: new Map(),
    waiting: new Set(),
    sockets: new Set(),
    retryAtMs: 0,
    error: undefined,
  }
  const { memberships, waiting } = state
  return {
    get error() {
      return state.error
    },
    add: (address) => add(state, address),
    remove: (address) => remove(state, address),
    join: (nowMs) => joinSome(state, nowMs),
    waitMs: (nowMs) => (waiting.size === 0 ? undefined : Math.max(0, state.retryAtMs - nowMs)),
    reset() {
      closeSockets(state)
      for (const [id, membership] of memberships) {
        membership.socket = undefined
        waiting.add(id)
      }
    },
    close() {
      closeSockets(state)
      memberships.clear()
      waiting.clear()
    },
  }
}

function add({ memberships, waiting }: State, address: bigint): void {
  const id = groupOf(address)
  const known = memberships.get(id)
  if (known !== undefined) {
    known.addresses++
    return
  }
  memberships.set(id, { group: solicitedNodeGroup(ipToBytes(ipOfKey(address))), addresses: 1, socket: undefined })
  waiting.add(id)
}

function remove(state: State, address: bigint): void {
  const id = groupOf(address)
  const membership = state.memberships.get(id)
  if (membership === undefined || --membership.addresses > 0) return
  state.memberships.delete(id)
  state.waiting.delete(id)
  if (state.waiting.size === 0) state.error = undefined
  leave(state, membership)
}

function joinSome(state: State, nowMs: number): void {
  const { memberships, waiting } = state
  if (nowMs < state.retryAtMs) return
  for (const id of [...waiting.values().take(JOINS_A_TURN)]) {
    const membership = memberships.get(id)
    waiting.delete(id)
    state.error = membership === undefined ? undefined : join(state, membership)
    if (state.error === undefined) continue
    // To the end of the queue: one group that cannot be joined must not keep out the others.
    waiting.add(id)
    state.retryAtMs = nowMs + RETRY_DELAY_MS
    return
  }
}

/** Joins one group with a socket that has room. Gives the failure as text. */
function join({ libc, interfaceIndex, sockets }: State, membership: Membership): string | undefined {
  let socket = sockets.values().find(({ groups }) => groups < GROUPS_A_SOCKET)
  if (socket === undefined) {
    const fd = libc.socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    if (fd < 0) return new SystemCallError('socket(AF_INET6)', libc.errno()).message
    socket = { fd, groups: 0 }
    sockets.add(socket)
  }
  const request = membershipRequest(membership.group, interfaceIndex)
  if (libc.setsockopt(socket.fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, request, request.length) < 0) {
    return new SystemCallError('join group', libc.errno()).message
  }
  socket.groups++
  membership.socket = socket
  return undefined
}

function closeSockets({ libc, sockets }: State): void {
  for (const { fd } of sockets) libc.close(fd)
  sockets.clear()
}

/** A refusal means that the membership is gone already, with its interface. */
function leave({ libc, interfaceIndex, sockets }: State, { group, socket }: Membership): void {
  if (socket === undefined) return
  const request = membershipRequest(group, interfaceIndex)
  libc.setsockopt(socket.fd, IPPROTO_IPV6, IPV6_LEAVE_GROUP, request, request.length)
  socket.groups--
  if (socket.groups > 0) return
  libc.close(socket.fd)
  sockets.delete(socket)
}

/** struct ipv6_mreq: the group and the interface index. */
function membershipRequest(group: Uint8Array, interfaceIndex: number): Uint8Array {
  const request = new Uint8Array(20)
  request.set(group)
  new DataView(request.buffer).setInt32(16, interfaceIndex, true)
  return request
}
