import { z } from 'zod'
import { conditionList } from './condition.ts'
import { defineKind, type ObjectOf, type TypeOf } from './define-kind.ts'
import { flag, int32, int64, text } from './fields.ts'
import { GROUP, VERSION } from './group.ts'

/** How an address is announced. An Eip without a protocol is `bgp`, as in OpenELB. */
export const ProtocolSchema = z.enum(['bgp', 'layer2', 'vip'])
export type Protocol = z.output<typeof ProtocolSchema>

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
      'The network interface that announces, or can_reach:IP for the one that leads to that IP. Required for layer2 and vip.',
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
    namespaceSelector: z
      .record(z.string(), text(253, 'The value of a label.'))
      .describe('Services of namespaces that carry all these labels and that name no Eip are served from this pool.')
      .exactOptional(),
  })
  .describe('A pool of addresses for Services of type LoadBalancer.')

const EipStatusSchema = z
  .object({
    ready: flag('Whether addresses are handed out from this pool; the condition Ready says why not.').exactOptional(),
    firstIP: text(64, 'The lowest address of the pool.').exactOptional(),
    lastIP: text(64, 'The highest address of the pool.').exactOptional(),
    v4: flag('True for an IPv4 pool; absent for IPv6.').exactOptional(),
    poolSize: int64(0, 'How many addresses the pool has; 9007199254740991 when there are more (see capacity).').exactOptional(),
    capacity: text(40, 'How many addresses the pool has, exactly, as text.').exactOptional(),
    usage: int64(0, 'How many addresses are held. Absent when none is.').exactOptional(),
    occupied: flag('True when every address is held. Absent otherwise.').exactOptional(),
    used: z
      .record(z.string(), z.string())
      .describe('Which Service holds which address: address to namespace/name, several joined by ";". Absent when empty.')
      .exactOptional(),
    usedTruncated: flag('True when `used` was cut because too many addresses are held; usage stays exact.').exactOptional(),
    observedGeneration: int64(0, 'The metadata.generation that this status speaks of.').exactOptional(),
    conditions: conditionList('Ready, with the reason when it is False.').exactOptional(),
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
