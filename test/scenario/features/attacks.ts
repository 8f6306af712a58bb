/** What a hostile tenant may try with the Services of its namespace. */
import { GROUP } from '../../../src/api/group.ts'
import { EIP_ADMISSION_CONFIG_MAP, SETTINGS_CONFIG_MAP } from '../../../src/api/names.ts'
import {
  ADDRESSES,
  ALLOCATED_CONDITION,
  ALLOW_SHARED_IP,
  EIP_NAME,
  LAYER2_NODE,
  OPT_IN,
  REQUESTED_ADDRESS,
} from '../../../src/api/service-annotations.ts'
import { createObject, listObjects, patchObject } from '../../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, CONFIG_MAPS, EIPS, LEASES, NAMESPACES, NODES, SERVICES } from '../../../src/kube/resources.ts'
import type { AllocationLab } from '../../support/allocation-lab.ts'
import { OWN } from '../../support/allocator-world.ts'
import type { Wish } from '../../support/cluster-actions.ts'
import { until } from '../../support/until.ts'
import { EVIL, FORBIDDEN, FREE, QUOTA, SECRET_KEY, type Tenant, VICTIM } from './tenant.ts'

export interface Attack {
  readonly title: string
  readonly run: (tenant: Tenant, attempt: AllocationLab['attempt'], lab: AllocationLab) => Promise<unknown>
  /** How many addresses it may hold afterwards: its own, honest ones. At least and at most. */
  readonly holds: readonly [number, number]
}

const NOTHING = [0, 0] as const
const ONE = [1, 1] as const
const MAYBE = [0, 1] as const
const s = `${EVIL}/s`
const port = (number: number, protocol = 'TCP') => ({ ports: [{ port: number, protocol }] })

/** One Service that asks for something. */
const asks = (title: string, wish: Wish, holds: Attack['holds'] = NOTHING): Attack => ({
  title,
  run: (tenant, attempt) => attempt(tenant.makeService(s, wish)),
  holds,
})
const asksFor = (title: string, address: string, holds: Attack['holds'] = NOTHING): Attack => asks(title, { address }, holds)

/** One Service whose status shows something before it opts in: it would get its address by itself, and gets no other. */
const shows = (title: string, ...addresses: readonly string[]): Attack => ({
  title,
  run: (tenant) =>
    tenant.arrives(
      's',
      addresses.map((ip) => ({ ip })),
    ),
  holds: ONE,
})

const STATUS: readonly Attack[] = [
  shows('status: a fenced address', FORBIDDEN.fenced),
  shows('status: the gateway, which is excluded', FORBIDDEN.gateway),
  shows('status: an address of a node', FORBIDDEN.node),
  shows('status: a reserved address', FORBIDDEN.reserved),
  shows("status: the neighbour's address", FORBIDDEN.web),
  shows('status: an address of no pool', '203.0.113.9'),
  shows('status: addresses that anybody may ask for, twenty of them', ...Array.from({ length: 20 }, (_, at) => `10.80.0.${100 + at}`)),
  {
    title: 'status: a host name',
    run: (tenant) => tenant.arrives('s', [{ hostname: 'bank.example.com' }]),
    holds: ONE,
  },
  {
    title: 'status: a fenced address, written over the one that it has',
    async run(tenant, _, lab) {
      await tenant.makeService(s)
      await lab.addressOf(s)
      await tenant.status('s', { loadBalancer: { ingress: [{ ip: FORBIDDEN.fenced }] } })
    },
    holds: ONE,
  },
  {
    title: 'status: fenced, with the name of the Eip and an address asked for too',
    run: (tenant, attempt) =>
      attempt(tenant.arrives('s', [{ ip: FORBIDDEN.fenced }], { [EIP_NAME]: 'fenced', [REQUESTED_ADDRESS]: FORBIDDEN.fenced })),
    holds: NOTHING,
  },
  {
    title: 'status and label as OpenELB would have left them, without an annotation',
    async run(tenant) {
      await tenant.makeService(s, { annotations: { [OPT_IN]: 'none' }, labels: { [EIP_NAME]: 'fenced' } })
      await tenant.status('s', { loadBalancer: { ingress: [{ ip: FORBIDDEN.fenced }] } })
      await tenant.annotate(s, { [OPT_IN]: null })
    },
    holds: MAYBE,
  },
  {
    title: 'a forged condition: Allocated, with an address of the fenced Eip',
    async run(tenant, _, lab) {
      await tenant.makeService(s, { eip: 'fenced' }).catch(() => tenant.makeService(s, { eip: 'absent' }))
      const now = new Date().toISOString().replace(/\.\d+/, '')
      const said = { type: ALLOCATED_CONDITION, status: 'True', reason: 'Allocated', message: `${FORBIDDEN.fenced} of Eip fenced` }
      await tenant.status('s', {
        loadBalancer: { ingress: [{ ip: FORBIDDEN.fenced }] },
        conditions: [{ ...said, lastTransitionTime: now }],
      })
      await lab.shows(s, '')
    },
    holds: NOTHING,
  },
]

const FORGED: readonly Attack[] = [
  {
    title: 'a forged label of an Eip',
    run: (tenant) => tenant.makeService(s, { labels: { [EIP_NAME]: 'fenced' } }),
    holds: ONE,
  },
  {
    title: 'a forged annotation of layer 2: no node is told by a tenant',
    async run(tenant, _, lab) {
      await tenant.makeService(s, { annotations: { [LAYER2_NODE]: 'machine' } })
      await lab.addressOf(s)
    },
    holds: ONE,
  },
  asks('an opt-in on a Service of a foreign class', { spec: { loadBalancerClass: 'example.com/other' } }),
  asks('our class, and the fenced Eip by name', { eip: 'fenced', spec: { loadBalancerClass: 'openelb.io/openelb' } }),
  {
    title: 'an owner reference to a neighbour',
    run: (tenant, _, lab) => {
      const uid = lab.witness.service(`${VICTIM}/web`)?.metadata.uid ?? ''
      const metadata = { name: 's', namespace: EVIL, annotations: { [OPT_IN]: 'openelb' } }
      const ownerReferences = [{ apiVersion: 'v1', kind: 'Service', name: 'web', uid }]
      const object = { metadata: { ...metadata, ownerReferences }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } }
      return createObject(tenant.api, SERVICES, object)
    },
    holds: ONE,
  },
  {
    title: 'a time of deletion in the manifest',
    run: (tenant) => {
      const metadata = { name: 's', namespace: EVIL, annotations: { [OPT_IN]: 'openelb' }, deletionTimestamp: '2020-01-01T00:00:00Z' }
      return createObject(tenant.api, SERVICES, { metadata, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } })
    },
    holds: ONE,
  },
  {
    title: 'a finalizer that keeps a deleted Service',
    async run(tenant, _, lab) {
      await tenant.makeService(s, { finalizers: ['example.com/stay'] })
      await lab.addressOf(s)
      await tenant.removeService(s)
    },
    holds: NOTHING,
  },
  asks('externalIPs with a free address of a pool, and no LoadBalancer', { bare: true, spec: { type: 'ClusterIP', externalIPs: [FREE] } }),
  asks("externalIPs with the neighbour's address", { spec: { externalIPs: [FORBIDDEN.web] } }, ONE),
  asks("the name of a neighbour's reservation, in another namespace", {}, ONE),
]

const FOREIGN: readonly Attack[] = [
  asks('the fenced Eip by name', { eip: 'fenced' }),
  asks('the fenced Eip beside one that is open', { eip: 'fenced,open' }, ONE),
  asksFor('a fenced address', FORBIDDEN.fenced),
  asks('a fenced address by spec.loadBalancerIP', { spec: { loadBalancerIP: FORBIDDEN.fenced } }),
  asks('a fenced address by the list', { annotations: { [ADDRESSES]: `${FORBIDDEN.fenced},fd00:80::5` } }),
  asksFor("the neighbour's address, with its port", FORBIDDEN.web),
  asks("the neighbour's address, with another port", { address: FORBIDDEN.web, spec: port(8080) }),
  asks("the neighbour's address, with a key where it has none", {
    address: FORBIDDEN.web,
    annotations: { [ALLOW_SHARED_IP]: 'key' },
    spec: port(8080),
  }),
  asksFor('an address of a node', FORBIDDEN.node),
  asksFor('the gateway', FORBIDDEN.gateway),
  asksFor('an address that is reserved for a neighbour', FORBIDDEN.reserved),
  {
    title: "the neighbour's shared address: twenty guesses of its key",
    async run(tenant, attempt, lab) {
      await attempt(tenant.makeService(s, { address: FORBIDDEN.dns, annotations: { [ALLOW_SHARED_IP]: 'dns' }, spec: port(8080) }))
      for (const guess of ['DNS', 'kestrel', SECRET_KEY.toUpperCase(), `${SECRET_KEY} x`, SECRET_KEY.slice(0, -1), '*', '.*', 'null'])
        await attempt(tenant.annotate(s, { [ALLOW_SHARED_IP]: guess }))
      for (let at = 0; at < 12; at++) await attempt(tenant.annotate(s, { [ALLOW_SHARED_IP]: `kestrel-${at}-dns` }))
      await until(
        'the last guess was looked at',
        () => lab.condition(s)?.reason === 'SharingRefused' || lab.witness.service(s) === undefined,
      )
    },
    holds: NOTHING,
  },
  asks('a key that is too long', {
    address: FORBIDDEN.dns,
    annotations: { [ALLOW_SHARED_IP]: SECRET_KEY.padEnd(129, 'x') },
    spec: port(8080),
  }),
  asks('an empty key', { address: FORBIDDEN.dns, annotations: { [ALLOW_SHARED_IP]: ' ' }, spec: port(8080) }),
  asks('the right key, from an insider, and the same port', {
    address: FORBIDDEN.dns,
    annotations: { [ALLOW_SHARED_IP]: SECRET_KEY },
    spec: port(53, 'UDP'),
  }),
  asks(
    "others' annotations, which nobody said to read",
    {
      annotations: {
        'metallb.io/loadBalancerIPs': FORBIDDEN.fenced,
        'metallb.universe.tf/address-pool': 'fenced',
        'metallb.io/allow-shared-ip': SECRET_KEY,
        'kube-vip.io/loadbalancerIPs': FORBIDDEN.web,
      },
    },
    ONE,
  ),
]

const MALFORMED: readonly Attack[] = [
  asksFor('an IPv4 address in IPv6 form', `::ffff:${FORBIDDEN.fenced}`),
  asksFor('leading zeros', '010.081.000.005'),
  asksFor('a prefix instead of an address', '10.81.0.0/28'),
  asksFor('a range instead of an address', '10.80.0.1-10.80.0.9'),
  asksFor('digits of another script', '10.80.0.٢٠'),
  asksFor('an address with an invisible character', '10.80.0.20\u200b'),
  asksFor('a zone', 'fe80::1%eth0'),
  asksFor('an address of 250 KB', '1'.repeat(250_000)),
  ...['0.0.0.0', '255.255.255.255', '224.0.0.1', '127.0.0.1', '169.254.169.254', '::', '::1', 'ff02::1'].map((address) =>
    asksFor(`the address ${address}`, address),
  ),
  asks('a list of 100 addresses', {
    annotations: { [ADDRESSES]: Array.from({ length: 100 }, (_, at) => `10.80.0.${at + 100}`).join(',') },
  }),
  asks('a list with one address of each family, one of them fenced, both required', {
    annotations: { [ADDRESSES]: `${FORBIDDEN.vault},fd00:80::6` },
    spec: { ipFamilyPolicy: 'RequireDualStack' },
  }),
  asks('annotations of 250 KB', { annotations: { 'example.com/ballast': '\u{1f4a3}'.repeat(62_000) } }, ONE),
  asks('three thousand ports', { spec: { ports: Array.from({ length: 3000 }, (_, at) => ({ name: `p${at}`, port: at + 1 })) } }, MAYBE),
  asks('Eips by the hundred', { eip: Array.from({ length: 100 }, (_, at) => `e${at}`).join(',') }),
  asks('the name of an Eip with a path in it', { eip: '../fenced' }),
]

const HASTE: readonly Attack[] = [
  {
    title: 'a type that flips thirty times',
    async run(tenant) {
      await tenant.makeService(s)
      for (let at = 0; at < 30; at++) await tenant.patchService(s, { spec: { type: at % 2 === 0 ? 'ClusterIP' : 'LoadBalancer' } })
    },
    holds: ONE,
  },
  {
    title: "a race for the neighbour's address while the neighbour is created again",
    async run(tenant, attempt, lab) {
      const temp = { address: '10.80.0.30' }
      await lab.makeService(`${VICTIM}/temp`, temp)
      await lab.shows(`${VICTIM}/temp`, temp.address)
      await attempt(tenant.makeService(s, { ...temp, spec: port(8080) }))
      for (let at = 0; at < 10; at++) {
        await lab.removeService(`${VICTIM}/temp`)
        await lab.makeService(`${VICTIM}/temp`, temp)
        await attempt(tenant.removeService(s))
        await attempt(tenant.makeService(s, { ...temp, spec: port(8080) }))
      }
      await lab.removeService(`${VICTIM}/temp`)
      await lab.shows(s, temp.address)
    },
    holds: ONE,
  },
  {
    title: 'the quota, by ten Services',
    run: (tenant) => Promise.all(Array.from({ length: 10 }, (_, at) => tenant.makeService(`${EVIL}/s${at}`))),
    holds: [QUOTA, QUOTA],
  },
  {
    title: 'the quota, by four Services of both families',
    run: (tenant) =>
      Promise.all(
        Array.from({ length: 4 }, (_, at) => tenant.makeService(`${EVIL}/s${at}`, { spec: { ipFamilyPolicy: 'PreferDualStack' } })),
      ),
    holds: [QUOTA, QUOTA],
  },
  {
    title: 'the quota, by addresses asked for',
    run: (tenant) =>
      Promise.all(Array.from({ length: 8 }, (_, at) => tenant.makeService(`${EVIL}/s${at}`, { address: `10.80.0.${120 + at}` }))),
    holds: [QUOTA, QUOTA],
  },
  {
    title: 'the quota, by statuses that show an address',
    run: (tenant) => Promise.all(Array.from({ length: 6 }, (_, at) => tenant.arrives(`s${at}`, [{ ip: `10.80.0.${130 + at}` }]))),
    holds: [QUOTA, QUOTA],
  },
]

/** Every write that it has no right to. */
const TRESPASS: Attack = {
  title: 'writes to claims, Eips, settings, Leases, labels of namespaces, nodes, neighbours',
  async run({ api }, attempt, lab) {
    const claim = lab.claimOf(FORBIDDEN.web)
    const object = { apiVersion: `${GROUP}/v1alpha2`, kind: 'AddressClaim', metadata: { name: '10.80.0.99' }, spec: claim?.spec }
    const merge = { type: 'merge' } as const
    const answers = [
      attempt(createObject(api, ADDRESS_CLAIMS, object)),
      attempt(patchObject(api, ADDRESS_CLAIMS, { name: FORBIDDEN.web }, { spec: { eip: 'x' } }, merge)),
      attempt(patchObject(api, ADDRESS_CLAIMS, { name: FORBIDDEN.web }, { status: {} }, { ...merge, subresource: 'status' })),
      attempt(listObjects(api, ADDRESS_CLAIMS)),
      attempt(createObject(api, EIPS, { metadata: { name: 'mine' }, spec: { address: '10.88.0.0/24' } } as { metadata: { name: string } })),
      attempt(patchObject(api, EIPS, { name: 'fenced' }, { spec: { enforceNamespaces: false } }, merge)),
      attempt(patchObject(api, EIPS, { name: 'open' }, { status: { used: { [FREE]: s } } }, { ...merge, subresource: 'status' })),
      ...[SETTINGS_CONFIG_MAP, EIP_ADMISSION_CONFIG_MAP].map((name) =>
        attempt(patchObject(api, CONFIG_MAPS, { namespace: OWN, name }, { data: {} }, merge)),
      ),
      attempt(patchObject(api, LEASES, { namespace: OWN, name: 'openelb-controller' }, { spec: {} }, merge)),
      attempt(patchObject(api, NAMESPACES, { name: EVIL }, { metadata: { labels: { team: VICTIM } } }, merge)),
      attempt(patchObject(api, NODES, { name: 'machine' }, { status: {} }, { ...merge, subresource: 'status' })),
      attempt(patchObject(api, SERVICES, { namespace: VICTIM, name: 'web' }, { metadata: { annotations: { [OPT_IN]: 'none' } } }, merge)),
    ]
    const open = (await Promise.all(answers)).filter((answer) => !/forbidden/.test(answer))
    if (open.length > 0) throw new Error(`not forbidden: ${open.join('; ')}`)
  },
  holds: NOTHING,
}

export const ATTACKS: readonly Attack[] = [...STATUS, ...FORGED, ...FOREIGN, ...MALFORMED, ...HASTE, TRESPASS]
