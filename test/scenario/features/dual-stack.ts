/** Addresses of both families. */
import { ADDRESSES } from '../../../src/api/service-annotations.ts'
import type { Chapter } from './chapter.ts'

const policy = (ipFamilyPolicy: string, ...ipFamilies: readonly string[]) => ({
  spec: { ipFamilyPolicy, ...(ipFamilies.length > 0 && { ipFamilies }) },
})

export function dualStackChapter({ feature }: Chapter): void {
  feature('dual stack: one family, the one that the Service has', async (t, { ip, six, pool, makePool, given }) => {
    await makePool('p', `${ip(0)}/30`, { addresses: [`${six(0)}/126`] })
    const eip = pool('p')
    t.equal(await given('four', { eip }), ip(0))
    t.equal(await given('six', { eip, ...policy('SingleStack', 'IPv6') }), six(0))
  })

  feature('dual stack: both families from one Eip, the primary one first', async (t, { ip, six, pool, makePool, given }) => {
    await makePool('p', `${ip(0)}/30`, { addresses: [`${six(0)}/126`] })
    const eip = pool('p')
    t.equal(await given('prefer', { eip, ...policy('PreferDualStack') }), `${ip(0)},${six(0)}`)
    t.equal(await given('require', { eip, ...policy('RequireDualStack', 'IPv6', 'IPv4') }), `${six(1)},${ip(1)}`)
    const asked = { annotations: { [ADDRESSES]: `${ip(3)},${six(3)}` }, ...policy('RequireDualStack') }
    t.equal(await given('asked', asked), `${ip(3)},${six(3)}`)
  })

  feature('dual stack: preferred, and one family is missing: it comes later, and the first address stays', async (t, stage) => {
    const { ip, six, lab, key, pool, makePool, given, shows, says } = stage
    await makePool('a', `${ip(0)}/30`)
    t.equal(await given('s', { eip: `${pool('a')},${pool('b')}`, ...policy('PreferDualStack') }), ip(0))
    t.match(await says('s', 'Allocated'), { status: 'True', message: /no IPv6 address/ })
    await makePool('b', `${six(0)}/126`)
    await shows('s', `${ip(0)},${six(0)}`)
    t.notMatch(lab.condition(key('s'))?.message, /no IPv6 address/)
  })

  feature('dual stack: required, both or none', async (t, stage) => {
    const { ip, six, lab, pool, makePool, make, shows, says } = stage
    await makePool('a', `${ip(0)}/30`)
    await make('s', { eip: `${pool('a')},${pool('b')}`, ...policy('RequireDualStack') })
    t.match(await says('s', 'DualStackIncomplete'), { status: 'False', message: /no IPv6 address/ })
    t.same(lab.witness.claims(), [], 'not even one is taken')
    await makePool('b', `${six(0)}/126`)
    await shows('s', `${ip(0)},${six(0)}`)
  })

  feature('dual stack: a family that is added keeps the first address, one that is given up is released', async (t, stage) => {
    const { ip, six, lab, key, pool, makePool, given, shows } = stage
    await makePool('p', `${ip(0)}/30`, { addresses: [`${six(0)}/126`] })
    t.equal(await given('s', { eip: pool('p') }), ip(0))
    await lab.patchService(key('s'), policy('RequireDualStack', 'IPv4', 'IPv6'))
    await shows('s', `${ip(0)},${six(0)}`)
    await lab.patchService(key('s'), policy('SingleStack', 'IPv4'))
    await shows('s', ip(0))
    t.same(lab.witness.history(key('s')), ['', ip(0), `${ip(0)},${six(0)}`, ip(0)])
  })
}
