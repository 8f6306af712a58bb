/** What people and speakers do to a small cluster: one random deed at a time. */
import { holdersText } from '../../../src/api/address-claim.ts'
import type { IpFamily, ServiceObject } from '../../../src/api/core-objects.ts'
import type { EipObject, EipSpec } from '../../../src/api/eip.ts'
import {
  ADDRESSES,
  ALLOW_SHARED_IP,
  EIP_NAME,
  IS_DEFAULT_EIP,
  LOAD_BALANCER_CLASS,
  OPT_IN,
  ORIGINAL_FINALIZER,
  PROTOCOL,
  REQUESTED_ADDRESS,
} from '../../../src/api/service-annotations.ts'
import type { Random } from '../support/random.ts'
import type { Api } from './api.ts'

export const NAMESPACES = ['a', 'b', 'c'] as const
const SERVICES = ['a/s1', 'a/s2', 'a/s3', 'a/s4', 'b/s1', 'b/s2', 'b/s3', 'c/s1', 'c/s2'] as const
const EIPS = ['p', 'q', 'r', 's'] as const
const RANGES = [
  '10.0.0.0/30',
  '10.0.0.2-10.0.0.5',
  '10.0.1.0/31',
  '10.0.1.254-10.0.2.1',
  '10.0.0.8',
  'fd00::/127',
  'fd00::4-fd00::7',
] as const
const ADDRESS_TEXTS = ['10.0.0.0', '10.0.0.1', '10.0.0.3', '10.0.0.8', '10.0.1.0', '10.0.2.0', 'fd00::1', 'fd00::5', 'nonsense'] as const
const V4: readonly IpFamily[] = ['IPv4']
const FAMILIES = {
  single: [V4, V4, V4, ['IPv6']] as readonly (readonly IpFamily[])[],
  dual: [
    ['IPv4', 'IPv6'],
    ['IPv6', 'IPv4'],
  ] as readonly (readonly IpFamily[])[],
}
const PORTS = [[80], [80], [80, 443], [443], [53]] as const
const KEYS = ['k1', 'k1', 'k2'] as const

export interface Cast {
  readonly api: Api
  readonly random: Random
  readonly now: () => string
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Spec = Mutable<ServiceObject['spec']>

const chance = (random: Random, percent: number): boolean => random.below(100) < percent

function annotationsOf(random: Random): Record<string, string> {
  return {
    ...(chance(random, 85) && { [OPT_IN]: chance(random, 95) ? 'openelb' : 'none' }),
    ...(chance(random, 35) && { [EIP_NAME]: random.pick(['p', 'q', 'r', 's', 'p,q', 'r, s', 'nowhere', 'Bad_Name']) }),
    ...(chance(random, 15) && { [REQUESTED_ADDRESS]: random.pick(ADDRESS_TEXTS) }),
    ...(chance(random, 8) && { [ADDRESSES]: random.pick(['10.0.0.1,fd00::1', '10.0.0.3', 'fd00::5', '10.0.0.1,10.0.0.2']) }),
    ...(chance(random, 6) && { 'metallb.io/loadBalancerIPs': random.pick(ADDRESS_TEXTS) }),
    ...(chance(random, 25) && { [ALLOW_SHARED_IP]: random.pick(KEYS) }),
    ...(chance(random, 4) && { [PROTOCOL]: random.pick(['bgp', 'layer2']) }),
  }
}

function familiesOf(random: Random): Pick<Spec, 'ipFamilies' | 'ipFamilyPolicy'> {
  if (chance(random, 65)) return { ipFamilyPolicy: 'SingleStack', ipFamilies: random.pick(FAMILIES.single) }
  return { ipFamilyPolicy: random.pick(['PreferDualStack', 'RequireDualStack']), ipFamilies: random.pick(FAMILIES.dual) }
}

/** As the API server has it: the primary family stays, and more than one comes only with the policy. */
function otherFamilies(random: Random, [primary = 'IPv4']: readonly IpFamily[] = []): Pick<Spec, 'ipFamilies' | 'ipFamilyPolicy'> {
  const policy = random.pick(['SingleStack', 'PreferDualStack', 'RequireDualStack'] as const)
  const second: IpFamily = primary === 'IPv4' ? 'IPv6' : 'IPv4'
  return { ipFamilyPolicy: policy, ipFamilies: policy === 'SingleStack' ? [primary] : [primary, second] }
}

const portsOf = (random: Random): NonNullable<Spec['ports']> => random.pick(PORTS).map((port) => ({ port, protocol: 'TCP' as const }))

function specOf(random: Random): ServiceObject['spec'] {
  return {
    type: chance(random, 92) ? 'LoadBalancer' : 'ClusterIP',
    ...(chance(random, 10) && { loadBalancerClass: chance(random, 70) ? LOAD_BALANCER_CLASS : 'example.com/other' }),
    ...(chance(random, 5) && { loadBalancerIP: random.pick(ADDRESS_TEXTS) }),
    ...familiesOf(random),
    ports: portsOf(random),
    ...(chance(random, 20) && { externalTrafficPolicy: 'Local' as const, selector: { app: random.pick(['x', 'y']) } }),
  }
}

const split = (key: string): [string, string] => key.split('/') as [string, string]

function createService({ api, random, now }: Cast): string {
  const key = random.pick(SERVICES)
  const [namespace, name] = split(key)
  if (api.services.has(key)) return editService({ api, random, now }, key)
  const metadata = {
    name,
    namespace,
    uid: api.uid(),
    resourceVersion: '',
    creationTimestamp: now(),
    annotations: annotationsOf(random),
    labels: { tier: random.pick(['front', 'back']) },
    ...(chance(random, 5) && { finalizers: [ORIGINAL_FINALIZER.service] }),
  }
  const stored = api.put('services', key, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: specOf(random),
    status: { loadBalancer: {} },
  })
  return `create ${key} ${said(stored)}`
}

const said = ({ metadata, spec }: ServiceObject): string =>
  JSON.stringify({ ...metadata.annotations, ...spec, ports: spec.ports?.map(({ port }) => port).join() })

/** Stores what people changed. The API server clears the addresses of what is no LoadBalancer any more. */
function storeService(api: Api, key: string, service: ServiceObject): void {
  const { loadBalancer: _, ...rest } = service.status ?? {}
  const isBalancer = service.spec.type === 'LoadBalancer'
  api.put('services', key, isBalancer ? service : { ...service, status: { ...rest, loadBalancer: {} } })
}

function editService({ api, random }: Cast, key: string): string {
  const service = api.services.get(key)
  if (service === undefined) return `no ${key}`
  const { metadata, spec } = service
  const what = random.pick([
    'annotation',
    'annotation',
    'annotation',
    'annotation',
    'type',
    'ports',
    'policy',
    'families',
    'label',
    'strip',
  ] as const)
  const annotations: Record<string, string> = { ...metadata.annotations }
  const changed: Mutable<ServiceObject> = { ...service }
  if (what === 'annotation') {
    const fresh = annotationsOf(random)
    const at = random.pick([OPT_IN, EIP_NAME, EIP_NAME, REQUESTED_ADDRESS, ADDRESSES, ALLOW_SHARED_IP, ALLOW_SHARED_IP])
    const value = fresh[at] ?? (chance(random, 30) && at === REQUESTED_ADDRESS ? random.pick(ADDRESS_TEXTS) : undefined)
    if (value === undefined) delete annotations[at]
    else annotations[at] = value
    changed.metadata = { ...metadata, annotations }
  }
  if (what === 'strip') changed.metadata = { ...metadata, annotations: {} }
  if (what === 'label') changed.metadata = { ...metadata, labels: { ...metadata.labels, tier: random.pick(['front', 'back']) } }
  // The class goes with the type: it may only be set while that changes.
  const { loadBalancerClass: _, ...classless } = spec
  if (what === 'type') changed.spec = { ...classless, type: spec.type === 'LoadBalancer' ? 'ClusterIP' : 'LoadBalancer' }
  if (what === 'ports') changed.spec = { ...spec, ports: portsOf(random) }
  if (what === 'families') changed.spec = { ...spec, ...otherFamilies(random, spec.ipFamilies) }
  if (what === 'policy') {
    changed.spec = { ...spec, externalTrafficPolicy: random.pick(['Cluster', 'Local']), selector: { app: random.pick(['x', 'y']) } }
  }
  storeService(api, key, changed)
  return `edit ${what} of ${key}: ${said(changed)}`
}

function deleteService({ api, random, now }: Cast): string {
  const key = random.pick(SERVICES)
  const service = api.services.get(key)
  if (service === undefined) return `no ${key}`
  if ((service.metadata.finalizers ?? []).length === 0) api.remove('services', key)
  else if (service.metadata.deletionTimestamp === undefined) {
    api.put('services', key, { ...service, metadata: { ...service.metadata, deletionTimestamp: now() } })
  }
  return `delete ${key}`
}

function eipSpec(random: Random, address: string): EipSpec {
  return {
    address,
    ...(chance(random, 25) && { addresses: [random.pick(RANGES)] }),
    ...(chance(random, 15) && { exclude: [random.pick(['10.0.0.1', '10.0.0.0/31', 'fd00::1'])] }),
    ...(chance(random, 10) && { avoidBuggyIPs: true }),
    ...(chance(random, 10) && { autoAssign: false }),
    ...(chance(random, 12) && { disable: true }),
    ...(chance(random, 20) && { namespaces: [random.pick(NAMESPACES)] }),
    ...(chance(random, 12) && { namespaceSelector: { team: random.pick(['x', 'y']) } }),
    ...(chance(random, 8) && { serviceSelector: { matchLabels: { tier: random.pick(['front', 'back']) } } }),
    ...(chance(random, 12) && { enforceNamespaces: true }),
    ...(chance(random, 10) && { priority: random.below(3) }),
    ...(chance(random, 50) && { order: random.pick(['first', 'last', 'hash', 'least-recently-released'] as const) }),
    ...(chance(random, 12) && { quota: { perNamespace: random.below(3) } }),
    ...(chance(random, 15) && {
      reservations: [{ address: random.pick(['10.0.0.0', '10.0.0.3', '10.0.1.0', 'fd00::1']), namespace: 'a', name: 's1' }],
    }),
    ...(chance(random, 25) && { onShrink: 'evict' as const }),
    ...(chance(random, 10) && { protocol: 'layer2' as const, interface: 'eth0' }),
  }
}

/** The API server tells ages by the second; each Eip has one of its own, so that what is older is the same for everybody at every moment. */
function birthOf(api: Api, now: string): string {
  const born = new Set([...api.eips.values()].map(({ metadata }) => metadata.creationTimestamp))
  let ms = Date.parse(now)
  const text = (): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
  while (born.has(text())) ms += 1000
  return text()
}

function putEip({ api, random, now }: Cast): string {
  const name = random.pick(EIPS)
  const known = api.eips.get(name)
  const spec = eipSpec(random, known?.spec.address ?? random.pick(RANGES))
  const { annotations: _, ...rest } = known?.metadata ?? {
    name,
    uid: api.uid(),
    resourceVersion: '',
    creationTimestamp: birthOf(api, now()),
  }
  const isDefault = chance(random, 55)
  const metadata = {
    ...rest,
    ...(isDefault && { annotations: { [IS_DEFAULT_EIP]: 'true' } }),
    ...(known === undefined && chance(random, 8) && { finalizers: [ORIGINAL_FINALIZER.eip] }),
  }
  const eip: EipObject = { ...(known ?? { apiVersion: 'network.kubesphere.io/v1alpha2', kind: 'Eip' }), metadata, spec }
  api.put('eips', name, eip)
  return `eip ${name} ${isDefault ? 'default ' : ''}${JSON.stringify(spec)}`
}

/** One setting of an Eip, as people mostly change them. */
function editEip({ api, random }: Cast): string {
  const eip = random.pick([...api.eips.values(), undefined])
  if (eip === undefined) return 'no eip'
  const fresh = eipSpec(random, eip.spec.address)
  const field = random.pick([
    'disable',
    'disable',
    'addresses',
    'addresses',
    'exclude',
    'namespaces',
    'quota',
    'reservations',
    'enforceNamespaces',
  ] as const)
  const { [field]: _, ...rest } = eip.spec
  const spec = { ...rest, ...(fresh[field] !== undefined && { [field]: fresh[field] }) } as EipSpec
  api.put('eips', eip.metadata.name, { ...eip, spec })
  return `edit eip ${eip.metadata.name} ${field} ${JSON.stringify(spec[field])}`
}

function deleteEip({ api, random, now }: Cast): string {
  const eip = random.pick([...api.eips.values(), undefined])
  if (eip === undefined) return 'no eip'
  const { name, finalizers = [] } = eip.metadata
  if (finalizers.length === 0) api.remove('eips', name)
  else if (eip.metadata.deletionTimestamp === undefined)
    api.put('eips', name, { ...eip, metadata: { ...eip.metadata, deletionTimestamp: now() } })
  return `delete eip ${name}`
}

export function labelNamespace({ api, random, now }: Cast, name: string = random.pick(NAMESPACES)): string {
  const known = api.namespaces.get(name)?.metadata ?? { name, uid: api.uid(), resourceVersion: '', creationTimestamp: now() }
  const team = random.pick(['x', 'y', 'z'])
  api.put('namespaces', name, { apiVersion: 'v1', kind: 'Namespace', metadata: { ...known, labels: { team } } })
  return `namespace ${name} is of team ${team}`
}

function changeSettings({ api, random, now }: Cast): string {
  const data = {
    ...(chance(random, 30) && { adopt: random.pick(['default-eip', 'annotated', 'class']) }),
    ...(chance(random, 30) && { compat: 'metallb' }),
    ...(chance(random, 20) && { exclude: random.pick(['10.0.0.2', '10.0.1.0/24']) }),
  }
  const known = api.settings.get('openelb-system/openelb-config')?.metadata
  const metadata = known ?? {
    name: 'openelb-config',
    namespace: 'openelb-system',
    uid: api.uid(),
    resourceVersion: '',
    creationTimestamp: now(),
  }
  api.put('settings', 'openelb-system/openelb-config', { apiVersion: 'v1', kind: 'ConfigMap', metadata, data })
  return `settings ${JSON.stringify(data)}`
}

function moveNode({ api, random, now }: Cast): string {
  const address = random.pick(['192.0.2.1', '192.0.2.1', '10.0.0.1', '10.0.1.1', 'fd00::1'])
  const metadata = api.nodes.get('n')?.metadata ?? { name: 'n', uid: api.uid(), resourceVersion: '', creationTimestamp: now() }
  api.put('nodes', 'n', { apiVersion: 'v1', kind: 'Node', metadata, status: { addresses: [{ type: 'InternalIP', address }] } })
  return `node has ${address}`
}

/** A speaker hears another host answer for an address, or hears it no more. */
function contest({ api, random, now }: Cast): string {
  const claim = random.pick([...api.claims.values(), undefined])
  if (claim === undefined) return 'no claim'
  const status = random.pick(['True', 'True', 'False'] as const)
  const condition = { type: 'AddressConflict', status, reason: 'Seen', message: 'another host', lastTransitionTime: now() }
  api.put('claims', claim.metadata.name, { ...claim, status: { ...claim.status, conditions: [condition] } })
  return `conflict on ${claim.spec.address} (${holdersText(claim.spec.holders)}) is ${status}`
}

/** Does one thing, and says what. */
export function deed(cast: Cast): string {
  const dice = cast.random.below(100)
  if (dice < 38) return createService(cast)
  if (dice < 54) return editService(cast, cast.random.pick(SERVICES))
  if (dice < 68) return deleteService(cast)
  if (dice < 78) return putEip(cast)
  if (dice < 86) return editEip(cast)
  if (dice < 89) return deleteEip(cast)
  if (dice < 92) return labelNamespace(cast)
  if (dice < 94) return changeSettings(cast)
  if (dice < 96) return moveNode(cast)
  return contest(cast)
}
