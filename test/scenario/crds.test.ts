import t from 'tap'
import { type Cluster, startControlPlane } from '../../lab/cluster.ts'
import { parseIp } from '../../src/addr/ip.ts'
import { claimName } from '../../src/api/address-claim.ts'
import { KINDS } from '../../src/api/kinds.ts'

/** A pool as in the article that most users start from, with a status that somebody pasted along. */
const SEED_EIP = `
apiVersion: network.kubesphere.io/v1alpha2
kind: Eip
metadata: { name: eip-sample-pool, annotations: { eip.openelb.kubesphere.io/is-default-eip: "true" } }
spec:
  address: 192.168.0.91-192.168.0.100
  priority: 100
  namespaces: [test, default]
  namespaceSelector: { kubesphere.io/workspace: workspace }
  disable: false
  protocol: layer2
  interface: eth0
status:
  occupied: false
  usage: 1
  poolSize: 10
  used: { "192.168.0.91": "default/test-svc" }
  firstIP: 192.168.0.91
  lastIP: 192.168.0.100
  ready: true
  v4: true
`

type Fields = Readonly<Record<string, unknown>>
const object = (kind: string, name: string, spec: Fields, version = 'v1alpha2') => ({
  apiVersion: `network.kubesphere.io/${version}`,
  kind,
  metadata: { name },
  spec,
})
const eip = (name: string, spec: Fields) => object('Eip', name, { address: '10.9.0.1', ...spec })
const claim = (name: string, spec: Fields) =>
  object('AddressClaim', name, {
    address: name,
    eip: 'pool',
    protocol: 'bgp',
    holders: [{ namespace: 'a', name: 'x', uid: 'u1', ports: [] }],
    ...spec,
  })
const long = (length: number) => 'a'.repeat(length)

/** Everything that the schema refuses, with the words that the user reads. */
const REFUSED: readonly { readonly name: string; readonly given: object; readonly message: RegExp }[] = [
  { name: 'no spec', given: { ...eip('bad', {}), spec: undefined }, message: /spec: Required value/ },
  { name: 'no address', given: eip('bad', { address: undefined }), message: /spec\.address: Required value/ },
  { name: 'a null address', given: eip('bad', { address: null }), message: /spec\.address: Required value/ },
  {
    name: 'a number for an address',
    given: eip('bad', { address: 10 }),
    message: /spec\.address in body must be of type string: "integer"/,
  },
  {
    name: 'an address of 1 MB',
    given: eip('bad', { address: long(1e6) }),
    message: /spec\.address: Too long: may not be more than 128 bytes/,
  },
  { name: 'an interface of 1 MB', given: eip('bad', { interface: long(1e6) }), message: /spec\.interface: Too long/ },
  {
    name: 'an unknown protocol',
    given: eip('bad', { protocol: 'arp' }),
    message: /spec\.protocol: Unsupported value: "arp": supported values: "bgp", "layer2", "vip"/,
  },
  { name: 'an empty protocol', given: eip('bad', { protocol: '' }), message: /spec\.protocol: Unsupported value: ""/ },
  { name: 'text for a flag', given: eip('bad', { disable: 'no' }), message: /spec\.disable in body must be of type boolean: "string"/ },
  {
    name: 'text for a priority',
    given: eip('bad', { priority: '5' }),
    message: /spec\.priority in body must be of type integer: "string"/,
  },
  {
    name: 'a priority past 32 bits',
    given: eip('bad', { priority: 2 ** 31 }),
    message: /spec\.priority in body should be less than or equal to 2147483647/,
  },
  {
    name: 'text for namespaces',
    given: eip('bad', { namespaces: 'default' }),
    message: /spec\.namespaces in body must be of type array: "string"/,
  },
  {
    name: 'a null namespace',
    given: eip('bad', { namespaces: ['a', null] }),
    message: /spec\.namespaces\[1\] in body must be of type string: "null"/,
  },
  {
    name: 'a number in the labels of a selector',
    given: eip('bad', { namespaceSelector: { matchLabels: { a: 1 } } }),
    message: /spec\.namespaceSelector\.matchLabels\.a in body must be of type string: "integer"/,
  },
  ...['namespaceSelector', 'serviceSelector'].flatMap((field) =>
    [
      { key: 'a', operator: 'In' },
      { key: 'a', operator: 'NotIn', values: [] },
      { key: 'a', operator: 'Exists', values: ['b'] },
    ].map((requirement) => ({
      name: `${field} with ${JSON.stringify(requirement)}`,
      given: eip('bad', { [field]: { matchExpressions: [{ key: 'fine', operator: 'Exists' }, requirement] } }),
      message: new RegExp(`spec\\.${field}\\.matchExpressions\\[1\\]: .*In and NotIn take values, Exists and DoesNotExist take none`),
    })),
  ),
  {
    name: 'a requirement on no key',
    given: eip('bad', { serviceSelector: { matchExpressions: [{ key: '', operator: 'Exists' }] } }),
    message: /spec\.serviceSelector\.matchExpressions\[0\]\.key in body should be at least 1 chars long/,
  },
  {
    name: 'one address reserved twice',
    given: eip('bad', { reservations: ['x', 'y'].map((name) => ({ address: '10.9.0.1', namespace: 'a', name })) }),
    message: /spec\.reservations\[1\]: Duplicate value/,
  },
  {
    name: 'a reservation for no Service',
    given: eip('bad', { reservations: [{ address: '10.9.0.1', namespace: 'a', name: 'Not A Name' }] }),
    message: /spec\.reservations\[0\]\.name in body should match/,
  },
  {
    name: 'a quota below nothing',
    given: eip('bad', { quota: { perNamespace: -1 } }),
    message: /spec\.quota\.perNamespace in body should be greater than or equal to 0/,
  },
  {
    name: 'an order that nobody knows',
    given: eip('bad', { order: 'random' }),
    message: /spec\.order: Unsupported value: "random": supported values: "first", "last", "least-recently-released", "hash"/,
  },
  {
    name: '65 ranges',
    given: eip('bad', { addresses: Array(65).fill('10.8.0.1') }),
    message: /spec\.addresses: Too many: 65: must have at most 64 items/,
  },
  { name: 'an unknown field', given: eip('bad', { adress: '10.0.0.1' }), message: /strict decoding error: unknown field "spec\.adress"/ },
  {
    name: 'a name of 254 characters',
    given: eip(long(254), {}),
    message: /metadata\.name: Invalid value: .*must be no more than 253 (bytes|characters)/,
  },
  {
    name: 'a negative AS',
    given: object('BgpConf', 'default', { as: -1 }),
    message: /spec\.as in body should be greater than or equal to 0/,
  },
  {
    name: 'an AS of five bytes',
    given: object('BgpConf', 'default', { as: 2 ** 32 }),
    message: /spec\.as in body should be less than or equal to 4294967295/,
  },
  {
    name: 'a port past the last',
    given: object('BgpConf', 'default', { listenPort: 65_536 }),
    message: /spec\.listenPort in body should be less than or equal to 65535/,
  },
  {
    name: 'a hold time with a unit',
    given: object('BgpPeer', 'bad', { timers: { config: { holdTime: '90s' } } }),
    message: /spec\.timers\.config\.holdTime in body should match '\^\[0-9\]\*\$'/,
  },
  {
    name: 'a hold time as a number',
    given: object('BgpPeer', 'bad', { timers: { config: { holdTime: 90 } } }),
    message: /holdTime in body must be of type string: "integer"/,
  },
  {
    name: 'a TTL of 256',
    given: object('BgpPeer', 'bad', { ebgpMultihop: { multihopTtl: 256 } }),
    message: /multihopTtl in body should be less than or equal to 255/,
  },
  {
    name: 'two AS numbers for one peer',
    given: object('BgpPeer', 'bad', { conf: { peerAs: 65_000, dynamicAs: 'external' } }),
    message: /spec\.conf: Invalid value: .*peerAs and dynamicAs exclude each other/,
  },
  {
    name: 'two passwords for one peer',
    given: object('BgpPeer', 'bad', { conf: { authPassword: 'x', authPasswordSecretKey: 'y' } }),
    message: /spec\.conf: Invalid value: .*authPassword and authPasswordSecretKey exclude each other/,
  },
  {
    name: 'BFD packets every 9 ms',
    given: object('BgpPeer', 'bad', { bfd: { transmitInterval: 9 } }),
    message: /spec\.bfd\.transmitInterval in body should be greater than or equal to 10/,
  },
  {
    name: 'signed BFD without a key',
    given: object('BgpPeer', 'bad', { bfd: { authentication: { type: 'keyed-sha1', keyId: 1 } } }),
    message: /spec\.bfd\.authentication\.secretKey: Required value/,
  },
  {
    name: 'a prefix of 33 bits',
    given: eip('bad', { bgp: { aggregationLength: 33 } }),
    message: /spec\.bgp\.aggregationLength in body should be less than or equal to 32/,
  },
  {
    name: 'a claim under another name',
    given: claim('10.9.0.3', { address: '10.9.0.4' }),
    message: /spec\.address: .*the name of a claim is its address/,
  },
  {
    name: 'an IPv6 claim under a short name',
    given: claim('fd00--1', { address: 'fd00::1' }),
    message: /the name of a claim is its address/,
  },
  ...(
    [
      ['fd00-0252-0000-0000-0000-0000-0000-0001', 'fd00:252::2'],
      ['fd00-0252-0000-0000-0000-0000-0000-0001', 'fd00:252::1:1'],
      ['fd00-0252-0000-0000-0000-0000-0000-0001', 'fd00:0252::1'],
      ['fd00-0252-0000-0000-0000-0000-0000-0001', 'FD00:252::1'],
      ['0000-0000-0000-0000-0000-0000-0000-0000', '::1'],
      ['fd00-0001-0002-0003-0004-0005-0006-0007', 'fd00:1:2:3:4:5:6:8'],
    ] as const
  ).map(([name, address]) => ({
    name: `${address} under the name of another address`,
    given: claim(name, { address }),
    message: /spec\.address: .*the name of a claim is its address, group by group/,
  })),
  ...['pool', '10.9.0', '10.9.0.256', '10.9.0.01'].map((address) => ({
    name: `${address} for an address`,
    given: claim(address, {}),
    message: /spec\.address: .*the address of a claim is in canonical text/,
  })),
  {
    name: 'a claim that nobody holds',
    given: claim('10.9.0.3', { holders: [] }),
    message: /spec\.holders in body should have at least 1 items/,
  },
  {
    name: 'a preference beyond the scale',
    given: eip('bad', { preferredNodes: [{ weight: 101, selector: {} }] }),
    message: /spec\.preferredNodes\[0\]\.weight in body should be less than or equal to 100/,
  },
  {
    name: 'a node selector without values',
    given: eip('bad', { nodeSelectors: [{}, { matchExpressions: [{ key: 'rack', operator: 'In' }] }] }),
    message: /spec\.nodeSelectors\[1\]\.matchExpressions\[0\]: .*In and NotIn take values/,
  },
  { name: 'a claim of no Eip', given: claim('10.9.0.3', { eip: '' }), message: /spec\.eip in body should be at least 1 chars long/ },
  {
    name: 'a port past the last',
    given: claim('10.9.0.3', { holders: [{ namespace: 'a', name: 'x', uid: 'u1', ports: [{ protocol: 'TCP', port: 65_536 }] }] }),
    message: /spec\.holders\[0\]\.ports\[0\]\.port in body should be less than or equal to 65535/,
  },
  {
    name: 'one holder twice',
    given: claim('10.9.0.3', { holders: [1, 2].map(() => ({ namespace: 'a', name: 'x', uid: 'u1', ports: [] })) }),
    message: /spec\.holders\[1\]: Duplicate value/,
  },
]

/** Some fourteen seconds alone: a call of kubectl for each line of the tables. */
const LIMIT_MS = 300_000
t.setTimeout(LIMIT_MS)

t.test('the kinds on a real API server', { timeout: LIMIT_MS }, async (t) => {
  const cluster: Cluster = await startControlPlane()
  t.teardown(() => cluster.down())
  const words = (args: string, input?: string | object) => {
    const text = typeof input === 'string' ? input : JSON.stringify(input)
    return [args.split(' '), text === undefined ? {} : { input: text }] as const
  }
  const kubectl = (args: string, input?: string | object) => cluster.tryKubectl(...words(args, input))
  const output = (args: string, input?: string | object) => cluster.kubectl(...words(args, input))
  const crds = { apiVersion: 'v1', kind: 'List', items: KINDS.map((kind) => kind.crd()) }
  await output('apply -f -', crds)
  await output(`wait --for=condition=Established --timeout=30s ${KINDS.map((kind) => `crd/${kind.crdName}`).join(' ')}`)

  t.test('every CRD is structural, and a second apply changes nothing', async (t) => {
    const list = JSON.parse(await output('get crd -o json')) as {
      items: { metadata: { name: string }; status: { conditions: { type: string; status: string }[] } }[]
    }
    t.equal(list.items.length, KINDS.length)
    for (const { metadata, status } of list.items) {
      t.notOk(
        status.conditions.some(({ type }) => type === 'NonStructuralSchema'),
        `${metadata.name} is structural`,
      )
    }
    t.equal((await output('apply -f -', crds)).match(/ unchanged$/gm)?.length, KINDS.length)
  })

  t.test('explain speaks', async (t) => {
    t.match(await output('explain eip.spec.address'), /FIELD: address <string>[\s\S]*one IP, IP\/length, or firstIP-lastIP/)
    t.match(await output('explain eip.spec.protocol'), /ENUM:\s+bgp\s+layer2\s+vip\s/)
    t.match(await output('explain addressclaim.status.owner.epoch'), /the higher epoch is right/)
    t.match(await output('explain bgpconf.spec.gracefulRestart'), /restartTime/)
  })

  t.test("a seed's Eip is stored as written, without its status", async (t) => {
    await output('apply -f -', SEED_EIP)
    const stored = JSON.parse(await output('get eip eip-sample-pool -o json')) as { spec: object; status?: object }
    t.equal(stored.status, undefined)
    t.same(Object.keys(stored.spec).sort(), ['address', 'disable', 'interface', 'namespaceSelector', 'namespaces', 'priority', 'protocol'])
    t.match(await output('get eip'), /^NAME +CIDR +USAGE +TOTAL *\neip-sample-pool +192\.168\.0\.91-192\.168\.0\.100 *\n$/)
    const status = { status: { poolSize: 10, usage: 1, used: { '192.168.0.91': 'default/test-svc' } } }
    await output(`patch eip eip-sample-pool --subresource=status --type=merge -p ${JSON.stringify(status)}`)
    t.match(await output('get networking'), /eip-sample-pool +192\.168\.0\.91-192\.168\.0\.100 +1 +10/, 'by its category')
  })

  t.test('v1alpha1 is served, deprecated and loses nothing', async (t) => {
    const read = await kubectl('get eips.v1alpha1.network.kubesphere.io')
    t.match(read.stderr, /v1alpha1 Eip is deprecated/)
    t.match(read.stdout, /^NAME +CIDR +USAGE +TOTAL/)
    await output('annotate eips.v1alpha1.network.kubesphere.io eip-sample-pool touched=yes')
    t.match(await output('get eip eip-sample-pool -o jsonpath={.spec.interface}'), 'eth0')
    const peer = await kubectl(
      'create -f -',
      object('BgpPeer', 'old', { config: { neighborAddress: '192.0.2.1', peerAs: 65_000 } }, 'v1alpha1'),
    )
    t.match(peer, { code: 0, stderr: /config is named conf/ })
  })

  t.test('a claim prints its address, its Service and its owner', async (t) => {
    const holders = ['x', 'y'].map((name) => ({ namespace: 'a', name, uid: name, ports: [{ protocol: 'TCP', port: 80 }] }))
    const name = 'fd00-0252-0000-0000-0000-0000-0000-0001'
    await output('create -f -', claim(name, { address: 'fd00:252::1', service: 'a/x;a/y', protocol: 'layer2', interface: 'eth0', holders }))
    const status = { status: { owner: { node: 'n1', interface: 'eth0', epoch: 1, since: '2026-01-01T00:00:00.000000Z' } } }
    await output(`patch addressclaim ${name} --subresource=status --type=merge -p ${JSON.stringify(status)}`)
    const [header, row] = (await output('get addressclaims')).split('\n')
    t.same(header?.trim().split(/ +/), ['NAME', 'ADDRESS', 'SERVICE', 'EIP', 'PROTOCOL', 'NODE', 'AGE'])
    t.same(row?.trim().split(/ +/).slice(0, 6), [name, 'fd00:252::1', 'a/x;a/y', 'pool', 'layer2', 'n1'])
    const moved = await kubectl(`patch addressclaim ${name} --type=merge -p {"spec":{"address":"fd00:252::2"}}`)
    t.match(moved, { code: 1, stderr: /spec\.address: .*the address of a claim cannot be changed/ })
    const again = await kubectl('create -f -', claim(name, { address: 'fd00:252::1' }))
    t.match(again, { code: 1, stderr: /AlreadyExists/ }, 'the second holder loses')
  })

  t.test('bad input is refused with a sentence that names the field', async (t) => {
    const stored = () => output('get eip,bgpconf,bgppeer,addressclaim -o name')
    const before = await stored()
    for (const { name, given, message } of REFUSED) t.match(await kubectl('create -f -', given), { code: 1, stderr: message }, name)
    t.equal(await stored(), before, 'nothing of it is stored')
  })

  t.test('what OpenELB accepts is accepted', async (t) => {
    const accepted: readonly object[] = [
      eip('a', { protocol: 'layer2', interface: 'nosuch0' }),
      eip('b', { protocol: 'layer2', interface: 'can_reach:10.251.0.1', priority: -5, usingKnownIPs: true }),
      eip('c', { address: '10.0.0.0/8' }),
      eip('d', { address: 'fd00:252::/64', interface: null, namespaces: null }),
      eip('e', {
        addresses: ['10.8.0.0/24', 'fd00:251::/120'],
        exclude: ['10.8.0.1'],
        avoidBuggyIPs: true,
        autoAssign: false,
        serviceSelector: { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'c', operator: 'NotIn', values: ['d'] }] },
        namespaceSelector: { matchExpressions: [{ key: 'c', operator: 'DoesNotExist' }] },
        enforceNamespaces: true,
        order: 'least-recently-released',
        quota: { perNamespace: 0 },
        reservations: [{ address: '10.8.0.9', namespace: 'a', name: 'x' }],
        onShrink: 'evict',
        interface: 'bond0,eth*',
        interfaces: ['can_reach:10.251.0.1', 'en?s*'],
        nodeSelectors: [{}, { matchLabels: { rack: 'a' }, matchExpressions: [{ key: 'c', operator: 'Exists' }] }],
        preferredNodes: [{ weight: 100, selector: { matchLabels: { rack: 'a' } } }],
        probe: true,
      }),
      claim('10.9.0.77', { address: '10.9.0.77', protocol: 'layer2', interface: 'bond0,eth*', probe: true }),
      ...['::', '::1', 'fd00::', 'fd00:0:0:1::1', '1:0:2:3:4:5:6:7', '1::2'].map((address) => {
        const ip = parseIp(address)
        return claim(ip.ok ? claimName(ip.value) : address, { address })
      }),
      eip(`long-${long(240)}`, {}),
      object('BgpConf', 'default', {
        as: 4_200_000_001,
        listenPort: -1,
        families: [65_537],
        gracefulRestart: { enabled: true, restartTime: 60 },
      }),
      object('BgpConf', 'other', {}),
      object('BgpPeer', 'empty', {}),
      object('BgpPeer', 'lax', { conf: { peerAs: 0, dynamicAs: 'internal', authPassword: '', authPasswordSecretKey: 'k', vrf: '' } }),
      object('BgpPeer', 'ours', {
        conf: { neighborInterface: 'eth0', dynamicAs: 'external', role: 'customer' },
        ttlSecurity: { enabled: true, ttlMin: 254 },
        transport: { localAddress: '192.0.2.2', bindInterface: 'eth0' },
        nextHop: 'nodes',
        bfd: { transmitInterval: 50, detectMultiplier: 3, authentication: { type: 'keyed-sha1', keyId: 0, secretKey: 'bfd' } },
      }),
      eip('routes', {
        protocol: 'bgp',
        bgp: { aggregationLength: 24, communities: ['no-export'], peers: ['tor'], localPref: 200, med: 0 },
      }),
      object('BgpPeer', 'full', {
        conf: { neighborAddress: '192.0.2.1', peerAs: 65_000, removePrivateAs: '' },
        timers: { config: { holdTime: '90', connectRetry: '' } },
        afiSafis: [{ config: { family: { afi: 'AFI_IP', safi: 'SAFI_UNICAST' }, enabled: true }, addPaths: { config: { sendMax: 10 } } }],
        nodeSelector: { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'c', operator: 'In', values: ['d'] }] },
      }),
    ]
    for (const given of accepted) t.match(await kubectl('create -f -', given), { code: 0 }, JSON.stringify(given).slice(0, 120))
    await output('create --validate=false -f -', eip('pruned', { colour: 'red' }))
    t.equal(await output('get eip pruned -o jsonpath={.spec}'), '{"address":"10.9.0.1"}', 'unknown fields are dropped')
  })

  t.test('the schema speaks before a validating webhook, so cases that OpenELB refuses in its webhook are not in the schema', async (t) => {
    const rule = {
      apiGroups: ['network.kubesphere.io'],
      apiVersions: ['v1alpha2'],
      resources: ['eips', 'addressclaims'],
      operations: ['CREATE', 'UPDATE'],
    }
    const webhook = {
      name: 'nobody.example.com',
      clientConfig: { url: 'https://127.0.0.1:9/' },
      failurePolicy: 'Fail',
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      timeoutSeconds: 2,
      rules: [rule],
    }
    await output('create -f -', {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'nobody' },
      webhooks: [webhook],
    })
    const reached = /failed calling webhook "nobody\.example\.com"/
    let active = false
    for (let attempt = 0; attempt < 50 && !active; attempt++)
      active = reached.test((await kubectl(`create -f -`, eip(`probe-${attempt}`, {}))).stderr)
    t.ok(active)
    t.match(
      await kubectl('create -f -', claim('10.9.0.3', { address: '10.9.0.4' })),
      { code: 1, stderr: /the name of a claim is its address/ },
      'CEL comes first',
    )
    for (const spec of [
      { address: '' },
      { address: 'xxxx' },
      { address: '10.0.0.2-10.0.0.1' },
      { address: '10.0.0.1/33' },
      { protocol: 'layer2' },
    ]) {
      t.match(await kubectl('create -f -', eip('webhook', spec)), { code: 1, stderr: reached }, JSON.stringify(spec))
    }
    t.match(await kubectl('patch eip a --type=merge -p {"spec":{"address":"10.9.9.9"}}'), { code: 1, stderr: reached }, 'a changed address')
  })
})
