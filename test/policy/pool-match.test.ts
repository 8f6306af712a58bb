import t from 'tap'
import { candidatesFor, defaultPool, isBound, isPermitted, matchesBinding, matchesNamespace } from '../../src/policy/pool-match.ts'
import { DEFAULT_EIP, pool } from '../support/policy-objects.ts'

const at = (priority: number, more: object) => ({ address: '10.0.0.0/24', priority, ...more })
const DEFAULT = pool('dflt', '10.9.0.0/24', { annotations: DEFAULT_EIP })
const nsA = { name: 'ns-a', labels: { team: 'a', tier: '1', more: 'yes' } }
const other = { name: 'other', labels: {} }
const from = (namespace: typeof nsA | typeof other, labels: Readonly<Record<string, string>> = {}) => ({ namespace, labels })

const names = (candidates: ReturnType<typeof candidatesFor>) =>
  candidates.kind === 'none'
    ? `none without ${candidates.ruledOut.map(({ name }) => name)}`
    : `${candidates.kind} ${candidates.pools.map(({ name }) => name)}`

t.test('namespaces, selector, priority', async (t) => {
  const byName = pool('by-name', at(20, { namespaces: ['ns-a', 'x'] }))
  const byLabel = pool('by-label', at(10, { namespaceSelector: { team: 'a', tier: '1' } }))
  const both = pool('both', at(10, { namespaces: ['ns-a'], namespaceSelector: { team: 'z' }, protocol: 'layer2', interface: 'eth0' }))
  t.ok(matchesNamespace(byLabel, nsA))
  t.notOk(matchesNamespace(byLabel, { name: 'ns-b', labels: { team: 'a' } }), 'every label must match')
  t.notOk(matchesNamespace(DEFAULT, nsA), 'a pool without a binding is bound to nobody')
  const all = [DEFAULT, byName, byLabel, both]
  t.equal(names(candidatesFor(from(nsA), all)), 'bound both,by-label,by-name', 'lower priority first, then by name')
  t.equal(names(candidatesFor(from(nsA), all, 'layer2')), 'bound both')
  t.equal(names(candidatesFor(from(nsA), all, 'vip')), 'none without both,by-label,by-name,dflt')
  t.equal(names(candidatesFor(from(other), all)), 'default dflt')
  t.equal(names(candidatesFor(from(other), all, 'layer2')), 'none without dflt')
  t.equal(names(candidatesFor(from(other), [byName])), 'none without ')
  t.equal(names(candidatesFor(from(nsA), [DEFAULT, { ...byName, disabled: true }, { ...byLabel, deleting: true }])), 'default dflt')
  t.equal(names(candidatesFor(from(nsA), [{ ...DEFAULT, disabled: true }])), 'none without ')
  const second = pool('aaa', '10.8.0.0/24', { annotations: DEFAULT_EIP, created: '2026-05-01T00:00:00Z' })
  t.equal(defaultPool([second, DEFAULT])?.name, 'dflt', 'the oldest of two defaults')
})

t.test('labels of Services', async (t) => {
  const web = { tier: 'web' }
  const everywhere = pool('everywhere', at(0, { serviceSelector: { matchLabels: web } }))
  const inA = pool('in-a', at(0, { namespaces: ['ns-a'], serviceSelector: { matchLabels: web } }))
  const all = pool('all', at(0, { serviceSelector: {} }))
  const binds = (binding: Parameters<typeof matchesBinding>[0], labels: Readonly<Record<string, string>>) =>
    [nsA, other].map((namespace) => matchesBinding(binding, from(namespace, labels)))
  t.same(binds(everywhere, web), [true, true])
  t.same(binds(everywhere, {}), [false, false])
  t.same(binds(inA, web), [true, false], 'both parts must hold')
  t.same(binds(inA, {}), [false, false])
  t.same(binds(all, {}), [true, true], 'an empty selector selects everything')
  t.same([everywhere, inA, all, DEFAULT].map(isBound), [true, true, true, false])
})

t.test('a fence keeps out whoever asks', async (t) => {
  const fenced = pool('fenced', at(0, { namespaces: ['ns-a'], enforceNamespaces: true }))
  t.ok(isPermitted(fenced, from(nsA)))
  t.notOk(isPermitted(fenced, from(other)))
  t.ok(isPermitted({ ...fenced, enforceNamespaces: false }, from(other)), 'a binding alone is no fence, as in OpenELB')
  t.notOk(isPermitted(pool('closed', at(0, { enforceNamespaces: true })), from(nsA)), 'a fence around nobody keeps all out')
  const fencedDefault = pool('dflt', at(0, { namespaces: ['ns-a'], enforceNamespaces: true }), { annotations: DEFAULT_EIP })
  t.equal(names(candidatesFor(from(other), [fencedDefault])), 'none without ', 'also of the default Eip')
  t.equal(names(candidatesFor(from(nsA), [fencedDefault])), 'bound dflt')
})

t.test('a pool without autoAssign is for those that ask', async (t) => {
  const reserved = pool('reserved', at(0, { namespaces: ['ns-a'], autoAssign: false }))
  t.equal(names(candidatesFor(from(nsA), [reserved, DEFAULT])), 'default dflt')
  t.equal(names(candidatesFor(from(other), [{ ...DEFAULT, autoAssign: false }])), 'none without ')
})
