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
/** Changes before the next look at the frames: each programs the card and plans a report, 0.2 ms when there are ten thousand. */
const CHANGES_A_TURN = 8
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
  /** Joins and leaves some of the groups for which that is due. True when `error` became another one. */
  work(nowMs: number): boolean
  /** Milliseconds until work() has something to do; undefined when there is nothing. */
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
  /** The groups whose membership may not be what it should. */
  readonly due: Set<number>
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
    due: new Set(),
    sockets: new Set(),
    retryAtMs: 0,
    error: undefined,
  }
  const { memberships, due } = state
  return {
    get error() {
      return state.error
    },
    add: (address) => add(state, address),
    remove: (address) => remove(state, address),
    work: (nowMs) => work(state, nowMs),
    waitMs: (nowMs) => (due.size === 0 ? undefined : Math.max(0, state.retryAtMs - nowMs)),
    reset() {
      closeSockets(state)
      for (const [id, membership] of memberships) {
        membership.socket = undefined
        due.add(id)
      }
    },
    close() {
      closeSockets(state)
      memberships.clear()
      due.clear()
    },
  }
}

function add({ memberships, due }: State, address: bigint): void {
  const id = groupOf(address)
  const membership = memberships.get(id) ?? { group: solicitedNodeGroup(ipToBytes(ipOfKey(address))), addresses: 0, socket: undefined }
  membership.addresses++
  memberships.set(id, membership)
  if (membership.socket === undefined) due.add(id)
}

function remove({ memberships, due }: State, address: bigint): void {
  const id = groupOf(address)
  const membership = memberships.get(id)
  if (membership === undefined || membership.addresses === 0) return
  membership.addresses--
  if (membership.addresses === 0) due.add(id)
}

function work(state: State, nowMs: number): boolean {
  if (state.due.size === 0 || nowMs < state.retryAtMs) return false
  const before = state.error
  for (const id of [...state.due.values().take(CHANGES_A_TURN)]) {
    state.due.delete(id)
    state.error = settle(state, id)
    if (state.error === undefined) continue
    // To the end of the queue: one group that cannot be joined must not keep out the others.
    state.due.add(id)
    state.retryAtMs = nowMs + RETRY_DELAY_MS
    break
  }
  return state.error !== before
}

/** Joins or leaves one group, or neither when it is as it should be. Gives the failure as text. */
function settle(state: State, id: number): string | undefined {
  const membership = state.memberships.get(id)
  if (membership === undefined) return undefined
  if (membership.addresses > 0) return membership.socket === undefined ? join(state, membership) : undefined
  state.memberships.delete(id)
  leave(state, membership)
  return undefined
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
