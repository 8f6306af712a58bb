import { Socket } from 'node:net'
import { formatIp, type Ip } from '../../addr/ip.ts'
import { type Libc, SystemCallError } from './libc.ts'
import { serializeSocketAddress } from './socket-address.ts'
import type { TcpCall } from './tcp-options.ts'
import {
  closingOnError,
  openTcpSocket,
  setDevice,
  setDeviceIndex,
  setLeastTtl,
  setMaximumSegment,
  setMd5Key,
  setNoDelay,
  setTrafficClass,
  setTtl,
} from './tcp-sockopt.ts'

/** Sockets do not tell their fd. An entry is worth nothing once its socket is destroyed: the number may be another file's by then. */
const fds = new WeakMap<Socket, number>()

/**
 * Calls a peer. Everything that the SYN must already have (key, TTL, address, device) is set on the fd before Node gets it. The socket then
 * lives as one of net.connect() does: `connect`, `error` (ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT ...), `close`.
 * Throws SystemCallError when an option or the local address is refused (EADDRNOTAVAIL, ENODEV, EPERM); nothing stays open then.
 */
export function openTcpCall(libc: Libc, call: TcpCall): Socket {
  const { remote, port } = call
  const fd = openTcpSocket(libc, remote.family)
  const socket = closingOnError(libc, fd, () => {
    setOptions(libc, fd, call)
    return adoptSocket(fd)
  })
  socket.connect({ host: formatIp(remote), port })
  return socket
}

function setOptions(libc: Libc, fd: number, call: TcpCall): void {
  const { remote, scope, local, device, password, ttl, leastTtl, mss } = call
  const { family } = remote
  // The kernel takes the link of a link-local peer from the device, and of VRFs it also lets pass what comes by a port.
  if (scope !== undefined) setDeviceIndex(libc, fd, scope)
  else if (device !== undefined) setDevice(libc, fd, device)
  setTtl(libc, fd, family, ttl)
  if (leastTtl !== undefined) setLeastTtl(libc, fd, family, leastTtl)
  setTrafficClass(libc, fd, family)
  setNoDelay(libc, fd)
  if (mss !== undefined) setMaximumSegment(libc, fd, mss)
  if (password !== undefined) setMd5Key(libc, fd, remote, password)
  if (local === undefined) return
  const address = serializeSocketAddress({ ip: local, port: 0, scope })
  if (libc.bind(fd, address, address.length) < 0) throw new SystemCallError('bind', libc.errno())
}

/** Makes a socket of an fd, which is the socket's from then on. */
export function adoptSocket(fd: number): Socket {
  const socket = new Socket({ fd })
  fds.set(socket, fd)
  return socket
}

/**
 * Changes, sets or takes away the password of a connection without ending it; nothing happens when it has ended. Until the peer does the
 * same, each side's kernel drops what the other sends, as if the cable were cut, and sends again: the session stays when both have changed
 * within the hold time, and what was on the way arrives then, at the next retransmission (which may be as far away as the gap was long).
 * Throws SystemCallError, or RangeError for a password of a wrong length. RFC 2385 section 4.5 leaves the change of keys to the user.
 */
export function setPassword(libc: Libc, socket: Socket, remote: Ip, password: string | undefined): void {
  const fd = fds.get(socket)
  if (fd === undefined || socket.destroyed) return
  setMd5Key(libc, fd, remote, password)
}
