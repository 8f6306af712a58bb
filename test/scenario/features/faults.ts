/** What can go wrong with an address: how it comes about, what the Service is told, and what puts it right. */
import { ADDRESSES, ALLOW_SHARED_IP, EIP_NAME, IS_DEFAULT_EIP, PROTOCOL, REQUESTED_ADDRESS } from '../../../src/api/service-annotations.ts'
import { createObject, deleteObject, patchObject } from '../../../src/kube/objects.ts'
import { NAMESPACES, NODES } from '../../../src/kube/resources.ts'
import type { RefusalCode } from '../../../src/policy/refusal.ts'
import type { AllocationLab } from '../../support/allocation-lab.ts'
import type { Wish } from '../../support/cluster-actions.ts'

/** Each fault has a namespace and a block of addresses of its own; names of Eips begin with that of the namespace. */
export interface Place {
  readonly namespace: string
  /** The Service at fault, `namespace/s`. */
  readonly key: string
  /** Another one, `namespace/o`. */
  readonly other: string
  /** The name of an Eip. */
  readonly pool: string
  readonly second: string
  /** An address of the block by its last number. */
  ip(last: number): string
}

export interface Fault {
  readonly title: string
  readonly reason: RefusalCode
  /** All but the Service. */
  readonly arrange?: (lab: AllocationLab, place: Place) => Promise<unknown>
  readonly wish: (place: Place) => Wish
  /** What the sentence names. */
  readonly names: (place: Place) => readonly string[]
  /** A piece of the sentence that promises that `cure` helps. */
  readonly promise: string
  readonly cure: (lab: AllocationLab, place: Place) => Promise<unknown>
  readonly gets: (place: Place) => string
}

const DEFAULT_EIP = { metadata: { annotations: { [IS_DEFAULT_EIP]: 'true' } } }
const noAnnotations = { annotations: {} }
const LOCAL = { externalTrafficPolicy: 'Local' }
const keyed = (key: string) => ({ annotations: { [ALLOW_SHARED_IP]: key } })
const port = (number: number) => ({ ports: [{ port: number }] })
const settled = async (lab: AllocationLab, key: string, wish: Wish): Promise<void> => {
  await lab.makeService(key, wish)
  await lab.addressOf(key)
}

/** A pool by name, whatever it is bound to; the Service of the fault gets its first address. */
const named = ({ pool }: Place): Wish => ({ eip: pool })
const first = ({ ip }: Place): string => ip(0)
const asksFor =
  (last: number, more: Wish = {}) =>
  ({ ip }: Place): Wish => ({ ...more, address: ip(last) })
const asksInstead =
  (last: number) =>
  (lab: AllocationLab, { key, ip }: Place): Promise<unknown> =>
    lab.annotate(key, { [REQUESTED_ADDRESS]: ip(last) })
const changesPool =
  (spec: object) =>
  (lab: AllocationLab, { pool }: Place): Promise<unknown> =>
    lab.patchEip(pool, { spec })
const poolOf =
  (spec: object = {}, length = 30) =>
  (lab: AllocationLab, { pool, ip }: Place): Promise<unknown> =>
    lab.makeEip(pool, `${ip(0)}/${length}`, spec)

const POOLS: readonly Fault[] = [
  {
    title: 'an Eip that does not exist',
    reason: 'PoolNotFound',
    wish: named,
    names: ({ pool }) => [pool],
    promise: 'create that Eip',
    cure: poolOf(),
    gets: first,
  },
  {
    title: 'a disabled Eip',
    reason: 'PoolDisabled',
    arrange: poolOf({ disable: true }),
    wish: named,
    names: ({ pool }) => [pool],
    promise: 'set spec.disable of the Eip to false',
    cure: changesPool({ disable: false }),
    gets: first,
  },
  {
    title: 'an Eip that is being deleted',
    reason: 'PoolDeleted',
    async arrange(lab, { pool, ip }) {
      await lab.makeEip(pool, `${ip(0)}/30`, {}, { finalizers: ['example.com/wait'] })
      await lab.removeEip(pool)
    },
    wish: named,
    names: ({ pool }) => [pool],
    promise: 'name another one',
    async cure(lab, { key, pool, second, ip }) {
      await lab.makeEip(second, `${ip(8)}/30`)
      await lab.annotate(key, { [EIP_NAME]: second })
      await lab.patchEip(pool, { metadata: { finalizers: null } })
    },
    gets: ({ ip }) => ip(8),
  },
  {
    title: 'an Eip without a free address',
    reason: 'PoolExhausted',
    async arrange(lab, place) {
      await poolOf({}, 32)(lab, place)
      await settled(lab, place.other, { eip: place.pool })
    },
    wish: named,
    names: ({ pool }) => [pool],
    promise: 'delete a Service that holds one',
    cure: (lab, { other }) => lab.removeService(other),
    gets: first,
  },
  {
    title: 'an Eip that overlaps an older one',
    reason: 'PoolOverlap',
    async arrange(lab, { pool, second, ip }) {
      await lab.makeEip(second, `${ip(0)}/30`)
      // Creation times have whole seconds; of two in the same second the one with the smaller name is the older one.
      await lab.makeEip(pool, `${ip(0)}/29`)
    },
    wish: named,
    names: ({ pool, second }) => [pool, second],
    promise: 'delete one of the two',
    cure: (lab, { second }) => lab.removeEip(second),
    gets: first,
  },
  {
    title: 'an Eip that cannot be read',
    reason: 'PoolInvalid',
    arrange: (lab, { pool }) => lab.makeEip(pool, '1.2.3.4-'),
    wish: named,
    names: ({ pool }) => [pool, 'invalid eip address format'],
    promise: 'correct the Eip',
    cure: (lab, { pool, ip }) => lab.patchEip(pool, { spec: { address: `${ip(0)}/30` } }),
    gets: first,
  },
  {
    title: 'a fenced Eip of other namespaces',
    reason: 'PoolNotPermitted',
    arrange: poolOf({ namespaces: ['elsewhere'], enforceNamespaces: true }),
    wish: named,
    names: ({ pool, namespace }) => [pool, namespace],
    promise: 'bind',
    cure: (lab, { pool, namespace }) => lab.patchEip(pool, { spec: { namespaces: ['elsewhere', namespace] } }),
    gets: first,
  },
  {
    title: 'the quota of the namespace',
    reason: 'QuotaExceeded',
    async arrange(lab, place) {
      await poolOf({ quota: { perNamespace: 1 } })(lab, place)
      await settled(lab, place.other, { eip: place.pool })
    },
    wish: named,
    names: ({ pool, namespace }) => [pool, namespace, '1 addresses'],
    promise: 'delete a Service of the namespace that holds one',
    cure: (lab, { other }) => lab.removeService(other),
    gets: first,
  },
  {
    title: 'an Eip of the other family',
    reason: 'FamilyMismatch',
    arrange: (lab, { pool }) => lab.makeEip(pool, `fd00:${pool.length}:${pool.replace(/\D/g, '')}::/120`),
    wish: named,
    names: ({ pool }) => [pool, 'IPv6', 'IPv4'],
    promise: 'name an Eip of that family',
    async cure(lab, { key, second, ip }) {
      await lab.makeEip(second, `${ip(0)}/30`)
      await lab.annotate(key, { [EIP_NAME]: second })
    },
    gets: first,
  },
  {
    title: 'both families required, and one is missing',
    reason: 'DualStackIncomplete',
    arrange: poolOf(),
    wish: ({ pool, second }) => ({ eip: `${pool},${second}`, spec: { ipFamilyPolicy: 'RequireDualStack' } }),
    names: () => ['IPv6', 'RequireDualStack'],
    promise: 'name an Eip of that family',
    cure: (lab, { second }) => lab.makeEip(second, `fd00:77:${second.replace(/\D/g, '')}::/120`),
    gets: ({ ip, second }) => `${ip(0)},fd00:77:${second.replace(/\D/g, '')}::`,
  },
]

const UNNAMED: readonly Fault[] = [
  {
    title: 'no default Eip',
    reason: 'NoDefaultPool',
    arrange: poolOf(),
    wish: () => noAnnotations,
    names: ({ namespace }) => [namespace],
    promise: 'annotate one with',
    cure: (lab, { pool }) => lab.patchEip(pool, DEFAULT_EIP),
    gets: first,
  },
  {
    title: 'the default Eip is disabled',
    reason: 'NoDefaultPool',
    arrange: (lab, { pool, ip }) => lab.makeEip(pool, `${ip(0)}/30`, { disable: true }, DEFAULT_EIP.metadata),
    wish: () => noAnnotations,
    names: ({ pool }) => [`${pool} is disabled`],
    promise: 'annotate one with',
    cure: changesPool({ disable: false }),
    gets: first,
  },
  {
    title: 'an Eip that is bound to another namespace',
    reason: 'NoDefaultPool',
    arrange: poolOf({ namespaces: ['elsewhere'] }),
    wish: () => noAnnotations,
    names: ({ pool, namespace }) => [`${pool} is bound to other namespaces`, namespace],
    promise: 'bind one to the namespace',
    cure: (lab, { pool, namespace }) => lab.patchEip(pool, { spec: { namespaces: [namespace] } }),
    gets: first,
  },
  {
    title: 'a namespace with the wrong labels',
    reason: 'NoDefaultPool',
    arrange: poolOf({ namespaceSelector: { team: 'web' } }),
    wish: () => noAnnotations,
    names: ({ pool, namespace }) => [`${pool} is bound to other namespaces`, namespace],
    promise: 'bind one to the namespace',
    cure: (lab, { namespace }) =>
      patchObject(lab.world.api, NAMESPACES, { name: namespace }, { metadata: { labels: { team: 'web' } } }, { type: 'merge' }),
    gets: first,
  },
  {
    title: 'a Service with the wrong labels',
    reason: 'NoDefaultPool',
    arrange: (lab, { pool, ip, namespace }) =>
      lab.makeEip(pool, `${ip(0)}/30`, { namespaces: [namespace], serviceSelector: { matchLabels: { tier: 'front' } } }),
    wish: () => ({ labels: { tier: 'back' } }),
    names: ({ pool }) => [`${pool} is bound to other namespaces or Services`],
    promise: 'bind one to the namespace',
    cure: changesPool({ serviceSelector: null }),
    gets: first,
  },
  {
    title: 'an Eip without autoAssign',
    reason: 'NoDefaultPool',
    arrange: poolOf({ autoAssign: false }),
    wish: () => noAnnotations,
    names: ({ pool }) => [`${pool} has autoAssign false`],
    promise: 'name an Eip by the annotation',
    cure: (lab, { key, pool }) => lab.annotate(key, { [EIP_NAME]: pool }),
    gets: first,
  },
  {
    title: 'a protocol that no Eip has',
    reason: 'ProtocolMismatch',
    arrange: (lab, { pool, ip, namespace }) => lab.makeEip(pool, `${ip(0)}/30`, { namespaces: [namespace] }),
    wish: () => ({ annotations: { [PROTOCOL]: 'layer2' } }),
    names: ({ pool }) => [pool, 'layer2'],
    promise: 'remove the annotation',
    cure: (lab, { key }) => lab.annotate(key, { [PROTOCOL]: null }),
    gets: first,
  },
]

const ADDRESSES_ASKED: readonly Fault[] = [
  {
    title: 'an address outside of the named Eip',
    reason: 'AddressOutsidePool',
    arrange: poolOf(),
    wish: ({ pool, ip }) => ({ eip: pool, address: ip(9) }),
    names: ({ pool, ip }) => [pool, ip(9), `${ip(0)}/30`],
    promise: 'ask for an address of that Eip',
    cure: asksInstead(2),
    gets: ({ ip }) => ip(2),
  },
  {
    title: 'an address of no Eip',
    reason: 'AddressInNoPool',
    wish: asksFor(3),
    names: ({ ip }) => [ip(3)],
    promise: 'create an Eip that contains it',
    cure: poolOf(),
    gets: ({ ip }) => ip(3),
  },
  {
    title: 'an address that the Eip excludes',
    reason: 'AddressExcluded',
    arrange: (lab, { pool, ip }) => lab.makeEip(pool, `${ip(0)}/30`, { exclude: [ip(1)] }),
    wish: asksFor(1),
    names: ({ pool, ip }) => [pool, ip(1), 'spec.exclude'],
    promise: 'change that setting',
    cure: changesPool({ exclude: null }),
    gets: ({ ip }) => ip(1),
  },
  {
    title: 'an address that ends in .0, with avoidBuggyIPs',
    reason: 'AddressExcluded',
    arrange: poolOf({ avoidBuggyIPs: true }),
    wish: asksFor(0),
    names: ({ pool, ip }) => [pool, ip(0), 'spec.avoidBuggyIPs'],
    promise: 'change that setting',
    cure: changesPool({ avoidBuggyIPs: false }),
    gets: first,
  },
  {
    title: 'an address that the settings exclude',
    reason: 'AddressExcluded',
    async arrange(lab, place) {
      await lab.settings({ exclude: place.ip(2) })
      await poolOf()(lab, place)
    },
    wish: asksFor(2),
    names: ({ pool, ip }) => [pool, ip(2), 'the setting exclude'],
    promise: 'change that setting',
    cure: (lab) => lab.settings(),
    gets: ({ ip }) => ip(2),
  },
  {
    title: 'an address that is reserved for another Service',
    reason: 'AddressReserved',
    arrange: (lab, { pool, ip, namespace }) =>
      lab.makeEip(pool, `${ip(0)}/30`, { reservations: [{ address: ip(1), namespace, name: 'checkout' }] }),
    wish: asksFor(1),
    names: ({ pool, ip, namespace }) => [pool, ip(1), `${namespace}/checkout`],
    promise: 'change spec.reservations',
    cure: changesPool({ reservations: null }),
    gets: ({ ip }) => ip(1),
  },
  {
    title: 'an address of a node',
    reason: 'AddressOfNode',
    async arrange(lab, place) {
      const { api } = lab.world
      await poolOf()(lab, place)
      await createObject(api, NODES, { metadata: { name: 'machine' } })
      const addresses = [{ type: 'InternalIP', address: place.ip(1) }]
      await patchObject(api, NODES, { name: 'machine' }, { status: { addresses } }, { type: 'merge', subresource: 'status' })
    },
    wish: asksFor(1),
    names: ({ ip }) => [ip(1), 'machine'],
    promise: 'ask for another address',
    async cure(lab, place) {
      await asksInstead(2)(lab, place)
      await deleteObject(lab.world.api, NODES, { name: 'machine' })
    },
    gets: ({ ip }) => ip(2),
  },
  {
    title: 'a text that is no address',
    reason: 'AddressInvalid',
    arrange: poolOf(),
    wish: () => ({ annotations: { [REQUESTED_ADDRESS]: '010.70.0.1' } }),
    names: () => [REQUESTED_ADDRESS, '010.70.0.1'],
    promise: 'write one address',
    cure: asksInstead(1),
    gets: ({ ip }) => ip(1),
  },
  {
    title: 'two addresses of one family',
    reason: 'RequestInvalid',
    arrange: poolOf(),
    wish: ({ ip }) => ({ annotations: { [ADDRESSES]: `${ip(1)},${ip(2)}` } }),
    names: () => [ADDRESSES, 'IPv4'],
    promise: 'correct it',
    cure: (lab, { key, ip }) => lab.annotate(key, { [ADDRESSES]: ip(2) }),
    gets: ({ ip }) => ip(2),
  },
  {
    title: 'a protocol that cannot be read',
    reason: 'RequestInvalid',
    arrange: (lab, { pool, ip, namespace }) => lab.makeEip(pool, `${ip(0)}/30`, { namespaces: [namespace] }),
    wish: () => ({ annotations: { [PROTOCOL]: 'arp' } }),
    names: () => [PROTOCOL, '"arp"'],
    promise: 'correct it',
    cure: (lab, { key }) => lab.annotate(key, { [PROTOCOL]: 'bgp' }),
    gets: first,
  },
  {
    title: 'the name of an Eip that cannot be read',
    reason: 'RequestInvalid',
    arrange: poolOf(),
    wish: () => ({ eip: 'My Pool' }),
    names: () => [EIP_NAME, '"My Pool"'],
    promise: 'correct it',
    cure: (lab, { key, pool }) => lab.annotate(key, { [EIP_NAME]: pool }),
    gets: first,
  },
  {
    title: 'an address of a family that the Service does not serve',
    reason: 'FamilyMismatch',
    arrange: poolOf(),
    wish: () => ({ address: 'fd00:78::1' }),
    names: () => ['fd00:78::1', 'IPv6', 'IPv4'],
    promise: 'name an Eip of that family',
    cure: asksInstead(1),
    gets: ({ ip }) => ip(1),
  },
]

/** Another Service of the namespace holds .1 in this way. */
const holds =
  (wish: Wish, key: 'other' | 'stranger' = 'other') =>
  async (lab: AllocationLab, place: Place): Promise<void> => {
    await poolOf()(lab, place)
    if (key === 'stranger') await lab.makeNamespace(`${place.namespace}-stranger`)
    await settled(lab, key === 'other' ? place.other : `${place.namespace}-stranger/o`, { ...wish, address: place.ip(1) })
  }
const second = ({ ip }: Place): string => ip(1)

const SHARED: readonly Fault[] = [
  {
    title: 'an address that another namespace holds',
    reason: 'AddressTaken',
    arrange: holds({}, 'stranger'),
    wish: asksFor(1, { spec: port(81) }),
    names: ({ ip, namespace }) => [ip(1), `${namespace}-stranger/o`],
    promise: 'delete that Service',
    cure: (lab, { namespace }) => lab.removeService(`${namespace}-stranger/o`),
    gets: second,
  },
  {
    title: 'a port that is used on the address',
    reason: 'PortClash',
    arrange: holds({}),
    wish: asksFor(1),
    names: ({ ip, other }) => [ip(1), other, 'TCP/80'],
    promise: 'use another port',
    cure: (lab, { key }) => lab.patchService(key, { spec: port(81) }),
    gets: second,
  },
  {
    title: 'another key',
    reason: 'SharingRefused',
    arrange: holds(keyed('theirs')),
    wish: asksFor(1, { ...keyed('ours'), spec: port(81) }),
    names: ({ ip, other }) => [ip(1), other, ALLOW_SHARED_IP],
    promise: `give both Services the same annotation ${ALLOW_SHARED_IP}`,
    cure: (lab, { key }) => lab.annotate(key, { [ALLOW_SHARED_IP]: 'theirs' }),
    gets: second,
  },
  {
    title: 'another externalTrafficPolicy',
    reason: 'SharingRefused',
    arrange: holds({}),
    wish: asksFor(1, { spec: { ...port(81), ...LOCAL, selector: { app: 'a' } } }),
    names: ({ ip, other }) => [ip(1), other, 'externalTrafficPolicy'],
    promise: 'give both Services the same externalTrafficPolicy',
    cure: (lab, { key }) => lab.patchService(key, { spec: { externalTrafficPolicy: 'Cluster' } }),
    gets: second,
  },
  {
    title: 'another selector, both Local',
    reason: 'SharingRefused',
    arrange: holds({ spec: { ...LOCAL, selector: { app: 'a' } } }),
    wish: asksFor(1, { spec: { ...port(81), ...LOCAL, selector: { app: 'b' } } }),
    names: ({ ip, other }) => [ip(1), other, 'selector'],
    promise: 'give both Services the same selector',
    // By the other side: the one that waits is not touched.
    cure: (lab, { other }) => lab.patchService(other, { spec: { selector: { app: 'b' } } }),
    gets: second,
  },
]

/** In the order in which they are tried: the default Eip of one must be gone before the next, so each Eip is deleted after its fault. */
export const FAULTS: readonly Fault[] = [...POOLS, ...UNNAMED, ...ADDRESSES_ASKED, ...SHARED]
