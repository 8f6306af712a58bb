/** From the objects of the cluster to what this node does in BGP. */
import { formatIp } from '../../addr/ip.ts'
import { BgpConf, type BgpConfSpec } from '../../api/bgp-conf.ts'
import type { BgpPeerObject } from '../../api/bgp-peer.ts'
import { CNI } from '../../api/service-annotations.ts'
import { isLinkLocal } from '../../wire/bgp/attributes/mp-reach.ts'
import { resolveAs, resolveListen, resolveRouterId } from './resolve-conf.ts'
import type { BgpFacts, BgpProblem, ResolvedBgp } from './resolve-facts.ts'
import { type PeerGround, resolvePeer, specForNode } from './resolve-peer.ts'
import { resolvePolicy } from './resolve-policy.ts'
import { createProblemList, type ProblemList, shown } from './resolve-problem.ts'
import type { PeerSettings } from './settings.ts'

/** BgpConf as far as it can be read; undefined, and said, when nothing is to be done. */
function readConf({ conf }: BgpFacts, list: ProblemList): BgpConfSpec | undefined {
  if (conf === undefined || conf.metadata.deletionTimestamp !== undefined) return undefined
  const cni = conf.metadata.labels?.[CNI]
  if (cni !== undefined) {
    return list.add(
      'foreign-cni',
      `the label ${CNI} says that ${shown(cni)} owns this BgpConf, so it is not followed`,
      'remove the label if OpenELB shall',
    )
  }
  const read = BgpConf.parseSpec(conf.spec ?? {})
  if (read.ok) return read.value
  const [issue] = read.error
  return list.add(
    'unreadable',
    `the BgpConf cannot be read: ${issue?.path ?? 'spec'} ${issue?.message ?? ''}`.trimEnd(),
    'correct that field',
  )
}

/** Routers on several links may have one link-local address: the link tells them apart. */
function remoteText({ remote, transport: { device } }: PeerSettings): string {
  if (remote.kind === 'interface') return `interface ${remote.name}`
  const link = isLinkLocal(remote.ip) && device !== undefined ? `%${device}` : ''
  return `${formatIp(remote.ip)}${link}`
}

/** The oldest first, and by name those of one second: who was there first keeps a remote. */
const byAge = (a: BgpPeerObject, b: BgpPeerObject): number => {
  const [ageA, ageB] = [String(a.metadata.creationTimestamp ?? ''), String(b.metadata.creationTimestamp ?? '')]
  if (ageA !== ageB) return ageA < ageB ? -1 : 1
  return a.metadata.name < b.metadata.name ? -1 : 1
}

interface ResolvedPeers {
  readonly peers: readonly PeerSettings[]
  readonly problems: readonly BgpProblem[]
}

function resolvePeers({ peers, node }: BgpFacts, ground: PeerGround): ResolvedPeers {
  const found = new Map<string, PeerSettings>()
  const problems: BgpProblem[] = []
  for (const object of peers.toSorted(byAge)) {
    const { name, deletionTimestamp } = object.metadata
    if (deletionTimestamp !== undefined) continue
    const list = createProblemList(name)
    const spec = specForNode(object, node, list)
    const peer = spec === undefined ? undefined : resolvePeer(name, spec, ground, list)
    if (peer !== undefined) {
      const text = remoteText(peer)
      const first = found.get(text)
      if (first === undefined) found.set(text, peer)
      else
        list.add(
          'duplicate-peer',
          `the BgpPeer ${first.name} has ${text} already on this node`,
          'remove one, or give each a nodeSelector of its own',
        )
    }
    problems.push(...list.problems)
  }
  const byName = (a: string | undefined, b: string | undefined): number => ((a ?? '') < (b ?? '') ? -1 : a === b ? 0 : 1)
  return {
    peers: [...found.values()].sort((a, b) => byName(a.name, b.name)),
    problems: problems.sort((a, b) => byName(a.peer, b.peer)),
  }
}

/** What this node does in BGP. Pure and total: whatever the objects hold, it never throws, and what cannot be followed is said. */
export function resolveBgp(facts: BgpFacts): ResolvedBgp {
  const list = createProblemList(undefined)
  const off = () => ({ settings: undefined, identity: undefined, problems: list.problems, goodPolicyText: facts.lastPolicyText })
  const conf = readConf(facts, list)
  if (conf === undefined) return off()
  const as = resolveAs(conf, facts.node, list)
  if (as === undefined) return off()
  const routerId = resolveRouterId(conf, facts.node, list)
  const listen = resolveListen(conf, list)
  const { policyFor, goodText } = resolvePolicy(conf.policy ?? '', as, facts, list)
  const { node, secret } = facts
  const { peers, problems } = resolvePeers(facts, { node, conf, as, routerId, secret, policyFor })
  return { settings: { listen, peers }, identity: { as, routerId }, problems: [...list.problems, ...problems], goodPolicyText: goodText }
}
