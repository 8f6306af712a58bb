/** Every source of a request on Services, and what is known early of fences, reservations, nodes and families. */
import type { Test } from 'tap'
import { SETTINGS_CONFIG_MAP } from '../../../src/api/names.ts'
import { createObject, deleteObject, patchObject } from '../../../src/kube/objects.ts'
import { CONFIG_MAPS, EIPS } from '../../../src/kube/resources.ts'
import { eip, kubectlApply, NAMESPACE, service, until, type World } from './world.ts'

const DENIED = 'admission webhook "validate.service.network.kubesphere.io" denied the request: '
const OPT_IN = { 'lb.kubesphere.io/v1alpha1': 'openelb' }
const EIP = 'eip.openelb.kubesphere.io/v1alpha2'
const IP = 'eip.openelb.kubesphere.io/v1alpha1'
const LIST = 'openelb.io/addresses'

/** What `kubectl create --dry-run=server` of a Service prints. */
async function ask({ cluster }: World, annotations: Readonly<Record<string, string>>, spec: object = {}, name = 'wants'): Promise<string> {
  const object = { apiVersion: 'v1', kind: 'Service', ...service(name, { ...OPT_IN, ...annotations }, spec) }
  const { stdout, stderr } = await cluster.tryKubectl(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(object) })
  return `${stderr}${stdout}`.trim()
}

const FINE = 'service/wants created (server dry run)'
const DUAL = { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] }

async function pools(world: World): Promise<void> {
  const { api } = world
  const kept = [
    { address: '10.80.0.5', namespace: 'shop', name: 'web' },
    { address: '10.80.0.6', namespace: 'default', name: 'wants' },
  ]
  const specs = {
    four: { address: '10.80.0.0/24', exclude: ['10.80.0.1'], avoidBuggyIPs: true, reservations: kept },
    six: { address: 'fd00:80::/120' },
    both: { address: '10.80.1.0/24', addresses: ['fd00:81::/120'] },
    shut: { address: '10.80.2.0/24', namespaces: ['shop'], enforceNamespaces: true },
  }
  for (const [name, spec] of Object.entries(specs)) await createObject(api, EIPS, { ...eip(name, spec) })
  let seen = 0
  await until('both webhooks know the Eips', async () => {
    seen = (await ask(world, { [EIP]: 'shut' })).includes('shut is not for Services') ? seen + 1 : 0
    return seen === 4
  })
}

async function requests(t: Test, world: World): Promise<void> {
  const table: readonly (readonly [string, Readonly<Record<string, string>>, object, string])[] = [
    ['one of each family, of two Eips', { [EIP]: 'four,six', [LIST]: 'fd00:80::9,10.80.0.9' }, DUAL, FINE],
    ['one of each family, of one Eip', { [EIP]: 'both', [LIST]: '10.80.1.9, fd00:81::9' }, DUAL, FINE],
    [
      'both or none, and an Eip of one family',
      { [EIP]: 'four' },
      DUAL,
      `${DENIED}service can't use different family eip: Eip four is IPv4 alone`,
    ],
    [
      'the same, if that will do',
      { [EIP]: 'four' },
      { ...DUAL, ipFamilyPolicy: 'PreferDualStack' },
      'Warning: Eip four has no IPv6 address: the Service gets IPv4 alone',
    ],
    ['an address of the second Eip', { [EIP]: 'six,four', [IP]: '10.80.0.9' }, {}, FINE],
    [
      'an address of neither',
      { [EIP]: 'six,four', [LIST]: '10.80.1.9' },
      {},
      `${DENIED}the specified ip:10.80.1.9 is beyond the range of eip[six:fd00:80::/120]`,
    ],
    ['two addresses of one family', { [LIST]: '10.80.0.9,10.80.0.10' }, {}, `${DENIED}${LIST}: "10.80.0.10" is a second IPv4 address`],
    ['an excluded address', { [IP]: '10.80.0.1' }, {}, `${DENIED}the specified ip:10.80.0.1 of eip:four is never given, by spec.exclude: `],
    ['an edge', { [IP]: '10.80.0.255' }, {}, `${DENIED}the specified ip:10.80.0.255 of eip:four is never given, by spec.avoidBuggyIPs: `],
    ['kept for another', { [IP]: '10.80.0.5' }, {}, `${DENIED}the specified ip:10.80.0.5 of eip:four is reserved for shop/web: `],
    ['kept for it', { [IP]: '10.80.0.6' }, {}, FINE],
    ['fenced', { [IP]: '10.80.2.9' }, {}, `${DENIED}eip:shut is not for Services of the namespace default: `],
    [
      'Local without a selector',
      {},
      { externalTrafficPolicy: 'Local' },
      'Warning: externalTrafficPolicy is Local and the Service has no selector',
    ],
    [
      'nearly opting in',
      { 'lb.kubesphere.io/v1alpha1': 'OpenELB' },
      {},
      'Warning: the annotation lb.kubesphere.io/v1alpha1 is "OpenELB", which opts out',
    ],
    ['a megabyte', { [EIP]: 'x'.repeat(200_000) }, {}, `${DENIED}${EIP}: "${'x'.repeat(64)}…" is not the name of an Eip`],
  ]
  for (const [name, annotations, spec, want] of table) {
    const said = await ask(world, annotations, spec)
    t.ok(said.includes(want) && said.length < 2000, `${name}: ${said.slice(0, 400)}`)
  }
}

async function nodes(t: Test, world: World): Promise<void> {
  const { api } = world
  await createObject(api, EIPS, { ...eip('around', { address: '10.75.0.0/24' }) })
  let said = ''
  await until('the address of a node is refused', async () => {
    said = await ask(world, { [IP]: '10.75.0.11' })
    return said.includes(DENIED)
  })
  t.ok(said.includes(`${DENIED}the specified ip:10.75.0.11 is an address of node n-adm: `), said)
}

/** The annotations that a bare Service would get. */
async function filledIn({ cluster }: World): Promise<string> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'Service', ...service('bare-2') })
  return cluster.kubectl(['create', '--dry-run=server', '-f', '-', '-o', 'jsonpath={.metadata.annotations}'], { input })
}

async function compat(t: Test, world: World): Promise<void> {
  const { api } = world
  const settings = { namespace: NAMESPACE, name: SETTINGS_CONFIG_MAP }
  const asks = () => ask(world, { 'metallb.io/loadBalancerIPs': '10.80.0.1' })
  t.match(
    await asks(),
    /^Warning: the annotation metallb\.io\/loadBalancerIPs is not read: compat in ConfigMap openelb-config does not name metallb$/m,
  )
  await createObject(api, CONFIG_MAPS, { metadata: settings, data: { compat: 'metallb,kube-vip', exclude: '10.80.0.77' } })
  let seen = 0
  await until('both webhooks read it', async () => {
    seen = (await asks()).includes('10.80.0.1 of eip:four is never given') ? seen + 1 : 0
    return seen === 4
  })
  t.match(await ask(world, { 'kube-vip.io/loadbalancerIPs': '0.0.0.0' }), /is ignored because OpenELB asks no DHCP server/)
  t.match(await ask(world, { [IP]: '10.80.0.77' }), /10\.80\.0\.77 of eip:four is never given, by the setting exclude/)
  await patchObject(api, CONFIG_MAPS, settings, { data: { adopt: 'annotated', compat: null, exclude: null } }, { type: 'merge' })
  await until('as in OpenELB 0.6, nothing is filled in', async () => (await filledIn(world)) === '')
  await deleteObject(api, CONFIG_MAPS, settings)
}

async function applied(t: Test, world: World): Promise<void> {
  const { cluster } = world
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'Service', ...service('applied') })
  const serverSide = () =>
    cluster.kubectl(['apply', '--server-side', '-f', '-', '-o', 'jsonpath={.metadata.resourceVersion} {.metadata.annotations}'], { input })
  const first = await serverSide()
  t.match(first, /"eip\.openelb\.kubesphere\.io\/v1alpha2":"dflt"/, 'the annotations are there')
  t.equal(await serverSide(), first, 'applied twice by the server, nothing changes')
  t.match(
    await kubectlApply(cluster, { apiVersion: 'v1', kind: 'Service', ...service('waits', { ...OPT_IN, [EIP]: 'later' }) }),
    /^Warning: Eip later does not exist/,
  )
  const { stderr } = await cluster.tryKubectl(['label', 'service', 'waits', 'a=b'])
  t.equal(stderr, '', 'a warning is said once')
}

/** All of it, in order. */
export async function serviceRules(t: Test, world: World): Promise<void> {
  await pools(world)
  await t.test('requests', (t) => requests(t, world))
  await t.test('addresses of nodes', (t) => nodes(t, world))
  await t.test('applied twice', (t) => applied(t, world))
  await t.test('annotations of others, and settings', (t) => compat(t, world))
}
