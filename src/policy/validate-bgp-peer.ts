/** Whether a BgpPeer may be stored. */
import { type Ip, parseIp } from '../addr/ip.ts'
import { parsePrefix, prefixContains } from '../addr/prefix.ts'
import type { BgpPeerObject, BgpPeerSpec } from '../api/bgp-peer.ts'
import { autonomousSystemProblem, restartProblems } from './bgp-ranges.ts'
import { allow, type Finding, type Verdict, verdictOf } from './verdict.ts'

type Conf = NonNullable<BgpPeerSpec['conf']>

/** The kernel takes no longer key for TCP-MD5 (RFC 2385; TCP_MD5SIG_MAXKEYLEN). */
const LONGEST_PASSWORD = 80
const MAX_TIMER_SEC = 65_535
const FAMILY_WORDS = { afi: ['AFI_IP', 'AFI_IP6'], safi: ['SAFI_UNICAST'] } as const
const NO_NEIGHBOUR = ['0.0.0.0/8', '224.0.0.0/3', '::/128', 'ff00::/8'] as const

const isNoNeighbour = (ip: Ip): boolean =>
  NO_NEIGHBOUR.some((text) => {
    const prefix = parsePrefix(text)
    return prefix.ok && prefixContains(prefix.value, ip)
  })

function* neighbourFindings(conf: Conf): Generator<Finding> {
  const text = conf.neighborAddress ?? ''
  const link = conf.neighborInterface ?? ''
  if (text === '') {
    if (link === '') yield { refuse: 'spec.conf.neighborAddress is missing', cure: 'write the address of the router' }
    else yield { warn: 'spec.conf.neighborInterface without neighborAddress (an unnumbered session) is not served' }
    return
  }
  const ip = parseIp(text)
  if (!ip.ok) yield { refuse: 'spec.conf.neighborAddress is not an address', cure: ip.error.message }
  else if (isNoNeighbour(ip.value)) {
    yield { refuse: `spec.conf.neighborAddress is ${text}, which no router can have`, cure: 'write the address of the router' }
  }
}

function* confFindings(conf: Conf): Generator<Finding> {
  yield* neighbourFindings(conf)
  if (conf.peerAs === undefined) {
    yield { refuse: 'spec.conf.peerAs is missing', cure: 'write the AS number of the router; a session is only opened to the expected one' }
  } else yield* autonomousSystemProblem('spec.conf.peerAs', conf.peerAs)
  // 0 is what OpenELB stores for "that of BgpConf".
  if (conf.localAs !== undefined && conf.localAs !== 0) yield* autonomousSystemProblem('spec.conf.localAs', conf.localAs)
  if (Buffer.byteLength(conf.authPassword ?? '') > LONGEST_PASSWORD) {
    yield {
      refuse: `spec.conf.authPassword has more than ${LONGEST_PASSWORD} bytes`,
      cure: 'use a shorter one: the kernel takes no more for TCP-MD5',
    }
  }
}

/** OpenELB keeps seconds as text. Undefined when the text is no whole number of the range. */
function seconds(text: string, least: number): number | undefined {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : -1
  return value >= least && value <= MAX_TIMER_SEC ? value : undefined
}

function* timerFindings(spec: BgpPeerSpec): Generator<Finding> {
  const timers = spec.timers?.config ?? {}
  for (const name of ['connectRetry', 'holdTime', 'keepaliveInterval', 'minimumAdvertisementInterval'] as const) {
    const text = timers[name] ?? ''
    if (text !== '' && seconds(text, 0) === undefined) {
      yield {
        refuse: `spec.timers.config.${name} is "${text.slice(0, 64)}"`,
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
  } else if (hold !== undefined && hold > 0 && keepalive !== undefined && keepalive >= hold) {
    yield { warn: `spec.timers.config.keepaliveInterval is not below holdTime: the session would end between two keepalives` }
  }
}

function* familyFindings(spec: BgpPeerSpec): Generator<Finding> {
  for (const [at, entry] of (spec.afiSafis ?? []).entries()) {
    const family = entry.config?.family
    for (const key of ['afi', 'safi'] as const) {
      const word = family?.[key]
      const served: readonly string[] = FAMILY_WORDS[key]
      if (word !== undefined && word !== '' && !served.includes(word)) {
        yield { warn: `spec.afiSafis[${at}].config.family.${key} is "${word.slice(0, 64)}"; only ${served.join(' and ')} can be announced` }
      }
    }
  }
}

function* selectorFindings(spec: BgpPeerSpec): Generator<Finding> {
  for (const [at, { operator, values }] of (spec.nodeSelector?.matchExpressions ?? []).entries()) {
    const field = `spec.nodeSelector.matchExpressions[${at}]`
    const count = values?.length ?? 0
    if (operator === 'In' || operator === 'NotIn') {
      if (count === 0) yield { refuse: `${field} has no values`, cure: `name at least one value for ${operator}` }
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (count > 0) yield { refuse: `${field} has values`, cure: `leave them out for ${operator}` }
    } else yield { refuse: `${field}.operator is "${String(operator).slice(0, 64)}"`, cure: 'use In, NotIn, Exists or DoesNotExist' }
  }
}

/** Two peers with one neighbour fight over one session on every node that both select. */
function* duplicateFindings(peer: BgpPeerObject, others: readonly BgpPeerObject[]): Generator<Finding> {
  const address = peer.spec?.conf?.neighborAddress ?? ''
  if (address === '') return
  const selector = JSON.stringify(peer.spec?.nodeSelector ?? {})
  for (const other of others) {
    if (other.metadata.name === peer.metadata.name || other.spec?.conf?.neighborAddress !== address) continue
    const theirs = JSON.stringify(other.spec?.nodeSelector ?? {})
    if (theirs === selector || theirs === '{}' || selector === '{}') {
      yield {
        refuse: `the BgpPeer ${other.metadata.name} has the neighbour ${address} already, on the same nodes`,
        cure: 'change that one, or give each a spec.nodeSelector that selects other nodes',
      }
    } else yield { warn: `the BgpPeer ${other.metadata.name} has the neighbour ${address} too; no node may be selected by both` }
  }
}

function* findings(peer: BgpPeerObject, others: readonly BgpPeerObject[]): Generator<Finding> {
  const spec = peer.spec ?? {}
  if (spec.conf === undefined) {
    yield {
      refuse: 'spec.conf is missing',
      cure: 'write at least spec.conf.neighborAddress and spec.conf.peerAs, in apiVersion network.kubesphere.io/v1alpha2',
    }
    return
  }
  yield* confFindings(spec.conf)
  yield* timerFindings(spec)
  yield* restartProblems('spec.gracefulRestart', spec.gracefulRestart)
  yield* familyFindings(spec)
  yield* selectorFindings(spec)
  yield* duplicateFindings(peer, others)
}

/**
 * Says whether a BgpPeer may be created (`before` undefined) or changed; `others` are the stored ones. A change that leaves the spec as it
 * is is always allowed.
 */
export function validateBgpPeer(peer: BgpPeerObject, before: BgpPeerObject | undefined, others: readonly BgpPeerObject[]): Verdict {
  if (before !== undefined && JSON.stringify(before.spec) === JSON.stringify(peer.spec)) return allow()
  return verdictOf(findings(peer, others))
}
