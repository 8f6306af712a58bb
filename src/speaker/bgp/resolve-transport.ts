/** Where a peer is, and what the connection to it is like. */
import { type Family, type Ip, parseIp } from '../../addr/ip.ts'
import { parsePrefix, prefixContains } from '../../addr/prefix.ts'
import type { BgpPeerSpec } from '../../api/bgp-peer.ts'
import { BGP_SECRET } from '../../api/names.ts'
import { type ProblemList, shown } from './resolve-problem.ts'
import type { PeerTransport, Remote } from './settings.ts'

const BGP_PORT = 179
/** TCP_MD5SIG_MAXKEYLEN. */
const LONGEST_PASSWORD = 80
/** IFNAMSIZ, less the end of the text; what a name may not hold is the kernel's dev_valid_name. */
const DEVICE_NAME = /^(?!\.\.?$)[^\s/:]{1,15}$/
const FARTHEST_TTL = 255
const NEIGHBOUR_TTL = 1

const isIn = (text: string, ip: Ip): boolean => {
  const prefix = parsePrefix(text)
  return prefix.ok && prefixContains(prefix.value, ip)
}
const isLinkLocal = (ip: Ip): boolean => isIn('fe80::/10', ip)
const isNobody = (ip: Ip): boolean => ['0.0.0.0/8', '224.0.0.0/3', '::/128', 'ff00::/8'].some((text) => isIn(text, ip))

function deviceName(field: string, text: string, list: ProblemList): string | undefined {
  if (DEVICE_NAME.test(text)) return text
  return list.add('bad-setting', `${field} is ${shown(text)}, which is no name of an interface`, 'write its name, at most 15 characters')
}

/** The address, or the interface of an unnumbered peer. */
export function resolveRemote({ conf = {}, transport = {} }: BgpPeerSpec, list: ProblemList): Remote | undefined {
  const { neighborAddress = '', neighborInterface = '' } = conf
  const port = transport.remotePort || BGP_PORT
  if (neighborAddress === '' && neighborInterface === '') {
    return list.add('no-peer-address', 'spec.conf.neighborAddress is missing', 'write the address of the router, or neighborInterface')
  }
  if (neighborAddress === '') {
    const name = deviceName('spec.conf.neighborInterface', neighborInterface, list)
    return name === undefined ? undefined : { kind: 'interface', name, port }
  }
  const ip = parseIp(neighborAddress)
  if (!ip.ok) return list.add('no-peer-address', 'spec.conf.neighborAddress is not an address', ip.error.message)
  if (isNobody(ip.value)) {
    return list.add(
      'no-peer-address',
      `spec.conf.neighborAddress is ${neighborAddress}, which no router can have`,
      'write the address of the router',
    )
  }
  if (isLinkLocal(ip.value) && neighborInterface === '' && (transport.bindInterface ?? '') === '') {
    return list.add(
      'no-peer-address',
      'spec.conf.neighborAddress is link-local and has no interface',
      'write spec.conf.neighborInterface too',
    )
  }
  return { kind: 'address', ip: ip.value, port }
}

/** The family of a peer's address; an unnumbered peer has a link-local one. */
export const remoteFamily = (remote: Remote): Family => (remote.kind === 'address' ? remote.ip.family : 'IPv6')

/** A session without the password that was asked for is never opened: `ok` is false. */
function resolvePassword(
  { conf = {} }: BgpPeerSpec,
  remote: Remote,
  secret: ReadonlyMap<string, string> | undefined,
  list: ProblemList,
): { readonly ok: boolean; readonly password: string | undefined } {
  const none = { ok: false, password: undefined }
  const key = conf.authPasswordSecretKey ?? ''
  const own = conf.authPassword ?? ''
  if (key !== '' && own !== '') {
    list.add('bad-setting', 'spec.conf.authPassword and authPasswordSecretKey are both given', 'keep one of them')
    return none
  }
  const password = key === '' ? own : (secret?.get(key) ?? '')
  if (key !== '' && password === '') {
    list.add(
      'no-secret-key',
      `the Secret ${BGP_SECRET} has no key ${shown(key)}, or nothing in it`,
      `add the key to the Secret ${BGP_SECRET} in the namespace of OpenELB`,
    )
    return none
  }
  if (password === '') return { ok: true, password: undefined }
  if (Buffer.byteLength(password) > LONGEST_PASSWORD || password.includes('\0')) {
    list.add(
      'bad-setting',
      `the password has more than ${LONGEST_PASSWORD} bytes, or a zero byte`,
      'use a shorter one: the kernel takes no more for TCP-MD5',
    )
    return none
  }
  if (remote.kind === 'interface') {
    list.add(
      'bad-setting',
      'an unnumbered peer has no password',
      'write spec.conf.neighborAddress, or leave the password out; ttlSecurity keeps strangers away',
    )
    return none
  }
  return { ok: true, password }
}

interface Ttls {
  readonly ttl: number
  readonly leastTtl: number | undefined
}

/** RFC 5082; an external peer without ebgpMultihop is a neighbour, an internal one may be anywhere. */
function resolveTtls({ ttlSecurity, ebgpMultihop }: BgpPeerSpec, isExternal: boolean, list: ProblemList): Ttls {
  const isMultihop = ebgpMultihop?.enabled === true
  if (ttlSecurity?.enabled === true) {
    if (isMultihop)
      list.add('ignored', 'spec.ebgpMultihop is void beside spec.ttlSecurity', 'keep one of them; ttlMin says how many hops there may be')
    return { ttl: FARTHEST_TTL, leastTtl: ttlSecurity.ttlMin ?? FARTHEST_TTL }
  }
  if (!isExternal) return { ttl: FARTHEST_TTL, leastTtl: undefined }
  return { ttl: isMultihop ? ebgpMultihop.multihopTtl || FARTHEST_TTL : NEIGHBOUR_TTL, leastTtl: undefined }
}

/** Our own address: one that was written and cannot be used is not replaced by another, which the peer would refuse. */
function resolveLocal(text: string, remote: Remote, list: ProblemList): { readonly ok: boolean; readonly ip: Ip | undefined } {
  if (text === '') return { ok: true, ip: undefined }
  const ip = parseIp(text)
  if (ip.ok && ip.value.family === remoteFamily(remote) && !isNobody(ip.value)) return { ok: true, ip: ip.value }
  list.add('bad-setting', `spec.transport.localAddress is ${shown(text)}`, 'write an address of the node, of the family of the peer')
  return { ok: false, ip: undefined }
}

/** A name that was written; undefined without one. Of several the first, which is the narrowest, counts. */
function resolveDevice(
  { conf = {}, transport = {} }: BgpPeerSpec,
  remote: Remote,
  list: ProblemList,
): { readonly ok: boolean; readonly name: string | undefined } {
  const link = conf.neighborInterface ?? ''
  const isScoped = remote.kind === 'address' && isLinkLocal(remote.ip)
  if (remote.kind === 'address' && !isScoped && link !== '') {
    list.add('ignored', 'spec.conf.neighborInterface is void beside neighborAddress', 'leave it out, or write spec.transport.bindInterface')
  }
  const fields = [
    ['spec.transport.bindInterface', transport.bindInterface ?? ''],
    ['spec.conf.neighborInterface', isScoped ? link : ''],
    ['spec.conf.vrf', conf.vrf ?? ''],
  ] as const
  const [field, text] = fields.find(([, name]) => name !== '') ?? ['', '']
  if (text === '') return { ok: true, name: undefined }
  const name = deviceName(field, text, list)
  return { ok: name !== undefined, name }
}

/** TCP_MIN_MSS and MAX_TCP_WINDOW of Linux: with another one no call could be made at all. */
const MSS = { least: 88, most: 32_767 } as const

function resolveMss(bytes: number | undefined, list: ProblemList): number | undefined {
  if (bytes === undefined || bytes === 0) return undefined
  if (bytes >= MSS.least && bytes <= MSS.most) return bytes
  return list.add('ignored', `spec.transport.tcpMss is ${bytes}`, `write ${MSS.least} to ${MSS.most} bytes, or leave it out`)
}

/** What the connection is like; undefined, and said, when it would not be what was asked for. */
export function resolveTransport(
  spec: BgpPeerSpec,
  facts: { readonly remote: Remote; readonly isExternal: boolean; readonly secret: ReadonlyMap<string, string> | undefined },
  list: ProblemList,
): PeerTransport | undefined {
  const { transport = {} } = spec
  const password = resolvePassword(spec, facts.remote, facts.secret, list)
  const local = resolveLocal(transport.localAddress ?? '', facts.remote, list)
  const device = resolveDevice(spec, facts.remote, list)
  if (!password.ok || !local.ok || !device.ok) return undefined
  return {
    password: password.password,
    localAddress: local.ip,
    device: device.name,
    ...resolveTtls(spec, facts.isExternal, list),
    passive: transport.passiveMode === true,
    mss: resolveMss(transport.tcpMss, list),
  }
}
