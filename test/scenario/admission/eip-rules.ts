/** Eips of several ranges: what is refused, what is warned of, and that growing is as serial as creating. */
import type { Test } from 'tap'
import type { ConfigMapObject } from '../../../src/api/core-objects.ts'
import type { EipObject } from '../../../src/api/eip.ts'
import { EIP_ADMISSION_CONFIG_MAP } from '../../../src/api/names.ts'
import { createObject, deleteObject, getObject, patchObject } from '../../../src/kube/objects.ts'
import { CONFIG_MAPS, EIPS, NODES } from '../../../src/kube/resources.ts'
import { attempt, DENIED, eip, kubectlApply, NAMESPACE, ofKind, until, type World } from './world.ts'

const LAYER2 = { protocol: 'layer2', interface: 'eth0' } as const

/** `changed`, or the API server's sentence. */
async function change({ api }: World, name: string, spec: object): Promise<string> {
  return patchObject(api, EIPS, { name }, { spec }, { type: 'merge' }).then(
    () => 'changed',
    (error: Error) => error.message.replace(/^PATCH \S+: \d+ /, ''),
  )
}

/** What `kubectl create --dry-run=server` of an Eip prints. */
async function dryRun({ cluster }: World, name: string, spec: object): Promise<string> {
  const { stdout, stderr } = await cluster.tryKubectl(['create', '--dry-run=server', '-f', '-'], {
    input: JSON.stringify(ofKind('Eip', name, spec)),
  })
  return `${stderr}${stdout}`
}

async function refusals(t: Test, world: World): Promise<void> {
  const { api } = world
  const wide = { address: '10.70.0.0/28', addresses: ['fd00:70::/120', '10.70.1.0/24'], exclude: ['10.70.1.1'] }
  t.equal(await attempt(api, EIPS, eip('wide', wide)), 'created')
  const table: readonly (readonly [object, string])[] = [
    [{ address: '10.70.1.7' }, 'eip address overlap with wide: '],
    [{ address: '10.70.9.1', addresses: ['10.70.9.2', 'fd00:70::ff/127'] }, 'eip address overlap with wide: '],
    [{ address: '10.70.9.1', addresses: ['10.70.9.0/24'] }, 'spec.addresses[0] overlaps with spec.address: '],
    [{ address: '10.70.9.1', addresses: ['10.70.9.2', 'nonsense'] }, 'spec.addresses[1] is not valid: "nonsense" is not an IP address'],
    [{ address: '10.70.9.1', exclude: ['10.70.9.9-10.70.9.1'] }, 'spec.exclude[0] is not valid: '],
    [{ address: '10.70.9.1', namespaceSelector: { a: 1 } }, 'spec.namespaceSelector is not valid: '],
    [
      {
        address: 'fd00:71::/120',
        reservations: ['fd00:71::1', 'FD00:71::0001'].map((address) => ({ address, namespace: 'a', name: 'b' })),
      },
      'spec.reservations[1] keeps fd00:71::1, as spec.reservations[0] does: ',
    ],
  ]
  for (const [spec, want] of table) {
    const message = await attempt(api, EIPS, eip('e', spec))
    t.ok(message.startsWith(`${DENIED}${want}`), message)
  }
  t.equal(await change(world, 'wide', { addresses: ['fd00:70::/120', '10.70.1.0/24', '10.70.2.0/24'] }), 'changed', 'it may grow')
  t.ok((await change(world, 'wide', { addresses: ['10.251.0.60'] })).startsWith(`${DENIED}eip address overlap with e-range: `))
  t.equal(await attempt(api, EIPS, eip('other', { address: '10.70.1.200' })).then((said) => said.includes('overlap with wide')), true)
  t.equal(await change(world, 'wide', { addresses: ['fd00:70::/120'] }), 'changed', 'and shrink')
  t.equal(await attempt(api, EIPS, eip('other', { address: '10.70.1.200' })), 'created', 'what it gave up is free')
}

async function race(t: Test, world: World): Promise<void> {
  const { api } = world
  const names = Array.from({ length: 16 }, (_, at) => `grows-${at}`)
  for (const [at, name] of names.entries()) t.equal(await attempt(api, EIPS, eip(name, { address: `10.72.0.${at}` })), 'created')
  const results = await Promise.all(names.map((name) => change(world, name, { addresses: ['10.73.0.0/24'] })))
  t.equal(results.filter((result) => result === 'changed').length, 1, results.join('\n'))
  const stored = await Promise.all(names.map((name) => getObject<EipObject>(api, EIPS, { name })))
  t.equal(stored.filter(({ spec }) => spec.addresses !== undefined).length, 1)
  await Promise.all(names.map((name) => deleteObject(api, EIPS, { name })))
}

async function warnings(t: Test, world: World): Promise<void> {
  const { api } = world
  const quiet = await dryRun(world, 'quiet', { address: '10.74.0.0/24', ...LAYER2, exclude: ['10.74.0.1'] })
  t.equal(quiet, 'eip.network.kubesphere.io/quiet created (server dry run)\n', 'nothing is said of what is well')
  t.match(await dryRun(world, 'silent', { address: '10.74.0.0/24', ...LAYER2, protocol: 'vip' }), /^Warning: spec\.protocol is vip: /)
  const node = { metadata: { name: 'n-adm' }, spec: { podCIDRs: ['10.244.7.0/24'], podCIDR: '10.244.7.0/24' } }
  await createObject(api, NODES, node)
  await patchObject(
    api,
    NODES,
    { name: 'n-adm' },
    { status: { addresses: [{ type: 'InternalIP', address: '10.75.0.11' }] } },
    { type: 'merge', subresource: 'status' },
  )
  const near = () => dryRun(world, 'near', { address: '10.75.0.0/24', ...LAYER2 })
  let seen = 0
  await until('both webhooks know the node', async () => {
    seen = /addresses of nodes/.test(await near()) ? seen + 1 : 0
    return seen === 4
  })
  const said = await near()
  t.match(said, /^Warning: the Eip has addresses of nodes, which no Service gets: 10\.75\.0\.11 \(n-adm\); list them in spec\.exclude$/m)
  t.match(
    said,
    /^Warning: the network of the nodes often has its gateway at 10\.75\.0\.1, 10\.75\.0\.254: if so, list it in spec\.exclude$/m,
  )
  t.match(
    await dryRun(world, 'pods', { address: '10.244.7.9', ...LAYER2 }),
    /^Warning: the Eip has addresses of Pods \(spec\.podCIDRs of n-adm\)$/m,
  )
}

async function shrinking(t: Test, world: World): Promise<void> {
  const { api, cluster } = world
  const spec = { address: '10.76.0.0/28', addresses: ['10.76.1.0/28'], ...LAYER2 }
  t.match(await kubectlApply(cluster, ofKind('Eip', 'shrinks', spec)), /^eip\.network\.kubesphere\.io\/shrinks created$/)
  const used = { '10.76.0.1': 'shop/stays', '10.76.1.1': 'shop/web;shop/api', '10.76.1.2': 'a/b' }
  await patchObject(api, EIPS, { name: 'shrinks' }, { status: { usage: 3, used } }, { type: 'merge', subresource: 'status' })
  const keep = await kubectlApply(cluster, ofKind('Eip', 'shrinks', { ...spec, addresses: ['fd00:76::/120'] }))
  t.match(keep, /^Warning: 2 addresses in use leave Eip shrinks and stay assigned and announced until released /m)
  t.match(keep, /^Warning: Services whose addresses leave Eip shrinks: a\/b, shop\/api, shop\/web$/m)
  t.match(keep, /^eip\.network\.kubesphere\.io\/shrinks configured$/m)
  const evict = await kubectlApply(cluster, ofKind('Eip', 'shrinks', { ...spec, addresses: ['fd00:76::/120'], onShrink: 'evict' }))
  t.match(evict, /^Warning: 2 addresses in use leave Eip shrinks, and with spec\.onShrink evict their Services move now: /m)
  const again = await kubectlApply(
    cluster,
    ofKind('Eip', 'shrinks', { ...spec, addresses: ['fd00:76::/120'], onShrink: 'evict', priority: 5 }),
  )
  t.equal(again, 'eip.network.kubesphere.io/shrinks configured', 'a warning is said once')
}

async function traces(t: Test, world: World): Promise<void> {
  const { api, cluster } = world
  const map = { namespace: NAMESPACE, name: EIP_ADMISSION_CONFIG_MAP }
  const version = async () => (await getObject<ConfigMapObject>(api, CONFIG_MAPS, map)).metadata.resourceVersion
  const before = await version()
  const input = JSON.stringify(ofKind('Eip', 'wide', { address: '10.70.0.0/28', addresses: ['10.77.0.0/24'], protocol: 'bgp' }))
  t.match(await cluster.kubectl(['apply', '--dry-run=server', '-f', '-'], { input }), /configured \(server dry run\)/)
  t.equal(await version(), before, 'a dry run of growing reserves nothing')
  const fields = JSON.stringify(
    ofKind('Eip', 'applied', {
      address: '10.78.0.0/28',
      addresses: ['10.78.1.0/28'],
      reservations: [{ address: '10.78.0.1', namespace: 'a', name: 'b' }],
      ...LAYER2,
    }),
  )
  const serverSide = () =>
    cluster.kubectl(['apply', '--server-side', '-f', '-', '-o', 'jsonpath={.metadata.resourceVersion}'], { input: fields })
  t.equal(await serverSide(), await serverSide(), 'applied twice by the server, nothing changes')
}

/** All of it, in order. */
export async function eipRules(t: Test, world: World): Promise<void> {
  await t.test('what is refused', (t) => refusals(t, world))
  await t.test('of 16 Eips that take the same range in addition one gets it', (t) => race(t, world))
  await t.test('what is warned of', (t) => warnings(t, world))
  await t.test('an Eip loses ranges that are in use', (t) => shrinking(t, world))
  await t.test('what leaves no trace', (t) => traces(t, world))
}
