/** What a pool says: ranges, for whom, how many, in which order, and how it changes. */
import { IS_DEFAULT_EIP, REQUESTED_ADDRESS } from '../../../src/api/service-annotations.ts'
import { until } from '../../support/until.ts'
import type { Chapter } from './chapter.ts'

const DEFAULT = { annotations: { [IS_DEFAULT_EIP]: 'true' } }

export function poolsChapter({ feature }: Chapter): void {
  feature(
    'pools: several ranges, prefixes and single addresses, filled one after the other, each from its lowest address',
    async (t, stage) => {
      const { ip, lab, pool, makePool, given, says } = stage
      await makePool('p', `${ip(8)}-${ip(9)}`, { addresses: [`${ip(64)}/31`, ip(3)] })
      const eip = pool('p')
      t.same(
        [
          await given('a', { eip }),
          await given('b', { eip }),
          await given('c', { eip }),
          await given('d', { eip }),
          await given('e', { eip }),
        ],
        [ip(8), ip(9), ip(64), ip(65), ip(3)],
        'in the order in which they are written',
      )
      await stage.make('late', { eip })
      await says('late', 'PoolExhausted')
      const status = await until('the status counts all', async () => {
        const { status } = await lab.eip(eip)
        return status?.usage === 5 && status
      })
      t.match(status, { poolSize: 5, capacity: '5', occupied: true, used: { [ip(3)]: stage.key('e') } })
      t.match(
        await until('the Eip says so', async () =>
          (await lab.eip(eip)).status?.conditions?.find(({ type, status }) => type === 'Exhausted' && status === 'True'),
        ),
        { message: /1 / },
      )
      await lab.removeService(stage.key('b'))
      await stage.shows('late', ip(9))
    },
  )

  feature('pools: excluded addresses, by the Eip and by the settings', async (t, { ip, lab, pool, key, makePool, given }) => {
    await lab.settings({ exclude: ip(2) })
    await makePool('p', `${ip(0)}/29`, { exclude: [`${ip(0)}-${ip(1)}`] })
    t.equal(await given('a', { eip: pool('p') }), ip(3))
    t.match(await lab.attempt(lab.makeService(key('b'), { address: ip(1) })), /never given/, 'said at kubectl apply')
  })

  feature('pools: avoidBuggyIPs passes over .0 and .255', async (t, { ip, lab, pool, key, makePool, given }) => {
    await makePool('p', `${ip(255)}-${ip(1, 1)}`, { avoidBuggyIPs: true })
    t.equal(await given('a', { eip: pool('p') }), ip(1, 1))
    t.match(await lab.attempt(lab.makeService(key('b'), { address: ip(255) })), /never given/, 'nor by request')
    await lab.makeService(key('c'), { eip: pool('p') })
    await lab.says(key('c'), 'PoolExhausted')
  })

  feature('pools: autoAssign false gives to those who name the Eip, or one of its addresses', async (t, stage) => {
    const { ip, pool, makePool, given, make, says } = stage
    await makePool('p', `${ip(0)}/30`, { autoAssign: false }, DEFAULT)
    await make('auto')
    t.match(await says('auto', 'NoDefaultPool'), { message: /has autoAssign false/ })
    t.equal(await given('named', { eip: pool('p') }), ip(0))
    t.equal(await given('asked', { address: ip(3) }), ip(3))
  })

  feature('pools: bound by the names and the labels of namespaces, and by the labels of Services', async (t, stage) => {
    const { ip, namespace, makePool, given } = stage
    await makePool('d', `${ip(0)}/29`, {}, DEFAULT)
    await makePool('n', `${ip(8)}/32`, { namespaces: [namespace], serviceSelector: { matchLabels: { tier: 'a' } } })
    await makePool('m', `${ip(16)}/32`, { namespaceSelector: { team: 'web' }, serviceSelector: { matchLabels: { tier: 'b' } } })
    const expressions = { matchExpressions: [{ key: 'team', operator: 'In', values: ['db', 'web'] }] }
    await makePool('s', `${ip(24)}/32`, { namespaceSelector: expressions, serviceSelector: { matchLabels: { tier: 'c' } } })
    t.equal(await given('a', { labels: { tier: 'a' } }), ip(8))
    t.equal(await given('b', { labels: { tier: 'b' } }), ip(16))
    t.equal(await given('c', { labels: { tier: 'c' } }), ip(24))
    t.equal(await given('other', { labels: { tier: 'd' } }), ip(0), 'whom no pool is bound to gets from the default one')
  })

  feature('pools: the lower priority first, then the next one that has room, and never the default', async (t, stage) => {
    const { ip, namespace, makePool, given, make, says } = stage
    await makePool('d', `${ip(0)}/29`, {}, DEFAULT)
    await makePool('a', ip(8), { namespaces: [namespace], priority: 20 })
    await makePool('b', ip(16), { namespaces: [namespace], priority: 10 })
    t.same([await given('x'), await given('y')], [ip(16), ip(8)])
    await make('z')
    await says('z', 'PoolExhausted')
  })

  feature('pools: a fence keeps out who asks by name, a binding alone does not', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given } = stage
    await makePool('p', `${ip(0)}/30`, { namespaces: ['elsewhere'] })
    await makePool('q', `${ip(8)}/30`, { namespaces: ['elsewhere'], enforceNamespaces: true })
    t.equal(await given('a', { eip: pool('p') }), ip(0))
    for (const [name, wish] of Object.entries({ b: { eip: pool('q') }, c: { address: ip(9) } }))
      t.match(await lab.attempt(lab.makeService(key(name), wish)), /not for Services of the namespace/)
  })

  feature('pools: a quota for each namespace', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given, make, says, shows } = stage
    await makePool('p', `${ip(0)}/29`, { quota: { perNamespace: 2 } })
    const eip = pool('p')
    t.same([await given('a', { eip }), await given('b', { eip })], [ip(0), ip(1)])
    await make('c', { eip })
    t.match(await says('c', 'QuotaExceeded'), { message: /holds 2 addresses/ })
    await lab.makeNamespace(`${stage.namespace}-other`)
    await lab.makeService(`${stage.namespace}-other/a`, { eip })
    await lab.shows(`${stage.namespace}-other/a`, ip(2))
    await lab.removeService(key('a'))
    await shows('c', ip(0))
  })

  feature('pools: a reserved address waits for its Service, and is that of nobody else', async (t, stage) => {
    const { ip, lab, key, namespace, makePool, given } = stage
    const reservations = [{ address: ip(0), namespace, name: 'checkout' }]
    await makePool('p', `${ip(0)}/29`, { reservations }, DEFAULT)
    t.equal(await given('a'), ip(1), 'passed over')
    t.match(await lab.attempt(lab.makeService(key('b'), { address: ip(0) })), /reserved for/)
    t.equal(await given('checkout'), ip(0))
  })

  feature('pools: order first, last, least-recently-released and hash', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given } = stage
    await makePool('l', `${ip(0)}/30`, { order: 'last' })
    t.same([await given('l1', { eip: pool('l') }), await given('l2', { eip: pool('l') })], [ip(3), ip(2)])
    await makePool('r', `${ip(8)}/31`, { order: 'least-recently-released' })
    t.equal(await given('r1', { eip: pool('r') }), ip(8))
    await lab.removeService(key('r1'))
    await until('released', () => lab.claimOf(ip(8)) === undefined)
    t.equal(await given('r2', { eip: pool('r') }), ip(9), 'not the one that was free last')
    t.equal(await given('r3', { eip: pool('r') }), ip(8))
    await makePool('h', `${ip(0, 1)}/24`, { order: 'hash' })
    const first = await given('h1', { eip: pool('h') })
    await lab.removeService(key('h1'))
    await until('released', () => lab.claimOf(first) === undefined)
    t.equal(await given('h1', { eip: pool('h') }), first, 'created again, the same address')
  })

  feature('pools: an address of a node is passed over, and is free once the node has gone', async (t, stage) => {
    const { ip, lab, pool, makePool, given } = stage
    await lab.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: stage.namespace } })
    const status = { addresses: [{ type: 'InternalIP', address: ip(0) }] }
    await lab.world.cluster.kubectl([
      'patch',
      'node',
      stage.namespace,
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status }),
    ])
    await makePool('p', `${ip(0)}/31`)
    t.equal(await given('a', { eip: pool('p') }), ip(1))
    await stage.make('b', { eip: pool('p') })
    await stage.says('b', 'PoolExhausted')
    await lab.world.cluster.kubectl(['delete', 'node', stage.namespace])
    await stage.shows('b', ip(0))
  })

  feature('pools: a disabled Eip keeps its holders and gives nothing new', async (t, stage) => {
    const { ip, lab, pool, makePool, given, make, says, shows } = stage
    await makePool('p', `${ip(0)}/30`)
    t.equal(await given('a', { eip: pool('p') }), ip(0))
    await lab.patchEip(pool('p'), { spec: { disable: true } })
    await make('b', { eip: pool('p') })
    await says('b', 'PoolDisabled')
    await shows('a', ip(0))
    await lab.patchEip(pool('p'), { spec: { disable: false } })
    await shows('b', ip(1))
    t.same(lab.witness.history(stage.key('a')), ['', ip(0)])
  })

  feature('pools: one that shrinks keeps its holders, and says who they are', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given, says } = stage
    await makePool('p', `${ip(0)}/31`, { addresses: [ip(8)] })
    const eip = pool('p')
    t.equal(await given('a', { address: ip(8) }), ip(8))
    await lab.patchEip(eip, { spec: { addresses: [] } })
    const draining = () =>
      until('Draining', async () =>
        (await lab.eip(eip)).status?.conditions?.find(({ type, status }) => type === 'Draining' && status === 'True'),
      )
    t.match(await draining(), { message: new RegExp(`${ip(8).replaceAll('.', '\\.')}.*${key('a')}`) })
    await until('the Service says so', () => /gives .* no more/.test(lab.condition(key('a'))?.message ?? ''))
    t.equal((await says('a', 'Allocated')).status, 'True')
    await lab.removeService(key('a'))
    await until('drained', async () =>
      (await lab.eip(eip)).status?.conditions?.every(({ type, status }) => type !== 'Draining' || status === 'False'),
    )
    t.equal(lab.claimOf(ip(8)), undefined)
  })

  feature('pools: onShrink evict moves the holders: the new address is shown before the old one is released', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given, shows } = stage
    await makePool('p', `${ip(0)}/31`, { addresses: [ip(8)], onShrink: 'evict' })
    await given('a', { eip: pool('p') })
    t.equal(await given('b', { eip: pool('p') }), ip(1))
    t.equal(await given('c', { eip: pool('p') }), ip(8))
    await lab.removeService(key('a'))
    // A holder that must go while nothing is free goes without another address.
    await until('an address is free', () => lab.claimOf(ip(0)) === undefined)
    await lab.patchEip(pool('p'), { spec: { addresses: [] } })
    await shows('c', ip(0))
    t.same(lab.witness.history(key('c')), ['', ip(8), ip(0)], 'never without one')
    await until('the old one is released', () => lab.claimOf(ip(8)) === undefined)
  })

  feature('pools: no address in two Eips, nor twice in one', async (t, stage) => {
    const { ip, lab, makePool } = stage
    await makePool('p', `${ip(0)}/29`, { addresses: [`${ip(16)}/29`] })
    t.match(await lab.attempt(makePool('q', `${ip(20)}-${ip(30)}`)), /eip address overlap with/)
    t.match(await lab.attempt(makePool('q', `${ip(32)}/29`, { addresses: [ip(33)] })), /denied the request/)
    await makePool('q', ip(40))
    t.match(await lab.attempt(lab.patchEip(stage.pool('q'), { spec: { addresses: [ip(1)] } })), /eip address overlap with/)
    for (const address of ['', 'xxxx', `${ip(9)}-${ip(8)}`, `${ip(9)}/33`, `${ip(9)}-fd00::1`, `${ip(9)} - ${ip(10)}`])
      t.match(await lab.attempt(makePool('r', address)), /invalid eip address format/, address)
    t.match(await lab.attempt(makePool('r', ip(48), { protocol: 'layer2' })), /interface should not be empty/)
  })

  feature('pools: one default Eip, which serves who asks for nothing', async (t, stage) => {
    const { ip, lab, makePool, given } = stage
    await makePool('p', `${ip(0)}/30`, {}, DEFAULT)
    t.match(await lab.attempt(makePool('q', `${ip(8)}/30`, {}, DEFAULT)), /already exists a default EIP/)
    t.equal(await given('bare', { bare: true }), ip(0), 'adopted without any annotation')
    t.equal(await given('asks', { annotations: { [REQUESTED_ADDRESS]: ip(2) } }), ip(2))
  })
}
