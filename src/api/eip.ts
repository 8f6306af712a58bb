import { z } from 'zod'
import { EipBgpSchema } from './bgp-announcement.ts'
import { conditionList } from './condition.ts'
import { defineKind, type ObjectOf, type TypeOf } from './define-kind.ts'
import { dnsLabel, flag, int32, int64, text, timestamp } from './fields.ts'
import { GROUP, VERSION } from './group.ts'
import { labelSelector, labelSelectorOrMap } from './label-selector.ts'

/** How an address is announced. An Eip without a protocol is `bgp`, as in OpenELB. */
export const ProtocolSchema = z.enum(['bgp', 'layer2', 'vip'])
export type Protocol = z.output<typeof ProtocolSchema>

/** In which order the free addresses of a pool are given. */
const OrderSchema = z.enum(['first', 'last', 'least-recently-released', 'hash'])
export type AddressOrder = z.output<typeof OrderSchema>

const RANGE_FORMS = 'one IP, IP/length, or firstIP-lastIP without spaces'

const QuotaSchema = z
  .object({ perNamespace: int32(0, 'How many addresses of this pool the Services of one namespace may hold together.').exactOptional() })
  .describe('How much of the pool one tenant may hold. Addresses that are held stay when it shrinks.')

const PreferredNodeSchema = z
  .object({
    weight: int32(1, 'How much a node that fits is preferred; the weights of all entries that fit it are added up.', 100),
    selector: labelSelector('The labels of the nodes that are meant. An empty selector means all.'),
  })
  .describe('Nodes that should rather announce than others.')

const ReservationSchema = z
  .object({
    address: text(45, 'The address that is kept.'),
    namespace: dnsLabel('The namespace of the Service that it is kept for.'),
    name: dnsLabel('The name of that Service. It need not exist yet.'),
  })
  .describe('An address that is kept for one Service.')

/** Fields that OpenELB does not have. */
const OUR_SPEC_FIELDS = {
  addresses: z
    .array(text(128, `A range: ${RANGE_FORMS}, IPv4 or IPv6.`))
    .max(64)
    .meta({
      description:
        'More ranges of this pool, of either family. They may change: an address that is held and no longer in any range stays with its Service (see onShrink).',
      'x-kubernetes-list-type': 'atomic',
    })
    .exactOptional(),
  exclude: z
    .array(text(128, `A range that is never given: ${RANGE_FORMS}.`))
    .max(256)
    .meta({ description: 'Addresses of the ranges that are never given, such as a gateway.', 'x-kubernetes-list-type': 'atomic' })
    .exactOptional(),
  avoidBuggyIPs: flag(
    'Never gives an IPv4 address that ends in .0 or .255, which some old devices drop. The default is false.',
  ).exactOptional(),
  autoAssign: flag('False keeps the pool for Services that ask for it, or for one of its addresses. The default is true.').exactOptional(),
  serviceSelector: labelSelector(
    'Services with these labels, of the bound namespaces if any are given and of all namespaces otherwise, and that name no Eip, are served from this pool.',
  ).exactOptional(),
  enforceNamespaces: flag(
    'Makes the binding a fence: Services of other namespaces get no address of this pool, also when they ask for one by name. The default is false, as in OpenELB.',
  ).exactOptional(),
  order: OrderSchema.describe(
    'Which free address is given: first (the lowest of the first range that has one, the default), last (the highest of the last range), least-recently-released, or hash (by the name of the Service, so that one that is created again gets its address again while it is free).',
  ).exactOptional(),
  quota: QuotaSchema.exactOptional(),
  reservations: z
    .array(ReservationSchema)
    .max(1024)
    .meta({
      description: 'Addresses that are kept for Services by name, also for those that do not exist yet.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['address'],
    })
    .exactOptional(),
  interfaces: z
    .array(text(64, 'A name, a pattern with * and ?, or can_reach:IP.'))
    .max(16)
    .meta({
      description:
        'More interfaces, after those of `interface`. Each node announces on one: the first of the list that it has and that can carry the address; of several that can, the one with a subnet that contains the address.',
      'x-kubernetes-list-type': 'atomic',
    })
    .exactOptional(),
  nodeSelectors: z
    .array(labelSelector('Labels of nodes. An empty selector means all.'))
    .max(16)
    .meta({
      description:
        'Only nodes that one of these selectors fits take the traffic: by layer2 and vip they announce, by bgp they are the next hops. Without any, all nodes may.',
      'x-kubernetes-list-type': 'atomic',
    })
    .exactOptional(),
  preferredNodes: z
    .array(PreferredNodeSchema)
    .max(16)
    .meta({
      description:
        'Nodes that become the owner of an address before others, the highest sum of weights first. An owner that is well stays all the same.',
      'x-kubernetes-list-type': 'atomic',
    })
    .exactOptional(),
  probe: flag(
    'Asks the network by ARP or NDP whether somebody uses an address, before it is given for the first time; one that is used is set aside. For layer2. The default is false.',
  ).exactOptional(),
  bgp: EipBgpSchema.exactOptional(),
  onShrink: z
    .enum(['keep', 'evict'])
    .describe(
      'What becomes of held addresses that leave the ranges: keep (the default) leaves them with their Services until those release them; evict moves the Services to other addresses.',
    )
    .exactOptional(),
}

const EipSpecSchema = z
  .object({
    // No pattern: the admission webhook refuses a bad address with the sentence that OpenELB's users know.
    address: text(
      128,
      'The addresses of the pool: one IP, IP/length, or firstIP-lastIP without spaces, IPv4 or IPv6. The first and the last address of a prefix are handed out too. Cannot be changed.',
    ),
    protocol: ProtocolSchema.describe(
      'How the addresses are announced: bgp (the default), layer2 (ARP and NDP) or vip (VRRP).',
    ).exactOptional(),
    interface: text(
      256,
      'The network interface that announces: its name, a pattern with * and ?, or can_reach:IP for the one that leads to that IP; several are joined by commas, the first that fits is used. Required for layer2 and vip, unless `interfaces` is given.',
    ).exactOptional(),
    disable: flag('Stops new allocations from this pool. Addresses that are held stay.').exactOptional(),
    usingKnownIPs: flag('Accepted for compatibility; has no effect.').exactOptional(),
    priority: int32(
      -2_147_483_648,
      'Among pools bound to the same namespace, the lower number is used first. The default is 0; equal numbers go by name.',
    ).exactOptional(),
    namespaces: z
      .array(text(253, 'The name of a namespace.'))
      .max(4096)
      .describe('Services of these namespaces that name no Eip are served from this pool.')
      .exactOptional(),
    namespaceSelector: labelSelectorOrMap(
      'Services of namespaces that these labels select and that name no Eip are served from this pool: a map of labels, all of which the namespace must carry, or a label selector (matchLabels, matchExpressions).',
    ).exactOptional(),
    ...OUR_SPEC_FIELDS,
  })
  .describe('A pool of addresses for Services of type LoadBalancer.')

/** `status.released` and `status.setAside` keep this many entries; the oldest are dropped. */
export const RELEASED_ENTRIES_MAX = 256
export const SET_ASIDE_ENTRIES_MAX = 256

const ReleasedSchema = z.object({
  address: text(45, 'The address.'),
  at: timestamp('When it became free.'),
})

const SetAsideSchema = z.object({
  address: text(45, 'The address.'),
  until: timestamp('When it may be given again.'),
  message: text(256, 'What was seen.'),
})

const EipStatusSchema = z
  .object({
    ready: flag('Whether addresses are handed out from this pool; the condition Ready says why not.').exactOptional(),
    firstIP: text(64, 'The lowest address of the pool.').exactOptional(),
    lastIP: text(64, 'The highest address of the pool.').exactOptional(),
    v4: flag('True for an IPv4 pool; absent for IPv6.').exactOptional(),
    poolSize: int64(0, 'How many addresses the pool may give; 9007199254740991 when there are more (see capacity).').exactOptional(),
    capacity: text(40, 'How many addresses the pool may give, exactly, as text.').exactOptional(),
    usage: int64(0, 'How many addresses are held. Absent when none is.').exactOptional(),
    occupied: flag('True when every address is held. Absent otherwise.').exactOptional(),
    used: z
      .record(z.string(), z.string())
      .describe('Which Service holds which address: address to namespace/name, several joined by ";". Absent when empty.')
      .exactOptional(),
    usedTruncated: flag('True when `used` was cut because too many addresses are held; usage stays exact.').exactOptional(),
    released: z
      .array(ReleasedSchema)
      .max(RELEASED_ENTRIES_MAX)
      .meta({
        description: 'Addresses that became free, the latest last; kept for the order least-recently-released.',
        'x-kubernetes-list-type': 'atomic',
      })
      .exactOptional(),
    setAside: z
      .array(SetAsideSchema)
      .max(SET_ASIDE_ENTRIES_MAX)
      .meta({
        description: 'Addresses that somebody else on the network uses; not given out for a while.',
        'x-kubernetes-list-type': 'atomic',
      })
      .exactOptional(),
    observedGeneration: int64(0, 'The metadata.generation that this status speaks of.').exactOptional(),
    conditions: conditionList('Ready, Overlap, Exhausted and Draining, each with its reason.').exactOptional(),
  })
  .describe('What the allocator reports about the pool. Written by the controller only.')

export type EipSpec = TypeOf<typeof EipSpecSchema>
export type EipStatus = TypeOf<typeof EipStatusSchema>
export type EipObject = ObjectOf<EipSpec, EipStatus>

/** `status.used` is cut to this many entries, to stay far below the API server's limit for one object. */
export const USED_ENTRIES_MAX = 4096

export const Eip = defineKind({
  group: GROUP,
  version: VERSION,
  deprecatedVersions: [
    {
      name: 'v1alpha1',
      warning: 'network.kubesphere.io/v1alpha1 Eip is deprecated; use network.kubesphere.io/v1alpha2, which has the same fields.',
    },
  ],
  kind: 'Eip',
  plural: 'eips',
  singular: 'eip',
  scope: 'Cluster',
  categories: ['networking'],
  description: 'A pool of addresses that OpenELB may give to Services of type LoadBalancer.',
  spec: EipSpecSchema,
  status: EipStatusSchema,
  printerColumns: [
    { name: 'cidr', type: 'string', jsonPath: '.spec.address' },
    { name: 'usage', type: 'integer', jsonPath: '.status.usage' },
    { name: 'total', type: 'integer', jsonPath: '.status.poolSize' },
  ],
})
