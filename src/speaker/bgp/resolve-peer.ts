/** One BgpPeer as this node's session. */

import type { BgpConfSpec } from '../../api/bgp-conf.ts'
import { BgpPeer, type BgpPeerObject, type BgpPeerSpec } from '../../api/bgp-peer.ts'
import type { LabelSelector } from '../../api/label-selector.ts'
import { CNI } from '../../api/service-annotations.ts'
import { matchesSelector, selectorProblem } from '../../policy/label-selector.ts'
import type { ExportPolicy } from './export-policy.ts'
import type { ExpectedAs } from './open-check.ts'
import { resolveBfd } from './resolve-bfd.ts'
import { isAs } from './resolve-conf.ts'
import type { BgpNode } from './resolve-facts.ts'
import { resolveFamilies } from './resolve-families.ts'
import { type ProblemList, shown } from './resolve-problem.ts'
import { resolveRestart, resolveTimes } from './resolve-times.ts'
import { remoteFamily, resolveRemote, resolveTransport } from './resolve-transport.ts'
import type { BgpRole, PeerSettings } from './settings.ts'

/** What all peers of a node have in common. */
export interface PeerGround {
  readonly node: BgpNode
  readonly conf: BgpConfSpec
  readonly as: number
  readonly routerId: number
  readonly secret: ReadonlyMap<string, string> | undefined
  readonly policyFor: (peer: Omit<PeerSettings, 'policy'>) => ExportPolicy
}

const OPERATORS: ReadonlySet<string> = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist'])

/** The spec of a BgpPeer that is meant for this node; undefined for others, and, said, for one that cannot be read. */
export function specForNode({ metadata, spec }: BgpPeerObject, { labels }: BgpNode, list: ProblemList): BgpPeerSpec | undefined {
  const read = BgpPeer.parseSpec(spec ?? {})
  if (!read.ok) {
    const [issue] = read.error
    return list.add(
      'unreadable',
      `the BgpPeer cannot be read: ${issue?.path ?? 'spec'} ${issue?.message ?? ''}`.trimEnd(),
      'correct that field',
    )
  }
  const selector = read.value.nodeSelector ?? {}
  const odd = (selector.matchExpressions ?? []).find(({ operator }) => !OPERATORS.has(operator))
  const problem = odd === undefined ? selectorProblem(selector as LabelSelector) : `${shown(odd.operator)} is no operator`
  if (problem !== undefined) {
    return list.add(
      'bad-setting',
      `spec.nodeSelector selects no node: ${problem}`,
      'use In and NotIn with values, Exists and DoesNotExist without',
    )
  }
  if (!matchesSelector(selector as LabelSelector, labels)) return undefined
  const cni = metadata.labels?.[CNI]
  if (cni !== undefined) {
    return list.add(
      'foreign-cni',
      `the label ${CNI} says that ${shown(cni)} speaks to this peer, so this node does not`,
      'remove the label if OpenELB shall',
    )
  }
  return read.value
}

/** The AS that the peer must have. */
function resolveExpectedAs({ conf = {} }: BgpPeerSpec, list: ProblemList): ExpectedAs | undefined {
  const { peerAs = 0, dynamicAs } = conf
  if (dynamicAs !== undefined) {
    if (peerAs === 0) return dynamicAs
    return list.add('bad-setting', 'spec.conf.peerAs and dynamicAs are both given', 'keep one of them')
  }
  if (peerAs === 0) return list.add('no-peer-as', 'spec.conf.peerAs is missing', 'write the AS number of the router, or dynamicAs')
  if (isAs(peerAs)) return peerAs
  return list.add('no-peer-as', `spec.conf.peerAs is ${peerAs}, which is no AS number`, 'write the AS number of the router')
}

function resolveLocalAs({ conf = {} }: BgpPeerSpec, as: number, list: ProblemList): number | undefined {
  const { localAs = 0 } = conf
  if (localAs === 0) return as
  return isAs(localAs)
    ? localAs
    : list.add('bad-setting', `spec.conf.localAs is ${localAs}, which is no AS number`, 'write one, or leave it out')
}

/** RFC 9234 section 4: roles are for external peers. */
function resolveRole({ conf = {} }: BgpPeerSpec, isExternal: boolean, list: ProblemList): BgpRole | undefined {
  if (conf.role === undefined || isExternal) return conf.role
  return list.add('ignored', 'spec.conf.role is void: the peer is internal', 'leave it out')
}

/** The session of a peer whose spec is meant for this node; undefined, and said, when there can be none that is as it was asked for. */
export function resolvePeer(name: string, spec: BgpPeerSpec, ground: PeerGround, list: ProblemList): PeerSettings | undefined {
  if (spec.conf === undefined) {
    return list.add('no-peer-address', 'spec.conf is missing', 'write at least spec.conf.neighborAddress and spec.conf.peerAs')
  }
  const remote = resolveRemote(spec, list)
  const expectedAs = resolveExpectedAs(spec, list)
  const localAs = resolveLocalAs(spec, ground.as, list)
  if (remote === undefined || expectedAs === undefined || localAs === undefined) return undefined
  const isExternal = expectedAs === 'external' || (expectedAs !== 'internal' && expectedAs !== localAs)
  const transport = resolveTransport(spec, { remote, isExternal, secret: ground.secret }, list)
  const families = resolveFamilies(spec, ground.conf, remoteFamily(remote), list)
  if (transport === undefined || families === undefined) return undefined
  const peer = {
    name,
    remote,
    localAs,
    routerId: ground.routerId,
    expectedAs,
    role: resolveRole(spec, isExternal, list),
    transport,
    adminDown: spec.conf.adminDown === true,
    times: resolveTimes(spec, list),
    families,
    gracefulRestart: resolveRestart(spec.gracefulRestart, ground.conf.gracefulRestart, list),
    nextHop: spec.nextHop ?? 'auto',
    bfd: resolveBfd(spec, isExternal, ground.secret, list),
  }
  return { ...peer, policy: ground.policyFor(peer) }
}
