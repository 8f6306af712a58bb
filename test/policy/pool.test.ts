import fc from 'fast-check'
import t from 'tap'
import { rangesOverlap } from '../../src/addr/range.ts'
import { activePools, compareAge, findOverlap } from '../../src/policy/overlap.ts'
import { type Pool, toPool } from '../../src/policy/pool.ts'
import { candidatesFor, defaultPool, matchesNamespace } from '../../src/policy/pool-match.ts'
import { DEFAULT_EIP, eipObject, pool } from '../support/policy-objects.ts'

t.test('an Eip becomes a pool', async (t) => {
  const full = toPool(
    eipObject(
      'p',
      {
        address: '10.0.0.81/29',
        protocol: 'layer2',
        interface: 'eth0',
        priority: 100,
        namespaces: ['test'],
        namespaceSelector: { a: 'b' },
        usingKnownIPs: true,
        disable: true,
      },
      { annotations: { 'eip.openelb.kubesphere.io/is-default-eip': 'TRUE' }, deleting: true },
    ),
  )
  t.match(full, {
    ok: true,
    value: {
      name: 'p',
      range: { family: 'IPv4', first: 167772240n, last: 167772247n },
      protocol: 'layer2',
      interface: 'eth0',
      priority: 100,
      namespaces: ['test'],
      namespaceSelector: { a: 'b' },
      disabled: true,
      deleting: true,
      isDefault: true,
    },
  })
  const bare = pool(
    'p',
    { address: 'fd00::/64', namespaceSelector: {} },
    { annotations: { 'eip.openelb.kubesphere.io/is-default-eip': 'yes' } },
  )
  t.equal(bare.protocol, 'bgp', 'no protocol means bgp')
  t.notOk(bare.isDefault, 'only true makes a default')
  t.notOk('namespaceSelector' in bare, 'an empty selector is none')
  t.same([bare.priority, bare.namespaces, bare.disabled, bare.deleting], [0, [], false, false])
  const error = (spec: Parameters<typeof eipObject>[1]) => {
    const read = toPool(eipObject('p', spec))
    return read.ok ? 'ok' : `${read.error.code} ${read.error.message}`
  }
  t.equal(error('10.0.0.1-'), 'BAD_ADDRESS invalid eip address format')
  for (const protocol of ['layer2', 'vip'] as const) {
    t.equal(error({ address: '10.0.0.1', protocol }), 'INTERFACE_REQUIRED if protocol is layer2 or vip, interface should not be empty')
    t.equal(
      error({ address: '10.0.0.1', protocol, interface: '' }),
      'INTERFACE_REQUIRED if protocol is layer2 or vip, interface should not be empty',
    )
  }
})

t.test('namespaces, selector, priority', async (t) => {
  const at = (priority: number, more: object) => ({ address: '10.0.0.0/24', priority, ...more })
  const dflt = pool('dflt', '10.9.0.0/24', { annotations: DEFAULT_EIP })
  const byName = pool('by-name', at(20, { namespaces: ['ns-a', 'x'] }))
  const byLabel = pool('by-label', at(10, { namespaceSelector: { team: 'a', tier: '1' } }))
  const both = pool('both', at(10, { namespaces: ['ns-a'], namespaceSelector: { team: 'z' }, protocol: 'layer2', interface: 'eth0' }))
  const nsA = { name: 'ns-a', labels: { team: 'a', tier: '1', more: 'yes' } }
  const names = (candidates: ReturnType<typeof candidatesFor>) =>
    candidates.kind === 'none'
      ? `none without ${candidates.ruledOut.map(({ name }) => name)}`
      : `${candidates.kind} ${candidates.pools.map(({ name }) => name)}`
  t.ok(matchesNamespace(byLabel, nsA))
  t.notOk(matchesNamespace(byLabel, { name: 'ns-b', labels: { team: 'a' } }), 'every label must match')
  t.notOk(matchesNamespace(dflt, nsA), 'a pool without a binding is bound to nobody')
  const all = [dflt, byName, byLabel, both]
  t.equal(names(candidatesFor(nsA, all)), 'bound both,by-label,by-name', 'lower priority first, then by name')
  t.equal(names(candidatesFor(nsA, all, 'layer2')), 'bound both')
  t.equal(names(candidatesFor(nsA, all, 'vip')), 'none without both,by-label,by-name,dflt')
  t.equal(names(candidatesFor({ name: 'other', labels: {} }, all)), 'default dflt')
  t.equal(names(candidatesFor({ name: 'other', labels: {} }, all, 'layer2')), 'none without dflt')
  t.equal(names(candidatesFor({ name: 'other', labels: {} }, [byName])), 'none without ')
  t.equal(names(candidatesFor(nsA, [dflt, { ...byName, disabled: true }, { ...byLabel, deleting: true }])), 'default dflt')
  t.equal(names(candidatesFor(nsA, [{ ...dflt, disabled: true }])), 'none without ')
  const second = pool('aaa', '10.8.0.0/24', { annotations: DEFAULT_EIP, created: '2026-05-01T00:00:00Z' })
  t.equal(defaultPool([second, dflt])?.name, 'dflt', 'the oldest of two defaults')
})

t.test('overlap', async (t) => {
  const old = pool('old', '10.0.0.10-10.0.0.20', { created: '2026-01-01T00:00:00Z' })
  const chain = pool('chain', '10.0.0.20-10.0.0.30', { created: '2026-01-02T00:00:00Z' })
  const tail = pool('tail', '10.0.0.30-10.0.0.40', { created: '2026-01-03T00:00:00Z' })
  const v6 = pool('v6', '::10.0.0.10', { created: '2026-01-04T00:00:00Z' })
  t.equal(findOverlap(chain.range, [v6, tail, old])?.name, 'tail', 'the first in list order, as OpenELB names it')
  t.equal(findOverlap(v6.range, [old, chain, tail]), undefined, 'families do not meet')
  const standing = Object.fromEntries(activePools([tail, v6, chain, old]))
  t.same(standing, {
    old: { kind: 'active' },
    chain: { kind: 'overlap', with: 'old' },
    tail: { kind: 'active' },
    v6: { kind: 'active' },
  })
  const sameSecond = [pool('b', '10.0.0.1'), pool('a', '10.0.0.1')]
  t.same(Object.fromEntries(activePools(sameSecond)), { a: { kind: 'active' }, b: { kind: 'overlap', with: 'a' } })
})

t.test('activePools agrees with the definition, for any pools in any order', async (t) => {
  const range = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 12 }), fc.constantFrom('10.0.0.', 'fd00::'))
  const arbitrary = fc.array(fc.tuple(range, fc.integer({ min: 1, max: 9 })), { maxLength: 24 })
  const result = fc.check(
    fc.property(arbitrary, fc.infiniteStream(fc.nat()), (given, random) => {
      const pools = given.map(([[from, length, prefix], day], at) =>
        pool(`p${at}`, `${prefix}${from}-${prefix}${from + length}`.replace(/(fd00::)(\d+)-(fd00::)(\d+)/, hexadecimal), {
          created: `2026-01-0${day}T00:00:00Z`,
        }),
      )
      const keys = new Map(pools.map(({ name }) => [name, random.next().value as number]))
      const shuffled = pools.toSorted((a, b) => (keys.get(a.name) ?? 0) - (keys.get(b.name) ?? 0))
      return JSON.stringify([...activePools(shuffled)]) === JSON.stringify([...byDefinition(pools)])
    }),
  )
  t.notOk(result.failed, String(fc.defaultReportMessage(result)))
})

const hexadecimal = (_match: string, a: string, from: string, b: string, to: string) =>
  `${a}${Number(from).toString(16)}-${b}${Number(to).toString(16)}`

function byDefinition(pools: readonly Pool[]) {
  const active: Pool[] = []
  return new Map(
    pools.toSorted(compareAge).map((candidate) => {
      const rival = active.filter((other) => rangesOverlap(other.range, candidate.range)).toSorted(byStart)
      // Of several rivals the one named is the last that starts at or before the candidate, else the first after it.
      const named = rival.findLast(({ range }) => range.first <= candidate.range.first) ?? rival[0]
      if (named === undefined) active.push(candidate)
      return [candidate.name, named === undefined ? { kind: 'active' } : { kind: 'overlap', with: named.name }]
    }),
  )
}
const byStart = (a: Pool, b: Pool) => (a.range.first < b.range.first ? -1 : 1)
