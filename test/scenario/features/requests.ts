/** What a Service asks for, and by which setting. */
import { ADDRESSES, EIP_NAME, OPT_IN, PROTOCOL, REQUESTED_ADDRESS } from '../../../src/api/service-annotations.ts'
import { until } from '../../support/until.ts'
import type { Chapter } from './chapter.ts'

export function requestsChapter({ feature }: Chapter): void {
  feature('requests: an address by our list, by the annotation, by spec.loadBalancerIP; the stronger setting counts', async (t, stage) => {
    const { ip, lab, key, makePool, given } = stage
    await makePool('p', `${ip(0)}/28`)
    t.equal(await given('spec', { spec: { loadBalancerIP: ip(3) } }), ip(3))
    t.equal(await given('annotation', { address: ip(4), spec: { loadBalancerIP: ip(5) } }), ip(4))
    t.match(lab.condition(key('annotation'))?.message, /spec\.loadBalancerIP is ignored because/)
    t.equal(await given('list', { address: ip(6), annotations: { [ADDRESSES]: ip(7) } }), ip(7))
    const said = await lab.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'told', namespace: stage.namespace, annotations: { [OPT_IN]: 'openelb', [REQUESTED_ADDRESS]: ip(8) } },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }], loadBalancerIP: ip(9) },
    })
    t.match(said, /Warning: spec\.loadBalancerIP is ignored because/, 'kubectl apply says it too')
  })

  feature('requests: an Eip by name, or several, tried in order', async (t, { ip, pool, makePool, given, make, shows, says }) => {
    await makePool('a', ip(0))
    await makePool('b', ip(8))
    const eip = `${pool('b')},${pool('a')}`
    t.same([await given('x', { eip }), await given('y', { eip })], [ip(8), ip(0)])
    await make('z', { eip: pool('c') })
    await says('z', 'PoolNotFound')
    await makePool('c', ip(16))
    await shows('z', ip(16))
  })

  feature('requests: a change moves the Service, and what cannot be had leaves it where it is', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given, shows, says } = stage
    await makePool('a', `${ip(0)}/30`)
    await makePool('b', `${ip(8)}/32`)
    t.equal(await given('s', { eip: pool('a') }), ip(0))
    await lab.annotate(key('s'), { [EIP_NAME]: pool('b') })
    await shows('s', ip(8))
    await lab.annotate(key('s'), { [EIP_NAME]: pool('a'), [REQUESTED_ADDRESS]: ip(2) })
    await shows('s', ip(2))
    t.equal(await given('o', { eip: pool('b') }), ip(8))
    await lab.annotate(key('s'), { [EIP_NAME]: pool('b'), [REQUESTED_ADDRESS]: null })
    t.match(await says('s', 'PoolExhausted'), { status: 'False', message: /until then the Service keeps/ })
    await lab.removeService(key('o'))
    await shows('s', ip(8))
    t.same(lab.witness.history(key('s')), ['', ip(0), ip(8), ip(2), ip(8)], 'never without an address')
  })

  feature('requests: the protocol annotation narrows, where no Eip is named', async (t, stage) => {
    const { ip, lab, key, namespace, pool, makePool, given } = stage
    await makePool('b', ip(0), { namespaces: [namespace] })
    await makePool('l', ip(8), { namespaces: [namespace], protocol: 'layer2', interface: 'eth0', priority: 5 })
    t.equal(await given('layer2', { annotations: { [PROTOCOL]: 'layer2' } }), ip(8))
    t.equal(await given('named', { eip: pool('b'), annotations: { [PROTOCOL]: 'layer2' } }), ip(0))
    t.match(lab.condition(key('named'))?.message, /is ignored because an Eip is named/)
  })

  feature(
    'requests: what cannot be read is refused at kubectl apply, and never taken as any address',
    async (t, { lab, key, ip, makePool }) => {
      await makePool('p', `${ip(0)}/28`)
      for (const address of ['not-an-ip', `${ip(1)}/32`, '010.0.0.1', `::ffff:${ip(1)}`])
        t.match(await lab.attempt(lab.makeService(key('a'), { address })), /denied the request/, address)
      t.match(await lab.attempt(lab.makeService(key('a'), { annotations: { [ADDRESSES]: `${ip(1)},${ip(2)}` } })), /denied the request/)
      t.match(await lab.attempt(lab.makeService(key('a'), { eip: 'My Pool' })), /is not the name of an Eip/)
    },
  )

  feature('requests: our class opts in without an annotation, a foreign one is never touched', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given } = stage
    await lab.settings({ adopt: 'class' })
    await makePool('p', `${ip(0)}/29`, {}, { annotations: { 'eip.openelb.kubesphere.io/is-default-eip': 'true' } })
    await lab.makeService(key('foreign'), { eip: pool('p'), spec: { loadBalancerClass: 'example.com/other' } })
    await lab.makeService(key('annotated'), { eip: pool('p') })
    await lab.makeService(key('bare'), { bare: true })
    t.equal(await given('ours', { bare: true, spec: { loadBalancerClass: 'openelb.io/openelb' } }), ip(0))
    for (const name of ['foreign', 'annotated', 'bare']) t.equal(lab.condition(key(name)), undefined, name)
    await lab.settings({ adopt: 'annotated' })
    await stage.shows('annotated', ip(1))
    t.equal(lab.condition(key('bare')), undefined)
    await lab.settings()
    await stage.shows('bare', ip(2))
    t.equal(lab.condition(key('foreign')), undefined)
  })

  feature('requests: who turns away is released: another type, the opt-out, the deletion', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given } = stage
    await makePool('p', `${ip(0)}/29`)
    for (const name of ['type', 'out', 'gone']) await given(name, { eip: pool('p') })
    await lab.patchService(key('type'), { spec: { type: 'ClusterIP' } })
    await lab.annotate(key('out'), { [OPT_IN]: 'none' })
    await lab.removeService(key('gone'))
    await until('all are released', () => Object.keys(lab.holders(ip(0).slice(0, -1))).length === 0)
    await until('and look so', () => ['type', 'out'].every((name) => lab.condition(key(name)) === undefined))
    for (const name of ['type', 'out']) await stage.shows(name, '')
    const reasons = (await lab.eventsOf(key('gone'))).map(({ reason }) => reason)
    t.same(new Set(reasons), new Set(['AssignIP', 'ReleaseIP']))
  })
}
