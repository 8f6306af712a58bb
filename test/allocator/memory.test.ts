/** What the allocator remembers: the ledger, its own writes, who waits for what, and what it keeps of each object. */
import t from 'tap'
import { readConfig } from '../../src/allocator/config.ts'
import { createFreshObjects, isNewer } from '../../src/allocator/freshness.ts'
import { createLedger } from '../../src/allocator/ledger.ts'
import {
  projectClaim,
  projectEip,
  projectNamespace,
  projectNode,
  projectService,
  projectSettings,
  type Received,
} from '../../src/allocator/projection.ts'
import { rememberedAddresses, startPhases } from '../../src/allocator/start-order.ts'
import { createWaiters, openingsOf } from '../../src/allocator/waiters.ts'
import type { ServiceObject } from '../../src/api/core-objects.ts'
import { EIP_NAME, OPT_IN } from '../../src/api/service-annotations.ts'
import { at, knowledgeOf } from '../support/allocator-knowledge.ts'
import { claim, eip, ip, NOW, service } from '../support/allocator-objects.ts'

t.test('which version is newer', async (t) => {
  const rows: readonly [string, string, boolean][] = [
    ['10', '9', true],
    ['9', '10', false],
    ['9', '9', false],
    ['99999999999999999999', '99999999999999999998', true],
    ['x', '9', true],
    ['x', 'x', false],
  ]
  for (const [a, b, want] of rows) t.equal(isNewer(a, b), want, `${a} after ${b}`)
})

t.test('what was written stands until the watch has caught up', async (t) => {
  const fresh = createFreshObjects<ServiceObject>()
  const [v1, v2, v3] = ['1', '2', '3'].map((version) => at(service('s'), version))
  t.equal(fresh.latest('k', v1), v1)
  if (v2 !== undefined) fresh.put('k', v2)
  t.equal(fresh.latest('k', v1), v2)
  t.equal(fresh.latest('k', undefined), v2, 'created here, not watched yet')
  t.equal(fresh.latest('k', v3), v3)
  t.ok(fresh.isEcho('k', v2))
  t.notOk(fresh.isEcho('k', v3) || fresh.isEcho('k', undefined) || fresh.isEcho('other', v2))
  fresh.watched('k', v1)
  t.equal(fresh.size, 1, 'an older version changes nothing')
  fresh.watched('k', v2)
  t.equal(fresh.size, 0)
  if (v2 !== undefined) fresh.put('k', v2)
  fresh.watched('k', undefined)
  t.equal(fresh.latest('k', undefined), undefined, 'deleted')
  if (v2 !== undefined) fresh.put('k', v2)
  const reborn = at(service('s'), '1', 'another')
  t.equal(fresh.latest('k', reborn), reborn, 'a later life of the name')
})

t.test('the ledger', async (t) => {
  const ledger = createLedger()
  const first = claim('10.0.0.1', 'p', 'a')
  ledger.upsert(first)
  t.same(
    ledger.heldBy('uid-a').map(({ address }) => address),
    ['10.0.0.1'],
  )
  t.same(
    ledger.heldUnder('default/a').map(({ address }) => address),
    ['10.0.0.1'],
  )
  t.equal(ledger.at(ip('10.0.0.1'))?.claim, first)
  t.equal(ledger.upsert(at(claim('10.0.0.1', 'q', 'b'), '1'))?.claim, first, 'the same version again')
  ledger.upsert(at(claim('10.0.0.1', 'q', 'b'), '2'))
  t.same([ledger.countIn('p'), ledger.countIn('q'), ledger.heldBy('uid-a').length, ledger.size], [0, 1, 0, 1], 'every index follows')
  t.equal(ledger.upsert({ ...first, metadata: { ...first.metadata, name: 'nonsense' } }), undefined)

  t.notOk(ledger.reserve(ip('10.0.0.1')), 'held')
  t.ok(ledger.reserve(ip('10.0.0.0')))
  t.notOk(ledger.reserve(ip('10.0.0.0')), 'set aside once')
  const range = { family: 'IPv4', first: ip('10.0.0.0').value, last: ip('10.0.0.3').value } as const
  t.same([ledger.firstFree(range), ledger.lastFree(range)], [ip('10.0.0.2'), ip('10.0.0.3')])
  t.same(ledger.firstFree({ ...range, last: range.first + 1n }), undefined)
  ledger.note('uid-y', [ip('10.0.0.2')])
  t.ok(ledger.isShownByAnother(ip('10.0.0.2'), 'uid-x'))
  t.notOk(ledger.isShownByAnother(ip('10.0.0.2'), 'uid-y'), 'its own is no other')
  ledger.note('uid-y', [])
  t.notOk(ledger.isShownByAnother(ip('10.0.0.2'), 'uid-x'))
  ledger.unreserve(ip('10.0.0.0'))
  t.same(ledger.firstFree(range), ip('10.0.0.0'))
  ledger.unreserve(ip('10.0.0.1'))
  t.ok(ledger.isTaken(ip('10.0.0.1')), 'what is held stays so')

  t.notOk(ledger.remove('10.0.0.1', 'another uid'))
  t.ok(ledger.bury('10.0.0.1', 'claim-10.0.0.1'))
  ledger.upsert(at(first, '3'))
  t.equal(ledger.size, 0, 'late news about a claim that we deleted')
  ledger.confirmRemoved('claim-10.0.0.1')
  ledger.upsert(at(first, '4'))
  t.equal(ledger.size, 1)
  t.notOk(ledger.isTaken(ip('fd00::1')))
  ledger.upsert(claim('fd00::1', 'six', 'a'))
  t.same(
    ledger.heldBy('uid-a').map(({ address }) => address),
    ['10.0.0.1', 'fd00::1'],
    'IPv4 first',
  )
})

t.test('who waits for what', async (t) => {
  const counted: string[] = []
  const waiters = createWaiters((pool) => counted.push(pool))
  const full = (pool: string) => [{ on: 'pool', pool }, { on: 'released-in', pool }, { on: 'any-pool' }] as const
  const room = (pool: string, family: 'IPv4' | 'IPv6' = 'IPv4') => ({ kind: 'room', pool, family }) as const
  for (const key of ['a', 'b', 'c']) waiters.wait(key, 'PoolExhausted', full('p'))
  waiters.wait('asks', 'AddressTaken', [
    { on: 'address-released', address: '10.0.0.1' },
    { on: 'service', service: 'default/x' },
  ])
  waiters.wait('named', 'PoolNotFound', [{ on: 'pool', pool: 'q' }])
  waiters.wait('ns', 'NoDefaultPool', [{ on: 'namespace', namespace: 'n' }])
  waiters.wait('near', 'AddressOfNode', [{ on: 'node', node: 'n1' }])
  t.same(
    [...waiters.countByCode()],
    [
      ['PoolExhausted', 3],
      ['AddressTaken', 1],
      ['PoolNotFound', 1],
      ['NoDefaultPool', 1],
      ['AddressOfNode', 1],
    ],
  )
  t.same([waiters.countFor('p'), waiters.countFor('q'), counted], [3, 0, ['p', 'p', 'p']])
  const released = { kind: 'released', address: '10.0.0.1', family: 'IPv4', pools: ['p'], namespaces: ['n'] } as const
  t.same(waiters.wake(released), ['asks'], 'at once only who asked for that very address')
  t.same(openingsOf(released), [room('p'), { kind: 'quota', pool: 'p', namespace: 'n' }])
  t.equal(waiters.next(room('p')), 'a')
  t.same([waiters.countFor('p'), counted.length], [2, 4])
  waiters.wait('c', 'PoolExhausted', full('p'))
  const ticket = waiters.ticket
  waiters.wait('d', 'PoolExhausted', full('p'))
  t.equal(waiters.next(room('p', 'IPv6')), 'b', 'whoever names no family takes any')
  t.equal(waiters.next(room('p'), ticket), 'c')
  t.equal(waiters.next(room('p'), ticket), undefined, 'nobody who came later')
  t.equal(waiters.next(room('none')), undefined)
  waiters.wait('six', 'DualStackIncomplete', [{ on: 'released-in', pool: 'p', family: 'IPv6' }])
  waiters.wait('tenant', 'QuotaExceeded', [{ on: 'quota', pool: 'p', namespace: 'n' }])
  t.same([waiters.next(room('p')), waiters.next(room('p'))], ['d', undefined], 'no IPv4 address is of use to it')
  t.equal(waiters.next(room('p', 'IPv6')), 'six')
  t.equal(waiters.next({ kind: 'quota', pool: 'p', namespace: 'n' }), 'tenant')
  waiters.wait('d', 'PoolExhausted', full('p'))
  t.same(waiters.wake({ kind: 'namespace-changed', namespace: 'n' }), ['ns'])
  t.same(waiters.wake({ kind: 'node-changed', node: 'n1' }), ['near'])
  t.same(waiters.wake({ kind: 'pool-changed', pool: 'q' }), ['named', 'd'], 'its own Eip, and any Eip')
  t.equal(waiters.size, 0)
  waiters.wait('e', 'PortClash', [{ on: 'service', service: 'default/x' }])
  t.same(waiters.wake({ kind: 'service-changed', service: 'default/x' }), ['e'])
  waiters.wait('e', 'PoolNotFound', [{ on: 'pool', pool: 'q' }])
  waiters.leave('e')
  t.same(waiters.wake({ kind: 'pool-changed', pool: 'q' }), [])
})

t.test('in which order a start looks at Services', async (t) => {
  const { sources, knowledge } = knowledgeOf()
  const remembered = rememberedAddresses([
    { ...eip('p', '10.0.0.0/24'), status: { used: { '10.0.0.7': 'default/noted;default/shared', bad: 'x/y' } } },
  ])
  t.same([...remembered.keys()], ['default/noted', 'default/shared'])
  const born = (name: string, second: number, options = {}): void => {
    const made = service(name, options)
    const creationTimestamp = `2026-01-01T00:00:0${second}Z`
    sources.services.set(`default/${name}`, { ...made, metadata: { ...made.metadata, creationTimestamp } })
  }
  born('free-2', 2)
  born('free-1', 1)
  born('asks', 3, { address: '10.0.0.1' })
  born('shows', 4, { ingress: ['10.0.0.2'] })
  born('noted', 5)
  born('holds', 6)
  born('cluster-ip', 7, { type: 'ClusterIP' })
  born('marked', 8, { type: 'ClusterIP', label: 'p' })
  sources.claims.set('10.0.0.9', claim('10.0.0.9', 'p', 'holds'))
  sources.claims.set('10.0.0.8', claim('10.0.0.8', 'p', 'gone'))
  t.same(startPhases(knowledge, remembered), [
    ['default/holds', 'default/gone', 'default/shows'],
    ['default/noted'],
    ['default/asks'],
    ['default/free-1', 'default/free-2', 'default/marked'],
  ])
  knowledge.close()
})

t.test('what is kept in memory', async (t) => {
  const raw = (object: object): Received => object as Received
  const annotations = {
    [OPT_IN]: 'openelb',
    'kubectl.kubernetes.io/last-applied-configuration': 'x'.repeat(9999),
    'metallb.io/allow-shared-ip': 'key',
    'kube-vip.io/ignore': 'true',
  }
  const { 'kubectl.kubernetes.io/last-applied-configuration': _, ...read } = annotations
  const labels = { [EIP_NAME]: 'p', app: 'x' }
  const big = { ...service('s'), metadata: { ...service('s').metadata, annotations, labels, generation: 3, finalizers: ['f'] } }
  const ports = [{ name: 'web', protocol: 'TCP', port: 80, targetPort: 8080, nodePort: 30_000 }]
  const spec = { ...big.spec, ports, ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', selector: { a: 'b' }, loadBalancerIP: '10.0.0.1' }
  const lean = projectService(raw({ ...big, spec: { ...spec, loadBalancerClass: 'c', externalTrafficPolicy: 'Cluster' } }))
  t.same(lean.metadata.annotations, read)
  t.same(lean.metadata.labels, labels, 'any label may select an Eip')
  t.same(lean.spec, {
    type: 'LoadBalancer',
    loadBalancerClass: 'c',
    loadBalancerIP: '10.0.0.1',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ports: [{ name: 'web', protocol: 'TCP', port: 80 }],
  })
  t.match(projectService(raw({ ...big, spec: { ...spec, externalTrafficPolicy: 'Local' } })).spec, {
    externalTrafficPolicy: 'Local',
    selector: { a: 'b' },
  })
  const plain = projectService(raw({ ...big, spec: { type: 'ClusterIP', ports, externalTrafficPolicy: 'Local' } }))
  t.same([plain.spec, plain.metadata.labels], [{ type: 'ClusterIP' }, { [EIP_NAME]: 'p' }])
  const foreign = { type: 'Other', status: 'True', reason: 'R', message: '', lastTransitionTime: NOW }
  const status = { loadBalancer: { ingress: [{ ip: '10.0.0.1', ipMode: 'VIP', ports: [] }] }, conditions: [foreign] }
  t.same(projectService(raw({ ...big, status })).status, { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] } })
  t.equal(projectService(raw({ ...big, status: { loadBalancer: {} } })).status, undefined)
  const conflict = { ...foreign, type: 'AddressConflict' }
  const owned = {
    ...claim('10.0.0.1', 'p', 'a'),
    status: { phase: 'Active', owner: { node: 'n' }, history: [1], conditions: [foreign, conflict] },
  }
  t.same(projectClaim(raw(owned)).status, { phase: 'Active', owner: { node: 'n' }, conditions: [conflict] })
  t.equal(projectClaim(raw({ ...owned, status: { history: [1], conditions: [foreign] } })).status, undefined)
  const addresses = [
    { type: 'InternalIP', address: '10.9.0.1' },
    { type: 'Hostname', address: 'n' },
  ]
  t.same(projectNode(raw({ ...service('n'), kind: 'Node', status: { addresses, conditions: [foreign], images: [1] } })).status, {
    addresses: addresses.slice(0, 1),
  })
  t.same(projectEip(raw(eip('p', '10.0.0.1', { isDefault: true }))).spec, { address: '10.0.0.1' })
  const namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { ...service('n').metadata, labels: { team: 'a' } },
    status: { phase: 'Active' },
  }
  t.same(projectNamespace(raw(namespace)).metadata.labels, { team: 'a' })
  t.same(projectSettings(raw({ ...namespace, data: { adopt: 'class' } })).data, { adopt: 'class' })
})

t.test('the command line', async (t) => {
  const read = (...argv: string[]) => readConfig(argv, { OPENELB_NAMESPACE: 'ns', POD_NAME: 'pod' })
  t.match(read(), {
    ok: true,
    value: {
      verb: 'run',
      config: {
        namespace: 'ns',
        identity: 'pod',
        metricsAddress: { port: 50_052 },
        lease: { name: 'openelb-controller', leaseDurationMs: 15_000 },
      },
    },
  })
  t.match(read('--leader-elect=false', '--metrics-addr=0'), { value: { config: { lease: undefined, metricsAddress: undefined } } })
  t.match(read('--webhook-port=443', '--v=5', '--readiness-addr', '0'), {
    value: { config: { warnings: [/webhook-port/, /--v/, /readiness-addr/] } },
  })
  t.match(read('--adopt=class', '--compat', 'kube-vip,metallb'), {
    value: { config: { settings: { adopt: 'class', compat: ['metallb', 'kube-vip'], exclude: [] } } },
  })
  t.match(read('--help'), { value: { verb: 'help', text: /--metrics-addr/ } })
  t.match(read('version'), { value: { verb: 'version' } })
  const errors: readonly [string[], RegExp][] = [
    [['--metrics-adr=:1'], /--metrics-adr.*--metrics-addr/],
    [['--metrics-addr=nonsense'], /^--metrics-addr: /],
    [['--lease-duration=1s'], /--renew-deadline.*--lease-duration/],
    [['--adopt=all'], /--adopt/],
    [['--compat=cilium'], /^--compat is "cilium"; it may name metallb and kube-vip/],
    [['run'], /unexpected word "run"/],
  ]
  for (const [argv, message] of errors) t.match(read(...argv), { ok: false, error: message }, argv.join(' '))
})
