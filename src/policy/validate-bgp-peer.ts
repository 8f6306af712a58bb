/** Whether a BgpPeer may be stored. */
import { type Family, formatIp, type Ip, parseIp } from '../addr/ip.ts'
import { parsePrefix, prefixContains } from '../addr/prefix.ts'
import type { BgpPeerObject, BgpPeerSpec } from '../api/bgp-peer.ts'
import { autonomousSystemProblem, restartProblems } from './bgp-ranges.ts'
import { familyFindings, passwordFindings, timerFindings, transportFindings, ttlFindings } from './validate-bgp-session.ts'
import { allow, type Finding, type Verdict, verdictOf } from './verdict.ts'

type Conf = NonNullable<BgpPeerSpec['conf']>

const NO_NEIGHBOUR = ['0.0.0.0/8', '224.0.0.0/3', '::/128', 'ff00::/8'] as const

const isNoNeighbour = (ip: Ip): boolean =>
  NO_NEIGHBOUR.some((text) => {
    const prefix = parsePrefix(text)
    return prefix.ok && prefixContains(prefix.value, ip)
  })

const isLinkLocal = (ip: Ip): boolean => {
  const prefix = parsePrefix('fe80::/10')
  return prefix.ok && prefixContains(prefix.value, ip)
}

function* neighbourFindings({ conf = {}, transport }: BgpPeerSpec): Generator<Finding> {
  const text = conf.neighborAddress ?? ''
  const link = conf.neighborInterface ?? ''
  if (text === '') {
    if (link === '') {
      yield {
        refuse: 'spec.conf.neighborAddress is missing',
        cure: 'write the address of the router, or neighborInterface for an unnumbered one',
      }
    }
    return
  }
  const ip = parseIp(text)
  if (!ip.ok) yield { refuse: 'spec.conf.neighborAddress is not an address', cure: ip.error.message }
  else if (isNoNeighbour(ip.value)) {
    yield { refuse: `spec.conf.neighborAddress is ${text}, which no router can have`, cure: 'write the address of the router' }
  } else if (isLinkLocal(ip.value)) {
    if (link !== '' || (transport?.bindInterface ?? '') !== '') return
    yield { warn: 'spec.conf.neighborAddress is link-local: without spec.conf.neighborInterface the peer is not served' }
  } else if (link !== '') yield { warn: 'spec.conf.neighborInterface has no effect beside neighborAddress' }
}

function* confFindings(conf: Conf): Generator<Finding> {
  const { peerAs = 0, dynamicAs, localAs = 0 } = conf
  if (dynamicAs !== undefined) {
    if (peerAs !== 0) yield { refuse: 'spec.conf.peerAs and spec.conf.dynamicAs are both given', cure: 'keep one of them' }
  } else if (conf.peerAs === undefined) {
    yield {
      refuse: 'spec.conf.peerAs is missing',
      cure: 'write the AS number of the router, or dynamicAs; a session is only opened to the expected one',
    }
  } else yield* autonomousSystemProblem('spec.conf.peerAs', peerAs)
  // 0 is what OpenELB stores for "that of BgpConf".
  if (localAs !== 0) yield* autonomousSystemProblem('spec.conf.localAs', localAs)
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

/**
 * The neighbour as people read it: the canonical address, of a link-local one with its link, as routers on several links may have it; or the
 * interface of an unnumbered one; empty without either.
 */
function neighbourOf({ spec }: BgpPeerObject): string {
  const text = spec?.conf?.neighborAddress ?? ''
  const link = spec?.conf?.neighborInterface ?? ''
  const ip = parseIp(text)
  if (ip.ok) {
    const device = spec?.transport?.bindInterface || link
    return isLinkLocal(ip.value) && device !== '' ? `${formatIp(ip.value)}%${device}` : formatIp(ip.value)
  }
  return text === '' && link !== '' ? `behind ${link}` : ''
}

/** Two peers with one neighbour fight over one session on every node that both select. */
function* duplicateFindings(peer: BgpPeerObject, others: readonly BgpPeerObject[]): Generator<Finding> {
  const neighbour = neighbourOf(peer)
  if (neighbour === '') return
  const selector = JSON.stringify(peer.spec?.nodeSelector ?? {})
  for (const other of others) {
    if (other.metadata.name === peer.metadata.name || neighbourOf(other) !== neighbour) continue
    const theirs = JSON.stringify(other.spec?.nodeSelector ?? {})
    if (theirs === selector || theirs === '{}' || selector === '{}') {
      yield {
        refuse: `the BgpPeer ${other.metadata.name} has the neighbour ${neighbour} already, on the same nodes`,
        cure: 'change that one, or give each a spec.nodeSelector that selects other nodes',
      }
    } else yield { warn: `the BgpPeer ${other.metadata.name} has the neighbour ${neighbour} too; no node may be selected by both` }
  }
}

function familyOf({ neighborAddress = '' }: Conf): Family | undefined {
  const ip = parseIp(neighborAddress)
  return ip.ok ? ip.value.family : undefined
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
  yield* neighbourFindings(spec)
  yield* confFindings(spec.conf)
  yield* passwordFindings(spec)
  yield* timerFindings(spec)
  yield* transportFindings(spec, familyOf(spec.conf))
  yield* ttlFindings(spec)
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
