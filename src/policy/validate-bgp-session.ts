/** What of a BgpPeer concerns the session: timers, the connection, TTLs, BFD, families. */
import { type Family, parseIp } from '../addr/ip.ts'
import type { BgpPeerSpec } from '../api/bgp-peer.ts'
import type { Finding } from './verdict.ts'

/** The kernel takes no longer key for TCP-MD5 (RFC 2385; TCP_MD5SIG_MAXKEYLEN). */
const LONGEST_PASSWORD = 80
const MAX_TIMER_SEC = 65_535
/** TCP_MIN_MSS and MAX_TCP_WINDOW of Linux. */
const MSS = { least: 88, most: 32_767 } as const
const FAMILY_WORDS = { afi: ['AFI_IP', 'AFI_IP6'], safi: ['SAFI_UNICAST'] } as const
const SHOWN = 64
/** What the kernel takes as the name of an interface: at most 15 characters, no space, no `/` and no `:`. */
const DEVICE_NAME = /^(?!\.\.?$)[^\s/:]{1,15}$/

/** OpenELB keeps seconds as text. Undefined when the text is no whole number of the range. */
function seconds(text: string, least: number): number | undefined {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : -1
  return value >= least && value <= MAX_TIMER_SEC ? value : undefined
}

export function* timerFindings(spec: BgpPeerSpec): Generator<Finding> {
  const timers = spec.timers?.config ?? {}
  for (const name of ['connectRetry', 'holdTime', 'keepaliveInterval', 'minimumAdvertisementInterval'] as const) {
    const text = timers[name] ?? ''
    if (text !== '' && seconds(text, 0) === undefined) {
      yield {
        refuse: `spec.timers.config.${name} is "${text.slice(0, SHOWN)}"`,
        cure: `write whole seconds as text, "0" to "${MAX_TIMER_SEC}"`,
      }
    }
  }
  const hold = seconds(timers.holdTime ?? '', 0)
  const keepalive = seconds(timers.keepaliveInterval ?? '', 0)
  if (hold === 1 || hold === 2) {
    yield {
      refuse: `spec.timers.config.holdTime is "${hold}"`,
      cure: 'use "0" for a session without keepalives, or at least "3" (RFC 4271 section 4.2)',
    }
  } else if (hold === 0 && spec.bfd === undefined) {
    yield { warn: 'spec.timers.config.holdTime is "0": nobody notices a peer that is gone, unless spec.bfd watches it' }
  } else if (hold !== undefined && hold > 0 && keepalive !== undefined && keepalive >= hold) {
    yield { warn: 'spec.timers.config.keepaliveInterval is not below holdTime: a third of the hold time is used' }
  }
}

export function* familyFindings(spec: BgpPeerSpec): Generator<Finding> {
  for (const [at, entry] of (spec.afiSafis ?? []).entries()) {
    const family = entry.config?.family
    for (const key of ['afi', 'safi'] as const) {
      const word = family?.[key]
      const served: readonly string[] = FAMILY_WORDS[key]
      if (word !== undefined && word !== '' && !served.includes(word)) {
        yield {
          warn: `spec.afiSafis[${at}].config.family.${key} is "${word.slice(0, SHOWN)}"; only ${served.join(' and ')} can be announced`,
        }
      }
    }
  }
}

/** A password stands in one place, and an unnumbered peer has none: its key would have to be known before its address. */
export function* passwordFindings({ conf = {} }: BgpPeerSpec): Generator<Finding> {
  const own = conf.authPassword ?? ''
  const key = conf.authPasswordSecretKey ?? ''
  if (Buffer.byteLength(own) > LONGEST_PASSWORD) {
    yield {
      refuse: `spec.conf.authPassword has more than ${LONGEST_PASSWORD} bytes`,
      cure: 'use a shorter one: the kernel takes no more for TCP-MD5',
    }
  }
  if (own !== '' && key !== '') {
    yield { refuse: 'spec.conf.authPassword and spec.conf.authPasswordSecretKey are both given', cure: 'keep one of them' }
  }
  if ((own !== '' || key !== '') && (conf.neighborAddress ?? '') === '' && (conf.neighborInterface ?? '') !== '') {
    yield {
      refuse: 'spec.conf has a password and neighborInterface without neighborAddress',
      cure: 'write neighborAddress, or leave the password out; spec.ttlSecurity keeps strangers away',
    }
  }
}

/** `family`: that of the peer's address. */
export function* transportFindings({ conf = {}, transport = {} }: BgpPeerSpec, family: Family | undefined): Generator<Finding> {
  const local = transport.localAddress ?? ''
  if (local !== '') {
    const ip = parseIp(local)
    if (!ip.ok) yield { refuse: 'spec.transport.localAddress is not an address', cure: ip.error.message }
    else if (family !== undefined && ip.value.family !== family) {
      yield {
        refuse: `spec.transport.localAddress is ${ip.value.family} and the peer is ${family}`,
        cure: 'write an address of the same family',
      }
    }
  }
  const device = transport.bindInterface ?? ''
  if (device !== '' && !DEVICE_NAME.test(device)) {
    yield { refuse: `spec.transport.bindInterface is "${device}"`, cure: 'write the name of an interface' }
  }
  // Fields of OpenELB stay as lax as they were.
  const mss = transport.tcpMss ?? 0
  if (mss !== 0 && (mss < MSS.least || mss > MSS.most)) {
    yield { warn: `spec.transport.tcpMss is ${mss} and has no effect: the kernel takes ${MSS.least} to ${MSS.most} bytes` }
  }
  for (const [field, name] of [
    ['neighborInterface', conf.neighborInterface ?? ''],
    ['vrf', conf.vrf ?? ''],
  ]) {
    if (name !== '' && name !== undefined && !DEVICE_NAME.test(name)) {
      yield { warn: `spec.conf.${field} is "${name.slice(0, SHOWN)}", which no interface can be called: the peer is not served` }
    }
  }
}

const isInternal = ({ conf = {} }: BgpPeerSpec): boolean =>
  conf.dynamicAs === 'internal' || ((conf.localAs ?? 0) !== 0 && conf.localAs === conf.peerAs)

/** RFC 5082: with GTSM the number of hops is in ttlMin; between internal peers any distance is allowed anyway. */
export function* ttlFindings(spec: BgpPeerSpec): Generator<Finding> {
  const isMultihop = spec.ebgpMultihop?.enabled === true
  if (isMultihop && spec.ttlSecurity?.enabled === true) {
    yield {
      refuse: 'spec.ttlSecurity and spec.ebgpMultihop are both enabled',
      cure: 'keep ttlSecurity, whose ttlMin says how many hops there may be, or ebgpMultihop',
    }
  }
  if (isMultihop && isInternal(spec)) yield { warn: 'spec.ebgpMultihop has no effect: the peer is internal' }
  if (spec.conf?.role !== undefined && isInternal(spec)) yield { warn: 'spec.conf.role has no effect: the peer is internal (RFC 9234)' }
  if (spec.ttlSecurity?.ttlMin !== undefined && spec.ttlSecurity.enabled !== true) {
    yield { warn: 'spec.ttlSecurity.ttlMin has no effect while enabled is not true' }
  }
}
