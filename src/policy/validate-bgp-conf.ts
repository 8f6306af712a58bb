/** Whether a BgpConf may be stored. */
import { parseIp } from '../addr/ip.ts'
import { BGP_CONF_NAME, type BgpConfObject, type BgpConfSpec } from '../api/bgp-conf.ts'
import { autonomousSystemProblem, restartProblems } from './bgp-ranges.ts'
import { allow, type Finding, type Verdict, verdictOf } from './verdict.ts'

/** GoBGP's numbers of the address families that are served: AFI in the high 16 bits, SAFI in the low. */
const SERVED_FAMILIES: ReadonlySet<number> = new Set([65537, 131073])
const CONFIG_MAP_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/

function* addressFindings(spec: BgpConfSpec): Generator<Finding> {
  const routerId = spec.routerId ?? ''
  if (routerId !== '') {
    const ip = parseIp(routerId)
    if (!ip.ok || ip.value.family !== 'IPv4' || ip.value.value === 0n) {
      yield {
        refuse: 'spec.routerId is not a router ID',
        cure: 'write it as an IPv4 address other than 0.0.0.0, or leave it out: each node then uses its own address',
      }
    }
  }
  for (const [at, text] of (spec.listenAddresses ?? []).entries()) {
    const ip = parseIp(text)
    if (!ip.ok) yield { refuse: `spec.listenAddresses[${at}] is not an address`, cure: ip.error.message }
  }
}

function* familyFindings(spec: BgpConfSpec): Generator<Finding> {
  for (const family of spec.families ?? []) {
    if (!SERVED_FAMILIES.has(family)) {
      yield { warn: `spec.families contains ${family}; only 65537 (IPv4 unicast) and 131073 (IPv6 unicast) are announced` }
    }
  }
}

function* autonomousSystemFindings(spec: BgpConfSpec): Generator<Finding> {
  const racks = Object.entries(spec.asPerRack ?? {})
  if (spec.as === undefined && racks.length === 0) {
    yield { warn: 'spec.as is missing: no BGP session is started without an AS number' }
  }
  if (spec.as !== undefined) yield* autonomousSystemProblem('spec.as', spec.as)
  for (const [rack, as] of racks) yield* autonomousSystemProblem(`spec.asPerRack.${rack}`, as)
}

function* specFindings(spec: BgpConfSpec): Generator<Finding> {
  yield* autonomousSystemFindings(spec)
  yield* addressFindings(spec)
  yield* familyFindings(spec)
  yield* restartProblems('spec.gracefulRestart', spec.gracefulRestart)
  const policy = spec.policy ?? ''
  if (policy !== '' && !CONFIG_MAP_NAME.test(policy)) {
    yield {
      refuse: 'spec.policy is not the name of a ConfigMap',
      cure: 'write the name of a ConfigMap in the namespace of OpenELB, or leave it out',
    }
  }
}

/**
 * Says whether a BgpConf may be created (`before` undefined) or changed. A change that leaves the spec as it is is always allowed, so that
 * an object that was stored while the webhook was away can still be labelled and annotated.
 */
export function validateBgpConf(conf: BgpConfObject, before: BgpConfObject | undefined): Verdict {
  if (before !== undefined && JSON.stringify(before.spec) === JSON.stringify(conf.spec)) return allow()
  const { name } = conf.metadata
  const unread: readonly Finding[] =
    name === BGP_CONF_NAME ? [] : [{ warn: `the BgpConf ${name} has no effect: only the one named ${BGP_CONF_NAME} is read` }]
  return verdictOf([...unread, ...specFindings(conf.spec ?? {})])
}
