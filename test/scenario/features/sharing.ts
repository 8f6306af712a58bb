/** Several Services on one address. */
import { ALLOW_SHARED_IP } from '../../../src/api/service-annotations.ts'
import type { Chapter } from './chapter.ts'

const keyed = (key: string) => ({ annotations: { [ALLOW_SHARED_IP]: key } })
const port = (number: number, protocol = 'TCP') => ({ ports: [{ port: number, protocol }] })

export function sharingChapter({ feature }: Chapter): void {
  feature('sharing: by a key, with other ports or another protocol', async (t, { ip, lab, key, pool, makePool, given }) => {
    await makePool('p', `${ip(0)}/29`)
    const eip = pool('p')
    t.equal(await given('shares-tcp', { eip, ...keyed('dns'), spec: port(53) }), ip(0))
    t.equal(await given('shares-udp', { eip, ...keyed('dns'), spec: port(53, 'UDP') }), ip(0))
    t.equal(await given('shares-not', { eip, ...keyed('dns'), spec: port(53) }), ip(1), 'a port that is used: the next address')
    t.equal(await given('shares-third', { eip, ...keyed('dns'), spec: port(853) }), ip(0), 'the lowest that can be shared')
    t.equal(await given('shares-other', { eip, ...keyed('web'), spec: port(80) }), ip(2), 'another key')
    t.equal(await given('shares-none', { eip, spec: port(81) }), ip(3), 'no key')
    t.equal(lab.claimOf(ip(0))?.spec.holders.length, 3)
    t.match(lab.claimOf(ip(0))?.spec.service, /shares-tcp;.*shares-udp/)
    t.notMatch(JSON.stringify(lab.claimOf(ip(0))), '"dns"', 'the key itself is told to nobody')
    await lab.removeService(key('shares-tcp'))
    t.equal(await given('shares-again', { eip, ...keyed('dns'), spec: port(53) }), ip(0), 'the port is free again')
  })

  feature('sharing: by the same address inside one namespace, as in OpenELB, but no port twice', async (t, stage) => {
    const { ip, lab, key, makePool, given, make, says, shows } = stage
    await makePool('p', `${ip(0)}/29`)
    t.equal(await given('shares-a', { address: ip(4) }), ip(4))
    t.equal(await given('shares-b', { address: ip(4), spec: port(443) }), ip(4))
    await make('shares-c', { address: ip(4) })
    t.match(await says('shares-c', 'PortClash'), { message: /TCP\/80/ })
    await lab.removeService(key('shares-a'))
    await shows('shares-c', ip(4))
  })

  feature('sharing: across namespaces only by a key that both state', async (t, stage) => {
    const { ip, lab, key, makePool, given, namespace, says } = stage
    await makePool('p', `${ip(0)}/29`)
    await lab.makeNamespace(`${namespace}-b`)
    const there = `${namespace}-b/shares-there`
    t.equal(await given('shares-here', { address: ip(2) }), ip(2))
    await lab.makeService(there, { address: ip(2), spec: port(443) })
    await lab.says(there, 'AddressTaken')
    await lab.annotate(there, { [ALLOW_SHARED_IP]: 'k' })
    await lab.says(there, 'SharingRefused')
    await lab.annotate(key('shares-here'), { [ALLOW_SHARED_IP]: 'k' })
    await lab.shows(there, ip(2))
    t.equal((await says('shares-here', 'Allocated')).status, 'True')
    t.same(lab.holders(ip(0).slice(0, -1)), { [ip(2)]: `${key('shares-here')};${there}` })
  })

  feature('sharing: the same externalTrafficPolicy, and for Local the same selector', async (t, stage) => {
    const { ip, pool, makePool, given } = stage
    await makePool('p', `${ip(0)}/29`)
    const local = (number: number, app: string) => ({ ...port(number), externalTrafficPolicy: 'Local', selector: { app } })
    const wish = { eip: pool('p'), ...keyed('k') }
    t.equal(await given('shares-a', { ...wish, spec: local(80, 'a') }), ip(0))
    t.equal(await given('shares-b', { ...wish, spec: local(81, 'a') }), ip(0))
    t.equal(await given('shares-c', { ...wish, spec: local(82, 'c') }), ip(1), 'another selector')
    t.equal(await given('shares-d', { ...wish, spec: port(83) }), ip(2), 'another policy')
  })

  feature('sharing: who changes so that it clashes leaves, the others stay', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given, shows } = stage
    await makePool('p', `${ip(0)}/29`)
    const wish = { eip: pool('p'), ...keyed('k') }
    t.equal(await given('shares-a', { ...wish, spec: port(80) }), ip(0))
    t.equal(await given('shares-b', { ...wish, spec: port(81) }), ip(0))
    await lab.patchService(key('shares-b'), { spec: port(80) })
    await shows('shares-b', ip(1))
    t.same(lab.witness.history(key('shares-a')), ['', ip(0)])
    await lab.annotate(key('shares-a'), { [ALLOW_SHARED_IP]: 'other' })
    await lab.says(key('shares-a'), 'Allocated')
    t.same(lab.witness.history(key('shares-a')), ['', ip(0)], 'who holds it alone may change its key')
  })
}
