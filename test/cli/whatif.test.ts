import { readFileSync } from 'node:fs'
import t from 'tap'
import { stringify } from 'yaml'
import type { KubernetesObject } from '../../src/api/core-objects.ts'
import type { EipSpec } from '../../src/api/eip.ts'
import { EIP_NAME, OPT_IN, REQUESTED_ADDRESS } from '../../src/api/service-annotations.ts'
import { createPaper, type PaperObjects } from '../../src/cli/paper/paper.ts'
import { whatif } from '../../src/cli/verbs/whatif.ts'
import { readDrafts } from '../../src/cli/whatif/change.ts'
import { fakeCluster, NOW_MS, runVerb } from './support/fake-cluster.ts'
import { claim, eip, meta, OWN, service } from './support/objects.ts'

const NAMESPACE: KubernetesObject = { apiVersion: 'v1', kind: 'Namespace', metadata: meta('default') }
const named = (pool: string, more: Readonly<Record<string, string>> = {}) => ({
  annotations: { [OPT_IN]: 'openelb', [EIP_NAME]: pool, ...more },
})
const file = (...eips: readonly { readonly name: string; readonly spec: Partial<EipSpec>; readonly annotations?: object }[]): string =>
  eips
    .map(({ name, spec, annotations }) =>
      stringify({
        apiVersion: 'network.kubesphere.io/v1alpha2',
        kind: 'Eip',
        metadata: { name, annotations },
        spec: { protocol: 'layer2', interface: 'eth0', ...spec },
      }),
    )
    .join('---\n')

const world = [
  NAMESPACE,
  eip('pool', '10.0.0.0/30'),
  eip('other', '10.1.0.0/30'),
  claim('10.0.0.0', 'a'),
  claim('10.0.0.1', 'b'),
  service('a', { shows: ['10.0.0.0'], ...named('pool') }),
  service('b', { shows: ['10.0.0.1'], ...named('pool') }),
  service('w', named('late')),
]

async function attempt(argv: readonly string[], text = '', objects: readonly KubernetesObject[] = world) {
  return runVerb(whatif, argv, fakeCluster({ objects }), { read: async () => text })
}
const rows = (out: string): readonly string[] =>
  out
    .split('\n')
    .filter((line) => line.startsWith('default/'))
    .map((line) => line.split(/ {2,}/).slice(0, 4).join(' '))

t.test('each verdict', async (t) => {
  const excluded = { address: '10.0.0.0/30', exclude: ['10.0.0.0'] }
  const drains = await attempt(['-f', 'x'], file({ name: 'pool', spec: excluded }))
  t.same(rows(drains.out), ['default/a 10.0.0.0 10.0.0.0 drains', 'default/w <none> <none> waits'])
  t.match(drains.out, /no Eip gives 10\.0\.0\.0 any more \(pool\)/)
  t.match(drains.out, /\n3 Services: 1 drains, 1 waits, 1 keeps\n$/)
  t.equal(drains.code, 0)
  const moves = await attempt(['-f', 'x'], file({ name: 'pool', spec: { ...excluded, onShrink: 'evict' } }))
  t.same(rows(moves.out), ['default/a 10.0.0.0 10.0.0.2 moves', 'default/w <none> <none> waits'])
  const gets = await attempt(['-f', 'x'], file({ name: 'late', spec: { address: '10.2.0.7' } }))
  t.same(rows(gets.out), ['default/w <none> 10.2.0.7 gets'])
  const loses = await attempt(
    ['-f', 'x'],
    file({ name: 'pool', spec: { address: '10.0.0.0/30', exclude: ['10.0.0.0-10.0.0.1', '10.0.0.3'], onShrink: 'evict' } }),
  )
  t.same(rows(loses.out), ['default/b 10.0.0.1 <none> loses', 'default/a 10.0.0.0 10.0.0.2 moves', 'default/w <none> <none> waits'])
  t.equal(loses.code, 1)
  t.match(loses.out, /loses +no avliable eip, err:no suitable ip to allocate: every address of pool is taken/)
  const gone = await attempt(['--delete', 'pool'])
  t.same(rows(gone.out), ['default/a 10.0.0.0 10.0.0.0 drains', 'default/b 10.0.0.1 10.0.0.1 drains', 'default/w <none> <none> waits'])
  t.match(gone.out, /"pool" not found: the Service keeps 10\.0\.0\.0, which stays announced/)
})

t.test('nothing changes: nobody is shown, unless all are wanted', async (t) => {
  const same = file({ name: 'other', spec: { address: '10.1.0.0/30', priority: 3 } })
  const objects = world.filter(({ metadata }) => metadata.name !== 'w')
  t.equal((await attempt(['-f', 'x'], same, objects)).out, '2 Services: 2 keeps\n')
  t.same(rows((await attempt(['-f', 'x', '--all'], same, objects)).out), [
    'default/a 10.0.0.0 10.0.0.0 keeps',
    'default/b 10.0.0.1 10.0.0.1 keeps',
  ])
  const json = JSON.parse((await attempt(['-f', 'x', '-o', 'json'], same, objects)).out)
  t.match(json, {
    counts: { keeps: 2, loses: 0 },
    services: [{ service: 'default/a', now: ['10.0.0.0'], after: ['10.0.0.0'], verdict: 'keeps' }],
  })
  t.equal((await attempt(['--delete', 'other'], '', [eip('other', '10.1.0.0/30')])).out, '0 Services: nobody is concerned\n')
})

t.test('a pool is replaced by another one with its addresses', async (t) => {
  const heir = file({ name: 'heir', spec: { address: '10.0.0.0/29' }, annotations: {} })
  t.match(await attempt(['-f', 'x'], heir), {
    code: 1,
    err: /Eip heir would be refused: eip address overlap with pool: use addresses that no other Eip has/,
  })
  const both = await attempt(
    ['-f', 'x', '--delete', 'pool', '--all'],
    heir,
    world.filter(({ metadata }) => metadata.name !== 'w'),
  )
  // Both name the Eip that is gone, and hold addresses that the new one has: they ask for an Eip that does not exist.
  t.match(both.out, /default\/a +10\.0\.0\.0 +10\.0\.0\.0/)
})

t.test('what one lets go another one gets', async (t) => {
  const objects = [
    NAMESPACE,
    eip('pool', '10.0.0.0'),
    eip('new', '10.1.0.0', { disable: true }),
    claim('10.0.0.0', 'a'),
    service('a', { shows: ['10.0.0.0'], ...named('new,pool') }),
    service('b', { ...named('pool', { [REQUESTED_ADDRESS]: '10.0.0.0' }) }),
  ]
  const { out } = await attempt(
    ['-f', 'x'],
    file({ name: 'pool', spec: { address: '10.0.0.0', reservations: [{ address: '10.0.0.0', namespace: 'default', name: 'b' }] } }),
    objects,
  )
  t.same(rows(out), ['default/b <none> <none> waits'], 'a reservation takes nothing away')
  const evicted = file(
    { name: 'new', spec: { address: '10.1.0.0' } },
    { name: 'pool', spec: { address: '10.0.0.0', addresses: ['10.5.0.0'], exclude: ['10.0.0.0'], onShrink: 'evict' } },
  )
  t.same(rows((await attempt(['-f', 'x'], evicted, objects)).out), ['default/a 10.0.0.0 10.1.0.0 moves', 'default/b <none> <none> waits'])
})

t.test('a default Eip adopts, and leaves', async (t) => {
  const annotations = { 'eip.openelb.kubesphere.io/is-default-eip': 'true' }
  const objects = [NAMESPACE, eip('pool', '10.0.0.0/30'), service('bare', { annotations: {} })]
  t.same(rows((await attempt(['-f', 'x'], file({ name: 'pool', spec: { address: '10.0.0.0/30' }, annotations }), objects)).out), [
    'default/bare <none> 10.0.0.0 gets',
  ])
})

t.test('wrong files and wrong words', async (t) => {
  t.match(await attempt([]), { code: 2, err: /write: openelb whatif -f FILE/ })
  t.match(await attempt(['x', '-f', 'y']), { code: 2 })
  t.match(await attempt(['--delete', 'nowhere']), { code: 1, err: 'there is no Eip nowhere' })
  t.match(await runVerb(whatif, ['-f', 'gone'], fakeCluster()), { code: 1, err: 'the file cannot be read: no file gone' })
  const table: readonly [string, RegExp][] = [
    ['', /the file has no Eip/],
    ['a: [', /the file cannot be read/],
    ['kind: Service\napiVersion: v1', /Service is no Eip of network\.kubesphere\.io/],
    ['just a text', /a document is no Eip/],
    ['kind: Eip\napiVersion: example.com/v1', /Eip is no Eip of/],
    ['kind: Eip\napiVersion: network.kubesphere.io/v1alpha2', /has no metadata\.name/],
    [file({ name: 'x', spec: { address: 5 as unknown as string } }), /Eip x: spec\.address: /],
    [file({ name: 'x', spec: { address: 'nonsense' } }), /Eip x would be refused: invalid eip address format/],
    [file({ name: 'pool', spec: { address: '10.0.0.0/29' } }), /would be refused: the address field is not allowed to be modified/],
  ]
  for (const [text, err] of table) t.match(await attempt(['-f', 'x'], text), { code: 1, err }, text)
})

t.test('lists, several documents and JSON', async (t) => {
  const items = [{ kind: 'Eip', apiVersion: 'network.kubesphere.io/v1alpha2', metadata: { name: 'a' }, spec: { address: '10.0.0.1' } }]
  t.match(readDrafts(JSON.stringify({ kind: 'List', items })), { ok: true, value: [{ name: 'a', annotations: {} }] })
  t.match(readDrafts(`---\n${file({ name: 'a', spec: { address: '10.0.0.1' } }, { name: 'b', spec: { address: '10.0.0.2' } })}---\n`), {
    ok: true,
    value: [{ name: 'a' }, { name: 'b' }],
  })
  const warned = await attempt(['-f', 'x'], file({ name: 'lo', spec: { address: '127.0.0.0/30' } }))
  t.match(warned.err, /^Warning: spec\.address contains addresses of 127\.0\.0\.0\/8/)
  const example = readFileSync(new URL('../../docs/crds.md', import.meta.url), 'utf8')
  t.ok(example.includes('Eip'))
})

const objectsOf = (over: Partial<PaperObjects>): PaperObjects => ({
  services: [],
  namespaces: [],
  nodes: [],
  eips: [],
  claims: [],
  settings: undefined,
  ...over,
})

t.test('the paper: what a cluster at rest has, it keeps, and nothing that was given is changed', async (t) => {
  const objects = objectsOf({
    namespaces: [NAMESPACE],
    eips: [eip('pool', '10.0.0.0/30', { isDefault: true })],
    claims: [claim('10.0.0.0', 'a'), claim('10.0.0.1', 'gone'), claim('10.0.0.2', ['b', 'gone'])],
    services: [
      service('a', { shows: ['10.0.0.0'] }),
      service('b', { shows: ['10.0.0.2'] }),
      service('c'),
      service('out', { annotations: { [OPT_IN]: 'none' }, shows: ['10.0.0.3'] }),
    ],
  })
  const before = JSON.stringify(objects)
  const outcomes = createPaper(objects, OWN, NOW_MS).run()
  const held = (name: string) => outcomes.get(`default/${name}`)?.held.map(({ address }) => address)
  t.same(held('a'), ['10.0.0.0'])
  t.same(held('b'), ['10.0.0.2'])
  t.same(held('c'), ['10.0.0.1'], 'a claim whose Service is gone is in nobody’s way')
  t.match(outcomes.get('default/out'), { ours: false, held: [] })
  t.equal(JSON.stringify(objects), before)
})

t.test('the paper: what was set aside is not given before its time', async (t) => {
  const status = { setAside: [{ address: '10.0.0.0', until: '2026-11-21T00:05:00Z', message: 'seen' }], conditions: [] }
  const objects = objectsOf({
    namespaces: [NAMESPACE],
    eips: [eip('pool', '10.0.0.0/30', { isDefault: true, status })],
    services: [service('a')],
  })
  const address = (nowMs: number) => createPaper(objects, OWN, nowMs).run().get('default/a')?.held[0]?.address
  t.equal(address(NOW_MS), '10.0.0.1')
  t.equal(address(NOW_MS + 600_000), '10.0.0.0')
})

t.test('the paper: what a later one lets go an earlier one gets', async (t) => {
  const objects = objectsOf({
    namespaces: [NAMESPACE],
    eips: [eip('pool', '10.0.0.0/30')],
    claims: [claim('10.0.0.0', 'a'), claim('10.0.0.1', 'b')],
    services: [
      service('a', { shows: ['10.0.0.0'], ...named('pool', { [REQUESTED_ADDRESS]: '10.0.0.1' }) }),
      service('b', { shows: ['10.0.0.1'], ...named('pool', { [REQUESTED_ADDRESS]: '10.0.0.2' }) }),
    ],
  })
  const outcomes = createPaper(objects, OWN, NOW_MS).run()
  t.same(
    ['a', 'b'].map((name) => outcomes.get(`default/${name}`)?.held.map(({ address }) => address)),
    [['10.0.0.1'], ['10.0.0.2']],
  )
})

t.test('the paper: an old note of an Eip opens no fence to a Service that has its address', async (t) => {
  const noted = { used: { '10.9.0.1': 'default/a' }, conditions: [] }
  const fenced = eip('old', '10.9.0.0/30', { namespaces: ['x'], enforceNamespaces: true, status: noted })
  const a = service('a', { shows: ['10.0.0.0'], ...named('old') })
  const claims = [claim('10.0.0.0', 'a')]
  const objects = objectsOf({ namespaces: [NAMESPACE], eips: [fenced, eip('pool', '10.0.0.0/30')], claims, services: [a] })
  t.match(createPaper(objects, OWN, NOW_MS).run().get('default/a'), {
    held: [{ address: '10.0.0.0' }],
    refusals: [{ code: 'PoolNotPermitted' }],
  })
})
