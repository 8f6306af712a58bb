import t from 'tap'
import { ALLOCATED_CONDITION } from '../../src/api/service-annotations.ts'
import { bindingOf, selectorText } from '../../src/cli/pool-line.ts'
import { addresses } from '../../src/cli/verbs/addresses.ts'
import { doctor } from '../../src/cli/verbs/doctor.ts'
import { explain } from '../../src/cli/verbs/explain.ts'
import { pools } from '../../src/cli/verbs/pools.ts'
import { status } from '../../src/cli/verbs/status.ts'
import { waitingFor } from '../../src/cli/waiting.ts'
import { fakeCluster, runVerb } from './support/fake-cluster.ts'
import { claim, condition, configMap, deployment, eip, lease, OWN, service, workloads } from './support/objects.ts'

const full = ['PoolExhausted', 'no avliable eip: every address of pool is taken; delete a Service'] as const
const world = [
  eip('pool', '10.0.0.2-10.0.0.10', {
    isDefault: true,
    exclude: ['10.0.0.5-10.0.0.6'],
    reservations: [{ address: '10.0.0.9', namespace: 'x', name: 'y' }],
  }),
  eip('other', '10.0.1.0/30', {
    addresses: ['fd00::1-fd00::2'],
    priority: 4,
    namespaces: ['a', 'b'],
    namespaceSelector: { team: 'x' },
    disable: true,
    conditions: [condition('Ready', 'True', 'Disabled', 'stopped')],
  }),
  claim('10.0.0.10', 'b', { owner: 'n1' }),
  claim('10.0.0.2', 'a', { conditions: [condition('Announced', 'False', 'NobodyAnswers', 'no node may')] }),
  claim('10.0.0.77', 'c', { owner: 'n1' }),
  service('a', { shows: ['10.0.0.2'] }),
  service('b', { shows: ['10.0.0.10'] }),
  service('w', { waits: full, namespace: 'far' }),
]

t.test('pools: what there is, what is left, who waits', async (t) => {
  const { out, code } = await runVerb(pools, [], fakeCluster({ objects: world }))
  t.equal(code, 0)
  t.match(out, /^NAME +ADDRESSES +PROTOCOL +USED +FREE +TOTAL +READY +DEFAULT +PRIORITY +BOUND TO +WAITING +REASON\n/)
  t.match(out, /^pool +10\.0\.0\.2-10\.0\.0\.10 +layer2 +3 +5 +7 +True +true +0 +<none> +1$/m, 'one held address has left the range')
  t.match(out, /^other +10\.0\.1\.0\/30,fd00::1-fd00::2 +layer2 +0 +6 +6 +True +false +4 +a,b,namespaces\(team=x\) +0 +Disabled: stopped$/m)
  t.ok(out.indexOf('other') < out.indexOf('pool'), 'by name')
  const wide = await runVerb(pools, ['pool', '-o', 'wide', '--no-headers'], fakeCluster({ objects: world }))
  t.match(wide.out, /^pool .* 10\.0\.0\.5-10\.0\.0\.6 +1 +1 +first$/m)
  t.equal(wide.out.split('\n').length, 2)
  const json = JSON.parse((await runVerb(pools, ['-o', 'json'], fakeCluster({ objects: world }))).out)
  t.match(json.items[1], { name: 'pool', used: 3, free: '5', total: '7', draining: 1, waiting: 1, excluded: ['10.0.0.5-10.0.0.6'] })
  t.equal(
    (await runVerb(pools, ['-o', 'name'], fakeCluster({ objects: world }))).out,
    'eip.network.kubesphere.io/other\neip.network.kubesphere.io/pool\n',
  )
})

t.test('what the settings exclude is given by no Eip: the figures are those of its status', async (t) => {
  const objects = [
    eip('pool', '10.0.0.0/30'),
    claim('10.0.0.1', 'a', { owner: 'n1' }),
    configMap('openelb-config', OWN, { exclude: '10.0.0.0/31' }),
  ]
  const pool = { used: 1, free: '2', total: '2', draining: 1 }
  t.match(JSON.parse((await runVerb(pools, ['-o', 'json'], fakeCluster({ objects }))).out).items, [pool])
  const shown = JSON.parse((await runVerb(status, ['-o', 'json'], fakeCluster({ objects }))).out)
  t.match(shown, { pools: [pool], addresses: { attention: [{ address: '10.0.0.1', state: 'Draining' }] } })
  t.match((await runVerb(addresses, [], fakeCluster({ objects }))).out, /^10\.0\.0\.1 .* Draining/m)
  const unread = await runVerb(pools, ['-o', 'json'], fakeCluster({ objects, forbidden: ['configmaps'] }))
  t.match(JSON.parse(unread.out).items, [{ free: '3', total: '4' }], 'without the right to read them, none')
  t.match((await runVerb(explain, ['pool', 'pool'], fakeCluster({ objects }))).out, /Room: +2 of 2 free, 1 held, 1 of them outside/)
  const full = [eip('pool', '10.0.0.0/31'), claim('10.0.0.1', 'a'), configMap('openelb-config', OWN, { exclude: '10.0.0.0' })]
  t.match((await runVerb(doctor, [], fakeCluster({ objects: full }))).out, /Eip pool has given all it has \(1\)/)
})

t.test('pools: what cannot be said is said to be unknown', async (t) => {
  const broken = [eip('bad', 'nonsense', { conditions: [] }), eip('new', '10.0.0.1', { conditions: [] })]
  const { out } = await runVerb(pools, [], fakeCluster({ objects: broken }))
  t.match(out, /^bad +nonsense +layer2 +0 +unknown +unknown +Unknown .* the allocator has not seen it yet$/m)
  const none = await runVerb(pools, [], fakeCluster())
  t.match(none, { out: '', err: /There is no Eip/, code: 0 })
  t.match(await runVerb(pools, ['absent'], fakeCluster()), { code: 1, err: 'there is no Eip absent' })
  t.match(await runVerb(pools, ['a', 'b'], fakeCluster()), { code: 2 })
  const long = eip('long', '10.0.0.1', {
    conditions: [condition('Ready', 'False', 'Invalid', 'x'.repeat(500)), condition('Exhausted', 'True', 'Full', 'y')],
  })
  t.match((await runVerb(pools, [], fakeCluster({ objects: [long] }))).out, /Invalid: x{100,160}\.\.\.$/m)
  t.match((await runVerb(pools, ['-ojson'], fakeCluster({ objects: [long] }))).out, /x{500}; Exhausted: y"/)
})

t.test('a held address that the Eip excludes by now drains, and takes nothing from what is free', async (t) => {
  const objects = [eip('pool', '10.0.0.0/30', { exclude: ['10.0.0.1'] }), claim('10.0.0.1', 'a', { owner: 'n1' }), claim('10.0.0.2', 'b')]
  const json = JSON.parse((await runVerb(pools, ['-o', 'json'], fakeCluster({ objects }))).out)
  t.match(json.items[0], { used: 2, free: '2', total: '3', draining: 1 })
  const { out } = await runVerb(addresses, ['-o', 'wide'], fakeCluster({ objects }))
  t.match(
    out,
    /^10\.0\.0\.1 .* Draining .*Eip pool gives the address no more \(spec\.exclude, spec\.avoidBuggyIPs, the setting exclude\)$/m,
  )
})

t.test('a name is found in a sentence only as a word of its own', async (t) => {
  const waits = (message: string) => [{ service: 's', reason: 'r', message, since: '' }]
  for (const text of ['pool', 'eip:pool is full', 'of a, pool, b is', 'eip[pool:1]', 'the Eip pool.'])
    t.equal(waitingFor('pool', waits(text)), 1, text)
  for (const text of ['pools', 'my-pool is', 'pool.b is', 'pool-2']) t.equal(waitingFor('pool', waits(text)), 0, text)
  t.equal(waitingFor('a.b', waits('axb is full')), 0)
})

t.test('bindings as kubectl writes selectors', async (t) => {
  t.same(bindingOf({ namespaces: [] }), [])
  t.same(bindingOf({ namespaces: ['a'], serviceSelector: {} }), ['a', 'services(all)'])
  const requirement = (operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', values?: readonly string[]) => ({
    key: 'k',
    operator,
    ...(values && { values }),
  })
  const matchExpressions = [requirement('In', ['a', 'b']), requirement('NotIn', ['c']), requirement('Exists'), requirement('DoesNotExist')]
  t.equal(selectorText({ matchLabels: { x: 'y' }, matchExpressions }), 'x=y,k in (a,b),k notin (c),k,!k')
})

t.test('addresses: in their order, with what stands in the way', async (t) => {
  const { out } = await runVerb(addresses, [], fakeCluster({ objects: world }))
  t.same(
    out.split('\n').map((line) => line.split(/ +/).slice(0, 7).join(' ')),
    [
      'ADDRESS SERVICE EIP PROTOCOL NODE AGE STATE',
      '10.0.0.2 default/a pool layer2 <none> 24h NobodyAnswers',
      '10.0.0.10 default/b pool layer2 n1 24h Announced',
      '10.0.0.77 default/c pool layer2 n1 24h Draining',
      '',
    ],
  )
  const wide = await runVerb(addresses, ['pool', '-o', 'wide'], fakeCluster({ objects: world }))
  t.match(wide.out, /^10\.0\.0\.2 .* TCP\/80 +<none> +no node may$/m)
  t.match(wide.out, /^10\.0\.0\.77 .* TCP\/80 +24h +the address is in no range of Eip pool any more$/m)
  t.match(await runVerb(addresses, ['-n', 'far'], fakeCluster({ objects: world })), { out: '', err: 'No addresses are held.' })
  t.match(await runVerb(addresses, ['nowhere'], fakeCluster({ objects: world })), { code: 1, err: 'there is no Eip nowhere' })
  t.match(await runVerb(addresses, ['a', 'b'], fakeCluster()), { code: 2 })
  const named = await runVerb(addresses, ['-o', 'name'], fakeCluster({ objects: [claim('fd00::1', 'a')] }))
  t.equal(named.out, 'addressclaim.network.kubesphere.io/fd00-0000-0000-0000-0000-0000-0000-0001\n')
})

t.test('addresses: every state has its word', async (t) => {
  const of = (...conditions: ReturnType<typeof condition>[]) => claim('10.0.0.2', 'a', { conditions })
  const table: readonly [ReturnType<typeof claim>, RegExp][] = [
    [of(condition('Announced', 'True', 'Announced')), / Announced .*<none>$/m],
    [
      of(condition('Announced', 'True', 'Announced'), condition('AddressConflict', 'True', 'Conflict', 'seen aa:bb')),
      /AddressConflict .*seen aa:bb$/m,
    ],
    [of(condition('ProtocolNotServed', 'True', 'NotServed', 'no bgp')), /ProtocolNotServed .*no bgp$/m],
    [of(condition('ProtocolNotServed', 'False', 'Served')), /NotAnnounced .*no speaker has spoken/m],
    [{ ...of(), status: { phase: 'Probing' } }, /Probing .*asks the network/m],
    [
      { ...of(), status: { announcers: ['n1', 'n2'].map((node) => ({ node, protocol: 'bgp' as const, since: '2026-01-01T00:00:00Z' })) } },
      / n1,n2 /m,
    ],
    [{ ...of(), spec: { ...of().spec, eip: 'gone' } }, /Draining .*Eip gone does not exist$/m],
  ]
  for (const [given, want] of table) {
    const { out } = await runVerb(addresses, ['-o', 'wide'], fakeCluster({ objects: [eip('pool', '10.0.0.0/24'), given] }))
    t.match(out, want)
  }
})

t.test('addresses --all: what nobody holds and nobody gets', async (t) => {
  const objects = [
    eip('pool', '10.0.0.0-10.0.0.9', {
      addresses: ['10.0.0.8-10.0.0.12'],
      exclude: ['10.0.0.5-10.0.0.6'],
      avoidBuggyIPs: true,
      reservations: ['10.0.0.2', '10.0.0.3'].map((address) => ({ address, namespace: 'x', name: 'y' })),
      status: { setAside: [{ address: '10.0.0.7', until: '2026-11-21T01:00:00Z', message: 'used by aa' }], conditions: [] },
    }),
    eip('bad', 'nonsense', { status: { setAside: [{ address: 'x', until: '', message: '' }], conditions: [] } }),
    eip('wide', '10.1.0.0/16', { avoidBuggyIPs: true }),
    claim('10.0.0.2', 'a'),
    configMap('openelb-config', OWN, { exclude: '10.0.0.1, 10.0.0.12' }),
  ]
  const { out } = await runVerb(addresses, ['--all', '-o', 'wide'], fakeCluster({ objects }))
  const lines = out.split('\n').map((line) => line.replaceAll(/ +/g, ' '))
  t.ok(lines.includes('10.0.0.3 x/y pool <none> <none> <none> Reserved <none> <none> kept for that Service by spec.reservations'), out)
  t.notOk(
    lines.some((line) => line.startsWith('10.0.0.2 x/y')),
    'a reserved address that is held is listed once',
  )
  t.ok(lines.some((line) => line.startsWith('10.0.0.5-10.0.0.6 <none> pool') && line.endsWith('by spec.exclude')))
  t.ok(lines.some((line) => line.startsWith('10.0.0.1 <none> pool') && line.endsWith('by the setting exclude of openelb-config')))
  t.ok(lines.some((line) => line.startsWith('10.0.0.12 <none>')))
  t.ok(lines.some((line) => line.startsWith('10.0.0.0 <none> pool') && line.endsWith('by spec.avoidBuggyIPs')))
  t.ok(lines.some((line) => line.startsWith('10.0.0.7 <none> pool') && line.endsWith('until 2026-11-21T01:00:00Z: used by aa')))
  t.ok(out.indexOf('10.0.0.3 ') < out.indexOf('10.0.0.5-') && out.indexOf('10.0.0.0 ') < out.indexOf('10.0.0.1 '), 'one order for all')
  t.notOk(
    lines.some((line) => line.includes(' wide ')),
    'a large pool is not looked through',
  )
  const one = await runVerb(addresses, ['wide', '--all'], fakeCluster({ objects }))
  t.match(one, { out: '', err: 'No addresses are held.' })
})

t.test('status: one page, and only what is not as it should be', async (t) => {
  const objects = [...world, ...workloads, lease('controller-1', '2026-11-21T00:00:55Z')]
  const { out, code } = await runVerb(status, [], fakeCluster({ objects }))
  t.equal(code, 0)
  t.match(out, /^allocator +2\/2 +led by controller-1 for 24h$/m)
  t.match(out, /^webhook +2\/2 +no certificate: Secret openelb-admission does not exist$/m)
  t.match(out, /^speaker +3\/3$/m)
  t.match(out, /^3 of type LoadBalancer, 1 waiting\n3 addresses in use, 1 announced\nadopted: default-eip$/m)
  t.match(out, /Addresses that want attention\nADDRESS.*\n10\.0\.0\.2 .*NobodyAnswers +no node may\n10\.0\.0\.77 .*Draining/)
  t.notMatch(out, /^10\.0\.0\.10 /m)
  t.match(out, /Waiting Services\nSERVICE +REASON +SINCE +MESSAGE\nfar\/w +PoolExhausted +24h +no avliable/)
  const near = await runVerb(status, ['-n', 'default'], fakeCluster({ objects }))
  t.notMatch(near.out, /Waiting Services/)
  t.match(JSON.parse((await runVerb(status, ['-o', 'json'], fakeCluster({ objects }))).out), {
    components: [{ component: 'allocator', ready: '2/2', well: true }, { well: false }, { well: true }],
    services: { loadBalancers: 3, waiting: 1 },
    addresses: { inUse: 3, announced: 1 },
    waiting: [{ service: 'far/w', reason: 'PoolExhausted' }],
  })
})

t.test('status: what you may not read is unknown, and what is not there is absent', async (t) => {
  const forbidden = ['secrets', 'leases.coordination.k8s.io', 'deployments.apps', 'configmaps']
  const { out } = await runVerb(status, [], fakeCluster({ forbidden }))
  t.match(out, /^allocator +you may not read it +leader unknown: you may not read it$/m)
  t.match(out, /^webhook .*certificate unknown: you may not read it$/m)
  t.match(out, /^speaker +absent$/m)
  t.match(out, /^Pools\nnone: create an Eip/m)
  t.match(out, /adopted: default-eip \(ConfigMap openelb-system\/openelb-config cannot be read\)/)
  const stale = [
    lease('controller-1', '2026-11-21T00:00:00Z'),
    deployment('openelb-controller', 1, 2),
    configMap('openelb-config', OWN, { adopt: 'x' }),
  ]
  const old = await runVerb(status, [], fakeCluster({ objects: stale }))
  t.match(old.out, /^allocator +1\/2 +no leader: controller-1 renewed its Lease 60s ago$/m)
  t.match(old.out, /adopted: default-eip \(adopt is "x"/)
  await t.rejects(runVerb(status, [], fakeCluster({ forbidden: ['eips.network.kubesphere.io'] })), /403/)
  t.match(await runVerb(status, ['x'], fakeCluster()), { code: 2 })
})

t.test('a long reason is cut, unless all of it is asked for', async (t) => {
  const objects = [service('w', { waits: ['PoolExhausted', 'z'.repeat(400)] })]
  t.match((await runVerb(status, [], fakeCluster({ objects }))).out, / z{160}\.\.\.$/m)
  t.match((await runVerb(status, ['-owide'], fakeCluster({ objects }))).out, / z{400}$/m)
  t.equal(objects[0]?.status?.conditions?.[0]?.type, ALLOCATED_CONDITION)
})
