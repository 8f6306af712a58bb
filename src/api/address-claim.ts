import { z } from 'zod'
import { type AddressError, addressError, formatIp, type Ip, ipv6Groups, parseIp } from '../addr/ip.ts'
import { err, ok, type Result } from '../result.ts'
import { CLAIM_NAME_RULES } from './claim-name-rules.ts'
import { conditionList } from './condition.ts'
import { defineKind, type ObjectOf, type TypeOf } from './define-kind.ts'
import { ProtocolSchema } from './eip.ts'
import { dnsLabel, flag, int32, int64, someText, text, timestamp } from './fields.ts'
import { GROUP, VERSION } from './group.ts'

/** How many past owners `status.history` keeps; writers drop the oldest. */
export const CLAIM_HISTORY_LENGTH = 8

/** How many Services may hold one address together. */
export const HOLDERS_MAX = 64

const PROTOCOLS_OF_PORTS = ['TCP', 'UDP', 'SCTP'] as const

const HolderSchema = z
  .object({
    namespace: dnsLabel('The namespace of the Service.'),
    name: dnsLabel('The name of the Service.'),
    uid: someText(64, 'The uid of the Service: a Service of the same name that is created later is another holder.'),
    ports: z
      .array(
        z.object({
          name: text(63, 'The name of the port in the Service.').exactOptional(),
          protocol: z.enum(PROTOCOLS_OF_PORTS).describe('TCP, UDP or SCTP.'),
          port: int32(1, 'The port number that clients use.', 65_535),
        }),
      )
      .max(1024)
      .meta({ description: 'The ports on which the Service uses the address.', 'x-kubernetes-list-type': 'atomic' }),
    sharing: text(64, 'A digest of the key by which the Service shares its addresses; absent when it states none.').exactOptional(),
    backend: text(64, 'For externalTrafficPolicy Local, a digest of the selector of the Service; absent for Cluster.').exactOptional(),
  })
  .describe('A Service that holds the address.')

const AddressClaimSpecSchema = z
  .object({
    address: text(45, 'The address in canonical text. Cannot be changed: the name of this object is made from it.'),
    service: text(8192, 'The holders as namespace/name, joined by ";", for the SERVICE column. Derived from holders.').exactOptional(),
    eip: someText(253, 'The Eip whose range the address is in.'),
    protocol: ProtocolSchema.describe('How the address is announced: bgp, layer2 or vip. Copied from the Eip.'),
    interface: text(
      256,
      'The interfaces of the Eip, joined by commas: names, patterns with * and ?, can_reach:IP; for layer2 and vip.',
    ).exactOptional(),
    probe: flag(
      'The network is asked whether somebody uses the address before it is given. Copied from the Eip when the claim is made.',
    ).exactOptional(),
    holders: z
      .array(HolderSchema)
      .min(1)
      .max(HOLDERS_MAX)
      .meta({
        description: 'The Services that hold the address: one, or several that share it.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['uid'],
      }),
  })
  .meta({
    description: 'Who holds the address. This object is the ledger: it exists exactly while the address is held.',
    'x-kubernetes-validations': [
      {
        rule: 'self.address == oldSelf.address',
        message: 'the address of a claim cannot be changed: delete the claim and create another one',
        fieldPath: '.address',
      },
    ],
  })

const OwnerSchema = z
  .object({
    node: text(253, 'The node that answers for the address.'),
    interface: text(256, 'The interface of that node.'),
    epoch: int64(0, 'Rises by one with every change of owner; the higher epoch is right.'),
    since: timestamp('When this node became the owner.'),
  })
  .describe('The one node that answers ARP and NDP for the address.')

const AnnouncerSchema = z
  .object({
    node: text(253, 'The node that announces.'),
    protocol: ProtocolSchema.describe('How it announces.'),
    since: timestamp('Since when.'),
  })
  .describe('A node that announces the address.')

const HistorySchema = z
  .object({
    node: text(253, 'The node that owned the address.'),
    epoch: int64(0, 'The epoch of that ownership.'),
    from: timestamp('When it began.'),
    until: timestamp('When it ended; absent when unknown.').exactOptional(),
    reason: text(1024, 'Why it ended.'),
  })
  .describe('A past owner.')

const AddressClaimStatusSchema = z
  .object({
    phase: z
      .enum(['Probing', 'Active'])
      .describe('Probing while a speaker asks the wire whether the address is free, then Active.')
      .exactOptional(),
    owner: OwnerSchema.exactOptional(),
    announcers: z
      .array(AnnouncerSchema)
      .max(4096)
      .meta({
        description: 'Every node that announces the address now.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['node', 'protocol'],
      })
      .exactOptional(),
    history: z
      .array(HistorySchema)
      .max(CLAIM_HISTORY_LENGTH)
      .meta({ description: 'The last owners, newest last.', 'x-kubernetes-list-type': 'atomic' })
      .exactOptional(),
    conditions: conditionList('Announced, AddressConflict, ProtocolNotServed.').exactOptional(),
  })
  .describe('Who announces the address. Written by speakers.')

export type Holder = TypeOf<typeof HolderSchema>
export type AddressClaimSpec = TypeOf<typeof AddressClaimSpecSchema>
export type AddressClaimStatus = TypeOf<typeof AddressClaimStatusSchema>
export type AddressClaimObject = ObjectOf<AddressClaimSpec, AddressClaimStatus>

export const AddressClaim = defineKind({
  group: GROUP,
  version: VERSION,
  kind: 'AddressClaim',
  plural: 'addressclaims',
  singular: 'addressclaim',
  scope: 'Cluster',
  description: 'One address in use. Its name is the address, so the API server itself makes sure that nobody holds it twice.',
  spec: AddressClaimSpecSchema,
  status: AddressClaimStatusSchema,
  printerColumns: [
    { name: 'address', type: 'string', jsonPath: '.spec.address' },
    { name: 'service', type: 'string', jsonPath: '.spec.service', description: 'The Services that hold the address.' },
    { name: 'eip', type: 'string', jsonPath: '.spec.eip' },
    { name: 'protocol', type: 'string', jsonPath: '.spec.protocol' },
    { name: 'node', type: 'string', jsonPath: '.status.owner.node', description: 'The layer 2 owner.' },
    { name: 'age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  rules: CLAIM_NAME_RULES,
})

/** `spec.service` for these holders, so that the SERVICE column and the holders cannot differ. */
export const holdersText = (holders: readonly Pick<Holder, 'namespace' | 'name'>[]): string =>
  holders.map(({ namespace, name }) => `${namespace}/${name}`).join(';')

/** The name of the claim of an address: IPv4 as text; IPv6 as eight zero-padded groups joined by `-`, since a name has no `:`. */
export function claimName(ip: Ip): string {
  if (ip.family === 'IPv4') return formatIp(ip)
  return ipv6Groups(ip.value)
    .map((group) => group.toString(16).padStart(4, '0'))
    .join('-')
}

const IPV6_NAME = /^[0-9a-f]{4}(-[0-9a-f]{4}){7}$/

/** The inverse of claimName. Error BAD_ADDRESS for a name that claimName never gives. */
export function parseClaimName(name: string): Result<Ip, AddressError> {
  if (IPV6_NAME.test(name)) return ok({ family: 'IPv6', value: BigInt(`0x${name.replaceAll('-', '')}`) })
  const ip = parseIp(name)
  if (ip.ok && ip.value.family === 'IPv4') return ip
  return err(addressError('BAD_ADDRESS', name, 'is not the name of an address claim'))
}
