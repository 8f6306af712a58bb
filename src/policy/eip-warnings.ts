/** What is legal in an Eip and probably not meant. Each warning is said once: when what it speaks of appears. */
import { formatIp, type Ip, parseIp } from '../addr/ip.ts'
import { type AddressRange, parseAddressRange, rangesOverlap } from '../addr/range.ts'
import type { EipObject, EipSpec } from '../api/eip.ts'
import { IS_DEFAULT_EIP } from '../api/service-annotations.ts'
import { eipBgpWarnings } from './bgp-announcement-findings.ts'
import { drainingWarnings } from './eip-use.ts'
import type { NodeNetwork } from './node-network.ts'
import { type Pool, toPool } from './pool.ts'
import { isBound } from './pool-match.ts'
import { poolContains, poolGives, poolSize, rangeFields } from './pool-ranges.ts'
import { isServed, PROTOCOLS } from './served-protocols.ts'
import { namesUpTo } from './verdict.ts'

const UNUSABLE = [
  ['0.0.0.0/8', 'they mean "this network"'],
  ['127.0.0.0/8', 'they are loopback addresses'],
  ['169.254.0.0/16', 'they are link-local addresses'],
  ['224.0.0.0/4', 'they are multicast addresses'],
  ['240.0.0.0/4', 'they are reserved'],
  ['::/127', 'they are the unspecified and the loopback address'],
  ['fe80::/10', 'they are link-local addresses'],
  ['ff00::/8', 'they are multicast addresses'],
] as const

/** Leaves room for the words around the names. */
const NAMES_ROOM = 120

function* unusableWarnings(spec: EipSpec): Generator<string> {
  for (const { field, range } of rangeFields(spec)) {
    for (const [prefix, why] of UNUSABLE) {
      const unusable = parseAddressRange(prefix)
      if (unusable.ok && rangesOverlap(unusable.value, range)) {
        yield `${field} contains addresses of ${prefix}: ${why}, so no client reaches a Service by them`
      }
    }
  }
}

/** A text that somebody meant to be `true` makes no default Eip, and nothing else would say so. */
function* defaultWarnings({ metadata }: EipObject, pool: Pool | undefined): Generator<string> {
  const text = metadata.annotations?.[IS_DEFAULT_EIP] ?? ''
  if (!['', 'true', 'false'].includes(text.toLowerCase())) {
    yield `the annotation ${IS_DEFAULT_EIP} is ${JSON.stringify(text.slice(0, 24))}, so ${metadata.name} is no default Eip: write "true"`
  }
  if (pool?.isDefault && !pool.autoAssign) {
    yield `spec.autoAssign is false, so ${metadata.name} is no default Eip in spite of its annotation`
  }
}

function* protocolWarnings({ protocol = 'bgp' }: EipSpec): Generator<string> {
  if (isServed(protocol)) return
  const served = Object.keys(PROTOCOLS).filter((name) => isServed(name as typeof protocol))
  yield `spec.protocol is ${protocol}: its addresses are given to Services, and this version does not announce them (it announces ${served.join(', ')})`
}

/** Fields that speak of an owner or of the network say nothing to a protocol by which every node announces. */
function* announcementWarnings({ protocol = 'bgp', probe, preferredNodes = [] }: EipSpec): Generator<string> {
  if (probe === true && protocol !== 'layer2')
    yield `spec.probe has no effect with spec.protocol ${protocol}: only layer2 can ask the network`
  if (protocol === 'bgp' && preferredNodes.length > 0) yield 'spec.preferredNodes has no effect with spec.protocol bgp'
}

function* bindingWarnings(spec: EipSpec, pool: Pool): Generator<string> {
  const { namespaces = [] } = spec
  const twice = namespaces.filter((name, at) => namespaces.indexOf(name) < at)
  if (twice.length > 0) yield `spec.namespaces repeats ${namesUpTo([...new Set(twice)], NAMES_ROOM)}`
  if (pool.enforceNamespaces && !isBound(pool)) {
    yield 'spec.enforceNamespaces is true and the Eip is bound to no namespace: only Services with a reservation get an address'
  } else if (pool.enforceNamespaces && pool.namespaces.length === 0 && pool.namespaceSelector === undefined) {
    yield 'spec.enforceNamespaces is true and only spec.serviceSelector binds the Eip: any namespace gets in by labels that it writes itself'
  }
  if (pool.quotaPerNamespace === 0) yield 'spec.quota.perNamespace is 0: no Service gets an address'
  if (spec.usingKnownIPs === true) yield 'spec.usingKnownIPs is deprecated and has no effect'
}

function* exclusionWarnings({ exclude = [], reservations = [] }: EipSpec, pool: Pool): Generator<string> {
  const misses = exclude.filter((text) => {
    const range = parseAddressRange(text)
    return range.ok && !pool.ranges.some((own) => rangesOverlap(own, range.value))
  })
  if (misses.length > 0) yield `spec.exclude takes nothing out by ${namesUpTo(misses, NAMES_ROOM)}: the Eip has no such address`
  const reserved = reservations.flatMap(({ address }) => {
    const ip = parseIp(address)
    return ip.ok ? [ip.value] : []
  })
  const outside = reserved.filter((ip) => !poolContains(pool, ip)).map(formatIp)
  if (outside.length > 0) yield `spec.reservations keep ${namesUpTo(outside, NAMES_ROOM)}, which no range of the Eip has`
  const never = reserved.filter((ip) => poolContains(pool, ip) && !poolGives(pool, ip)).map(formatIp)
  if (never.length > 0)
    yield `spec.reservations keep ${namesUpTo(never, NAMES_ROOM)}, which the Eip never gives (spec.exclude, spec.avoidBuggyIPs)`
  if (poolSize(pool) === 0n) yield 'the Eip gives no address at all: spec.exclude and spec.avoidBuggyIPs leave none'
}

/** The addresses of an IPv4 node's /24 that are most often its gateway. */
function likelyGateways({ addresses }: NodeNetwork): readonly Ip[] {
  return addresses.flatMap(({ family, value }): readonly Ip[] => {
    const network = value & ~0xffn
    return family === 'IPv4' ? [1n, 254n].map((last) => ({ family, value: network | last })) : []
  })
}

function* nodeWarnings(pool: Pool, nodes: readonly NodeNetwork[]): Generator<string> {
  const own = new Set(nodes.flatMap(({ addresses }) => addresses.map(formatIp)))
  const taken = nodes.flatMap(({ name, addresses }) =>
    addresses.filter((ip) => poolGives(pool, ip)).map((ip) => `${formatIp(ip)} (${name})`),
  )
  if (taken.length > 0)
    yield `the Eip has addresses of nodes, which no Service gets: ${namesUpTo(taken, NAMES_ROOM)}; list them in spec.exclude`
  const gateways = new Set(
    nodes
      .flatMap(likelyGateways)
      .filter((ip) => poolGives(pool, ip))
      .map(formatIp),
  )
  const likely = [...gateways].filter((address) => !own.has(address))
  if (likely.length > 0)
    yield `the network of the nodes often has its gateway at ${namesUpTo(likely, NAMES_ROOM)}: if so, list it in spec.exclude`
  const shares = (range: AddressRange): boolean => pool.usable.some((usable) => rangesOverlap(usable, range))
  const pods = nodes.filter(({ podRanges }) => podRanges.some(shares)).map(({ name }) => name)
  if (pods.length > 0) yield `the Eip has addresses of Pods (spec.podCIDRs of ${namesUpTo(pods, NAMES_ROOM)})`
}

function* warningsAbout(eip: EipObject, nodes: readonly NodeNetwork[]): Generator<string> {
  const read = toPool(eip)
  yield* defaultWarnings(eip, read.ok ? read.value : undefined)
  if (!read.ok) return
  const pool = read.value
  yield* drainingWarnings(eip, pool)
  yield* protocolWarnings(eip.spec)
  yield* announcementWarnings(eip.spec)
  yield* eipBgpWarnings(eip.spec)
  yield* unusableWarnings(eip.spec)
  yield* bindingWarnings(eip.spec, pool)
  yield* exclusionWarnings(eip.spec, pool)
  yield* nodeWarnings(pool, nodes)
}

/**
 * The warnings for an Eip that is created (`before` undefined) or changed; those that its former form deserves too are not repeated. The
 * status of `eip` tells which addresses are in use.
 */
export function eipWarnings(eip: EipObject, before: EipObject | undefined, nodes: readonly NodeNetwork[]): readonly string[] {
  const said = new Set(before === undefined ? [] : warningsAbout(before, nodes))
  return [...warningsAbout(eip, nodes)].filter((warning) => !said.has(warning))
}
