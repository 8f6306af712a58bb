import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { z } from 'zod'
import { withFieldTables } from '../../deploy/field-tables.ts'
import { type Family, formatIp, type Ip } from '../../src/addr/ip.ts'
import { AddressClaim, claimName, holdersText, parseClaimName } from '../../src/api/address-claim.ts'
import { BgpConf } from '../../src/api/bgp-conf.ts'
import { BgpPeer } from '../../src/api/bgp-peer.ts'
import { type Condition, setCondition } from '../../src/api/condition.ts'
import { type Kind, structuralSchema } from '../../src/api/define-kind.ts'
import { Eip } from '../../src/api/eip.ts'
import { KINDS } from '../../src/api/kinds.ts'
import { OPENELB_FIELDS } from '../support/openelb-fields.ts'

interface Schema {
  readonly type?: string
  readonly description?: string
  readonly format?: string
  readonly enum?: readonly string[]
  readonly maxLength?: number
  readonly maxItems?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema
}
interface CrdVersion {
  readonly name: string
  readonly storage: boolean
  readonly served: boolean
  readonly deprecated?: boolean
  readonly deprecationWarning?: string
  readonly additionalPrinterColumns?: readonly { readonly name: string; readonly type: string; readonly jsonPath: string }[]
  readonly schema: { readonly openAPIV3Schema: Schema }
  readonly subresources: object
}
interface Crd {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly names: object; readonly scope: string; readonly conversion: object; readonly versions: readonly CrdVersion[] }
}
const crdOf = (kind: Kind) => kind.crd() as Crd
function version(kind: Kind, name: string): CrdVersion {
  const found = crdOf(kind).spec.versions.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no version ${name}`)
  return found
}

/** Every field as `path: type`, lists as `[]`, maps as `.*`. */
function fields(path: string, schema: Schema): string[] {
  if (schema.items) return fields(`${path}[]`, schema.items)
  if (schema.additionalProperties) return fields(`${path}.*`, schema.additionalProperties)
  if (schema.properties) return Object.entries(schema.properties).flatMap(([name, child]) => fields(`${path}.${name}`, child))
  return [`${path}: ${schema.type}`]
}
const fieldsOf = (kind: Kind, versionName: string, part: 'spec' | 'status') =>
  fields(part, version(kind, versionName).schema.openAPIV3Schema.properties?.[part] ?? {})

for (const { kind, fields: original, ours } of OPENELB_FIELDS) {
  t.test(`${kind.kind} has the fields of OpenELB with their types`, async (t) => {
    const have = [...fieldsOf(kind, 'v1alpha2', 'spec'), ...fieldsOf(kind, 'v1alpha2', 'status')]
    t.same(have.sort(), [...original, ...ours].sort())
    const legacy = [...fieldsOf(kind, 'v1alpha1', 'spec'), ...fieldsOf(kind, 'v1alpha1', 'status')]
    t.same(
      have.filter((field) => !legacy.includes(field)),
      [],
      'an edit through v1alpha1 loses nothing',
    )
    t.same(
      crdOf(kind).spec.versions.map(({ name, served, storage, deprecated }) => [name, served, storage, deprecated]),
      [
        ['v1alpha1', true, false, true],
        ['v1alpha2', true, true, undefined],
      ],
    )
  })
}

t.test('names, columns and subresources are what kubectl users know', async (t) => {
  const columns = (kind: Kind, name = 'v1alpha2') =>
    version(kind, name).additionalPrinterColumns?.map((column) => `${column.name} ${column.type} ${column.jsonPath}`)
  const eip = ['cidr string .spec.address', 'usage integer .status.usage', 'total integer .status.poolSize']
  t.same(columns(Eip), eip)
  t.same(columns(Eip, 'v1alpha1'), eip)
  t.equal(columns(BgpConf), undefined)
  t.equal(columns(BgpPeer), undefined)
  t.same(
    columns(AddressClaim)?.map((column) => column.split(' ')[0]),
    ['address', 'service', 'eip', 'protocol', 'node', 'age'],
  )
  t.same(crdOf(Eip).spec.names, { kind: 'Eip', listKind: 'EipList', plural: 'eips', singular: 'eip', categories: ['networking'] })
  t.same(
    KINDS.map((kind) => crdOf(kind).metadata.name),
    [
      'bgpconfs.network.kubesphere.io',
      'bgppeers.network.kubesphere.io',
      'eips.network.kubesphere.io',
      'addressclaims.network.kubesphere.io',
    ],
  )
  for (const kind of KINDS) {
    const crd = crdOf(kind)
    t.same([crd.spec.scope, crd.spec.conversion], ['Cluster', { strategy: 'None' }])
    for (const { subresources } of crd.spec.versions) t.same(subresources, { status: {} })
  }
})

t.test('every field is described and bounded, so that explain helps and one object cannot fill etcd', async (t) => {
  function walk(path: string, schema: Schema, inMap: boolean): void {
    if (!path.endsWith('[]') && !inMap) t.ok(schema.description, `${path} has a description`)
    const isBounded = schema.maxLength !== undefined || schema.enum !== undefined || schema.format === 'date-time' || inMap
    if (schema.type === 'string') t.ok(isBounded, `${path} is bounded`)
    if (schema.items) {
      t.ok(schema.maxItems, `${path} has a size limit`)
      walk(`${path}[]`, schema.items, false)
    }
    if (schema.additionalProperties) walk(`${path}.*`, schema.additionalProperties, true)
    for (const [name, child] of Object.entries(schema.properties ?? {})) walk(`${path}.${name}`, child, false)
  }
  for (const kind of KINDS) {
    for (const { name, schema } of crdOf(kind).spec.versions) {
      for (const part of ['spec', 'status']) walk(`${kind.kind} ${name} ${part}`, schema.openAPIV3Schema.properties?.[part] ?? {}, false)
    }
  }
})

t.test('no field has a default: what is stored stays what the user wrote', async (t) => {
  for (const kind of KINDS) t.notMatch(JSON.stringify(kind.crd()), '"default":')
})

t.test('a schema that is not structural is refused', async (t) => {
  t.throws(() => structuralSchema(z.object({ either: z.union([z.string(), z.int()]) })), TypeError)
  t.throws(() => structuralSchema(z.strictObject({ only: z.string() })), TypeError)
})

t.test('specs are read, unknown fields dropped, and bad fields named', async (t) => {
  const seed = {
    address: '192.168.0.91-192.168.0.100',
    priority: 100,
    namespaces: ['test', 'default'],
    namespaceSelector: { 'kubesphere.io/workspace': 'workspace' },
    disable: false,
    protocol: 'layer2',
    interface: 'eth0',
  }
  t.same(Eip.parseSpec(seed), { ok: true, value: seed })
  t.same(Eip.parseSpec({ address: '10.0.0.1', colour: 'red' }), { ok: true, value: { address: '10.0.0.1' } })
  const ours = {
    address: '10.0.0.1',
    addresses: ['10.0.1.0/24', 'fd00::/120'],
    exclude: ['10.0.1.1'],
    avoidBuggyIPs: true,
    autoAssign: false,
    serviceSelector: { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'c', operator: 'NotIn', values: ['d'] }] },
    namespaceSelector: { matchExpressions: [{ key: 'c', operator: 'Exists' }], plain: 'label' },
    enforceNamespaces: true,
    order: 'least-recently-released',
    quota: { perNamespace: 3 },
    reservations: [{ address: '10.0.1.9', namespace: 'shop', name: 'web' }],
    onShrink: 'evict',
  }
  t.same(Eip.parseSpec(ours), { ok: true, value: ours })
  const bad: readonly (readonly [Kind, unknown, string])[] = [
    [Eip, undefined, 'spec'],
    [Eip, null, 'spec'],
    [Eip, 'text', 'spec'],
    [Eip, {}, 'spec.address'],
    [Eip, { address: 5 }, 'spec.address'],
    [Eip, { address: null }, 'spec.address'],
    [Eip, { address: '1'.repeat(1e6) }, 'spec.address'],
    [Eip, { address: '10.0.0.1', protocol: 'arp' }, 'spec.protocol'],
    [Eip, { address: '10.0.0.1', priority: '5' }, 'spec.priority'],
    [Eip, { address: '10.0.0.1', priority: 1.5 }, 'spec.priority'],
    [Eip, { address: '10.0.0.1', disable: 'yes' }, 'spec.disable'],
    [Eip, { address: '10.0.0.1', namespaces: 'default' }, 'spec.namespaces'],
    [Eip, { address: '10.0.0.1', namespaces: [7] }, 'spec.namespaces[0]'],
    [Eip, { address: '10.0.0.1', namespaceSelector: 'a=b' }, 'spec.namespaceSelector'],
    [Eip, { address: '10.0.0.1', namespaceSelector: { matchLabels: { a: 1 } } }, 'spec.namespaceSelector.matchLabels.a'],
    [
      Eip,
      { address: '10.0.0.1', serviceSelector: { matchExpressions: [{ key: 'a', operator: 'in' }] } },
      'spec.serviceSelector.matchExpressions[0].operator',
    ],
    [Eip, { address: '10.0.0.1', addresses: '10.0.0.2' }, 'spec.addresses'],
    [Eip, { address: '10.0.0.1', addresses: ['x'.repeat(129)] }, 'spec.addresses[0]'],
    [Eip, { address: '10.0.0.1', addresses: Array(65).fill('10.0.0.2') }, 'spec.addresses'],
    [Eip, { address: '10.0.0.1', quota: { perNamespace: -1 } }, 'spec.quota.perNamespace'],
    [Eip, { address: '10.0.0.1', order: 'random' }, 'spec.order'],
    [Eip, { address: '10.0.0.1', onShrink: 'drop' }, 'spec.onShrink'],
    [Eip, { address: '10.0.0.1', reservations: [{ address: '10.0.0.1', namespace: 'a' }] }, 'spec.reservations[0].name'],
    [BgpConf, { as: -1 }, 'spec.as'],
    [BgpConf, { as: 4_294_967_296 }, 'spec.as'],
    [BgpConf, { listenPort: 65_536 }, 'spec.listenPort'],
    [BgpPeer, { conf: { peerAs: '65000' } }, 'spec.conf.peerAs'],
    [BgpPeer, { timers: { config: { holdTime: '90s' } } }, 'spec.timers.config.holdTime'],
    [BgpPeer, { timers: { config: { holdTime: 90 } } }, 'spec.timers.config.holdTime'],
    [BgpPeer, { afiSafis: [{ config: { enabled: 1 } }] }, 'spec.afiSafis[0].config.enabled'],
  ]
  for (const [kind, spec, path] of bad)
    t.match(kind.parseSpec(spec), { ok: false, error: [{ path, message: /./ }] }, `${kind.kind} ${path}`)
  for (const [kind, spec] of [
    [BgpConf, { as: 4_200_000_001, listenPort: -1 }],
    [BgpPeer, {}],
    [BgpPeer, { timers: { config: { holdTime: '' } } }],
  ] as const) {
    t.ok(kind.parseSpec(spec).ok, JSON.stringify(spec))
  }
})

t.test('statuses that OpenELB wrote are read as they are', async (t) => {
  const table: readonly (readonly [Kind, object])[] = [
    [
      Eip,
      { firstIP: '10.251.0.91', lastIP: '10.251.0.100', poolSize: 10, usage: 1, used: { '10.251.0.91': 'default/a;default/b' }, v4: true },
    ],
    [Eip, { occupied: true, poolSize: 3, usage: 3, ready: true }],
    [BgpConf, {}],
    [BgpConf, { nodesConfStatus: { n1: { as: 65_001, routerId: '10.251.0.201' }, n2: {} } }],
    [
      BgpPeer,
      {
        nodesPeerStatus: {
          n1: {
            peerState: {
              messages: { received: {}, sent: { keepalive: '9', total: '13' } },
              neighborAddress: '10.251.0.31',
              peerAs: 65_000,
              peerType: 1,
              queues: {},
              sessionState: 'ACTIVE',
            },
            timersState: { downtime: '2026-11-20T17:51:59Z', negotiatedHoldTime: '9' },
          },
        },
      },
    ],
  ]
  for (const [kind, status] of table) t.same(kind.parseStatus(status), { ok: true, value: status })
})

t.test('the name of a claim is its address', async (t) => {
  const of = (family: Family, value: bigint): Ip => ({ family, value })
  t.equal(claimName(of('IPv4', 0x0afb0032n)), '10.251.0.50')
  t.equal(claimName(of('IPv6', (0xfd00_0252n << 96n) + 1n)), 'fd00-0252-0000-0000-0000-0000-0000-0001')
  const anyIp = fc.oneof(
    fc.bigInt(0n, 0xffff_ffffn).map((value) => of('IPv4', value)),
    fc.bigInt(0n, (1n << 128n) - 1n).map((value) => of('IPv6', value)),
  )
  fc.assert(
    fc.property(anyIp, (ip) => {
      const name = claimName(ip)
      const parsed = parseClaimName(name)
      const isObjectName = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) && name.length <= 253
      const isSamePlainText = ip.family === 'IPv6' || name === formatIp(ip)
      return isObjectName && isSamePlainText && parsed.ok && parsed.value.family === ip.family && parsed.value.value === ip.value
    }),
  )
  for (const name of ['', 'fd00::1', 'FD00-0252-0000-0000-0000-0000-0000-0001', 'fd00-252-0-0-0-0-0-1', '10.0.0', '10.0.0.256', 'claim']) {
    t.match(parseClaimName(name), { ok: false, error: { code: 'BAD_ADDRESS' } }, name)
  }
  t.equal(
    holdersText([
      { namespace: 'a', name: 'x' },
      { namespace: 'b', name: 'y' },
    ]),
    'a/x;b/y',
  )
})

t.test('a condition keeps its time while its status stays', async (t) => {
  const first = setCondition(undefined, { type: 'Ready', status: 'True', reason: 'Active', message: '' }, 'T1')
  t.same(first, [{ type: 'Ready', status: 'True', reason: 'Active', message: '', lastTransitionTime: 'T1' }])
  t.equal(setCondition(first, { type: 'Ready', status: 'True', reason: 'Active', message: '' }, 'T2'), first, 'nothing to write')
  const other = setCondition(first, { type: 'Other', status: 'False', reason: 'R', message: 'm' }, 'T2')
  const reworded = setCondition(other, { type: 'Ready', status: 'True', reason: 'Active', message: 'more', observedGeneration: 2 }, 'T3')
  t.match(reworded, [
    { type: 'Ready', message: 'more', observedGeneration: 2, lastTransitionTime: 'T1' },
    { type: 'Other', lastTransitionTime: 'T2' },
  ])
  const turned = setCondition(reworded, { type: 'Ready', status: 'False', reason: 'Overlap', message: 'm' }, 'T4') as readonly Condition[]
  t.match(turned[0], { status: 'False', reason: 'Overlap', lastTransitionTime: 'T4' })
  t.equal(turned[0]?.observedGeneration, undefined, 'nothing of the old one is left')
})

t.test('docs/crds.md says what the schemas say', async (t) => {
  const page = readFileSync(new URL('../../docs/crds.md', import.meta.url), 'utf8')
  for (const kind of KINDS) t.match(page, `<!-- fields of ${kind.kind} -->`)
  t.equal(page, withFieldTables(page), 'run npm run generate')
})
