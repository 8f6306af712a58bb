/** Services that were written for other load balancers, and their pools said with Eips. */
import { until } from '../../support/until.ts'
import type { Chapter, Stage } from './chapter.ts'

const port = (number: number, protocol = 'TCP') => ({ ports: [{ port: number, protocol }] })

/** The settings are followed by watches: a Service that nobody could read before tells when both processes have read them. */
async function reading({ lab, key, make, says }: Stage, compat: string, setting: string): Promise<void> {
  await make('probe', { annotations: { [setting]: 'no address' } })
  await lab.settings({ compat })
  await says('probe', 'AddressInvalid')
  let tries = 0
  await until(`the webhook reads annotations of ${compat}`, async () =>
    /denied/.test(await lab.attempt(lab.annotate(key('probe'), { [setting]: `no address ${tries++}` }))),
  )
  await lab.removeService(key('probe'))
}

export function compatChapter({ feature }: Chapter): void {
  feature('compat: annotations of others are not read unless the settings name them', async (t, { ip, pool, makePool, given }) => {
    await makePool('p', `${ip(0)}/29`)
    const annotations = { 'metallb.io/loadBalancerIPs': ip(5), 'kube-vip.io/loadbalancerIPs': ip(6), 'metallb.io/address-pool': 'other' }
    t.equal(await given('s', { eip: pool('p'), annotations }), ip(0))
  })

  feature('compat metallb: pool, addresses and sharing key, by the new prefix and the old one', async (t, stage) => {
    const { ip, lab, key, pool, makePool, given } = stage
    await reading(stage, 'metallb', 'metallb.io/loadBalancerIPs')
    await makePool('p', `${ip(0)}/29`)
    const pooled = { annotations: { 'metallb.io/address-pool': pool('p') } }
    t.equal(await given('pool', pooled), ip(0))
    t.equal(await given('old', { annotations: { 'metallb.universe.tf/loadBalancerIPs': ip(4) } }), ip(4))
    t.equal(
      await given('new', { annotations: { 'metallb.io/loadBalancerIPs': ip(5), 'metallb.universe.tf/loadBalancerIPs': ip(6) } }),
      ip(5),
    )
    const shared = { ...pooled.annotations, 'metallb.universe.tf/allow-shared-ip': 'k' }
    t.equal(await given('shares-a', { annotations: shared }), ip(1))
    t.equal(await given('shares-b', { annotations: { ...shared, 'metallb.io/allow-shared-ip': 'k' }, spec: port(53, 'UDP') }), ip(1))
    t.equal(
      await given('ours', { address: ip(7), annotations: { 'metallb.io/loadBalancerIPs': ip(2) } }),
      ip(7),
      'ours is the stronger one',
    )
    t.match(lab.condition(key('ours'))?.message, /metallb\.io\/loadBalancerIPs is ignored because/)
  })

  feature('compat kube-vip: addresses, 0.0.0.0 and ignore', async (t, stage) => {
    const { ip, six, lab, key, makePool, given, namespace } = stage
    await reading(stage, 'kube-vip', 'kube-vip.io/loadbalancerIPs')
    await makePool('p', `${ip(0)}/29`, { addresses: [`${six(0)}/126`], namespaces: [namespace] })
    t.equal(await given('one', { annotations: { 'kube-vip.io/loadbalancerIPs': ip(4) } }), ip(4))
    const both = { annotations: { 'kube-vip.io/loadbalancerIPs': `${ip(5)},${six(1)}` }, spec: { ipFamilyPolicy: 'RequireDualStack' } }
    t.equal(await given('both', both), `${ip(5)},${six(1)}`)
    t.equal(await given('dhcp', { annotations: { 'kube-vip.io/loadbalancerIPs': '0.0.0.0' } }), ip(0), 'no DHCP: from the Eip')
    t.match(lab.condition(key('dhcp'))?.message, /asks no DHCP server/)
    await lab.makeService(key('ignored'), { annotations: { 'kube-vip.io/ignore': 'true' } })
    t.equal(await given('next'), ip(1))
    t.equal(lab.condition(key('ignored')), undefined)
  })

  feature('compat kube-vip: the pools of its ConfigMap, said with Eips', async (t, stage) => {
    const { ip, lab, key, namespace, pool, makePool, given } = stage
    // cidr-global with search-order desc and skip-end-ips-in-cidr
    const ends = { exclude: [ip(0), ip(7)] }
    await makePool(
      'global',
      `${ip(0)}/29`,
      { order: 'last', ...ends },
      { annotations: { 'eip.openelb.kubesphere.io/is-default-eip': 'true' } },
    )
    // range-<namespace> with two ranges, and .0 and .255 skipped
    await lab.makeNamespace(`${namespace}-shop`)
    await makePool('shop', `${ip(255)}-${ip(0, 1)}`, { addresses: [ip(9, 1)], avoidBuggyIPs: true, namespaces: [`${namespace}-shop`] })
    t.same([await given('a'), await given('b')], [ip(6), ip(5)], 'from the top, without the ends')
    await lab.makeService(`${namespace}-shop/a`)
    await lab.shows(`${namespace}-shop/a`, ip(9, 1))
    // allow-share-global
    const share = { annotations: { 'openelb.io/allow-shared-ip': 'all' }, eip: pool('global') }
    t.equal(await given('shares-a', { ...share, spec: port(80) }), ip(4))
    t.equal(await given('shares-b', { ...share, spec: port(81) }), ip(4))
    t.ok(lab.claimOf(ip(4)), key('shares-a'))
  })
}
