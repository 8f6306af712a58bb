/** What a Service has, it keeps. */
import { EIP_NAME } from '../../../src/api/service-annotations.ts'
import { deleteObject } from '../../../src/kube/objects.ts'
import { ADDRESS_CLAIMS } from '../../../src/kube/resources.ts'
import { until } from '../../support/until.ts'
import type { Chapter } from './chapter.ts'

export function stickinessChapter({ feature }: Chapter): void {
  feature('stickiness: a better pool, another priority, another binding move nobody', async (t, stage) => {
    const { ip, lab, key, namespace, pool, makePool, given } = stage
    await makePool('a', `${ip(0)}/30`, { namespaces: [namespace], priority: 10 })
    t.equal(await given('s'), ip(0))
    await makePool('b', `${ip(8)}/30`, { namespaces: [namespace], priority: 1 })
    await lab.patchEip(pool('a'), { spec: { priority: 99, namespaces: ['elsewhere'] } })
    t.equal(await given('next'), ip(8), 'the change is known')
    t.same(lab.witness.history(key('s')), ['', ip(0)])
  })

  feature('stickiness: a restart changes nothing, and writes nothing', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given } = stage
    await makePool('p', `${ip(0)}/29`)
    for (const name of ['a', 'b', 'c']) await given(name, { eip: pool('p') })
    await lab.removeService(key('b'))
    await until('released', () => lab.claimOf(ip(1)) === undefined)
    await until('the Eip is up to date', async () => (await lab.eip(pool('p'))).status?.usage === 2)
    const versions = () => [...lab.witness.services(), ...lab.witness.claims()].map(({ metadata }) => metadata.resourceVersion).join()
    const before = versions()
    await lab.restartAllocator()
    t.equal(await given('d', { eip: pool('p') }), ip(1), 'it works')
    await lab.removeService(key('d'))
    await until('as before', () => versions() === before)
    for (const [name, last] of Object.entries({ a: 0, c: 2 })) t.same(lab.witness.history(key(name)), ['', ip(last)])
  })

  feature('stickiness: after a loss of all claims each Service gets the address that it shows', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given } = stage
    await makePool('p', `${ip(0)}/29`)
    t.equal(await given('a', { eip: pool('p') }), ip(0))
    t.equal(await given('b', { eip: pool('p') }), ip(1))
    await lab.removeService(key('a'))
    for (const { metadata } of lab.witness.claims()) await deleteObject(lab.world.api, ADDRESS_CLAIMS, { name: metadata.name })
    await until('it holds it again', () => lab.claimOf(ip(1)) !== undefined)
    t.same(lab.witness.history(key('b')), ['', ip(1)])
  })

  feature('stickiness: an Eip that is renamed or split takes its holders over', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given } = stage
    await makePool('old', `${ip(0)}/30`)
    t.equal(await given('a', { address: ip(0) }), ip(0))
    t.equal(await given('b', { address: ip(3) }), ip(3))
    await lab.removeEip(pool('old'))
    for (const name of ['a', 'b']) t.match(await lab.says(key(name), 'PoolDeleted'), { status: 'True' })
    await makePool('low', `${ip(0)}/31`)
    await makePool('high', `${ip(2)}/31`)
    for (const [name, letter] of [
      ['a', 'low'],
      ['b', 'high'],
    ] as const) {
      await lab.says(key(name), 'Allocated')
      await until('it has a new Eip', () => lab.witness.service(key(name))?.metadata.labels?.[EIP_NAME] === pool(letter))
    }
    t.same(
      [lab.witness.history(key('a')), lab.witness.history(key('b'))],
      [
        ['', ip(0)],
        ['', ip(3)],
      ],
      'no address moved',
    )
  })

  feature('stickiness: an Eip that is deleted in use takes nothing away, and kubectl says whom it concerns', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given } = stage
    await makePool('p', `${ip(0)}/30`)
    t.equal(await given('a', { eip: pool('p') }), ip(0))
    await until('the Eip knows', async () => (await lab.eip(pool('p'))).status?.usage === 1)
    const { stderr } = await lab.world.cluster.tryKubectl(['delete', 'eip', pool('p')])
    t.match(stderr, new RegExp(`Warning: Services with an address of Eip ${pool('p')}: ${key('a')}`))
    await lab.says(key('a'), 'PoolDeleted')
    await makePool('p', `${ip(0)}/30`)
    await lab.says(key('a'), 'Allocated')
    t.same(lab.witness.history(key('a')), ['', ip(0)])
  })
}
