import { apply, type Chapter, eip, eventually, get, loadBalancer, OPT_IN_KEY, run, type Suite, service } from './suite.ts'

interface Claims {
  readonly items: {
    readonly spec: { readonly address: string; readonly eip: string }
    readonly status?: { readonly owner?: { readonly node: string } }
  }[]
}

const NS = 'dual'
const POOL = 'dual'

/** The owners of the addresses of the pool, by address. */
async function owners(suite: Suite): Promise<ReadonlyMap<string, string>> {
  const claims = (await get<Claims>(suite, 'addressclaims'))?.items ?? []
  const own = claims.filter(({ spec }) => spec.eip === POOL)
  return new Map(own.flatMap(({ spec, status }) => (status?.owner === undefined ? [] : [[spec.address, status.owner.node] as const])))
}

/** The page, as the client fetches it from a literal address; undefined when it does not come. */
async function page(suite: Suite, ip: string): Promise<string | undefined> {
  const host = ip.includes(':') ? `[${ip}]` : ip
  const fetched = await suite.client('curl', ['-gsS', '--max-time', '3', `http://${host}/`])
  return fetched.code === 0 ? fetched.stdout : undefined
}

/** A Service with an address of each family: both are announced, reached, and moved. */
export const dualStack: Chapter = async (t, suite) => {
  const six = (host: number): string => `${suite.segmentIpv6}${host}`
  await run(suite, 'create', 'namespace', NS)
  await apply(
    suite,
    eip(POOL, {
      address: `${suite.segment}.221-${suite.segment}.225`,
      addresses: [`${six(221)}-${six(225)}`],
      protocol: 'layer2',
      interface: `can_reach:${six(30)}`,
    }),
    loadBalancer(
      'web',
      NS,
      { [OPT_IN_KEY]: 'openelb', 'eip.openelb.kubesphere.io/v1alpha2': POOL },
      { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] },
    ),
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: NS, labels: { app: 'web' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'web', image: 'docker.io/lab/busybox:1', command: ['/bin/httpd', '-f', '-p', '8080', '-h', '/www'] }],
      },
    },
  )
  await t.test('a page by IPv4 and by IPv6, each from the MAC of its owner', async (t) => {
    const ips = await eventually('two addresses', 30, async () => {
      const given = (await service(suite, NS, 'web'))?.status.loadBalancer.ingress ?? []
      return given.length === 2 && given.map(({ ip }) => ip)
    })
    t.same(ips, [`${suite.segment}.221`, six(221)])
    const own = await eventually('two owners', 30, async () => {
      const now = await owners(suite)
      return now.size === 2 && now
    })
    for (const ip of ips) {
      await eventually(`a page from ${ip}`, 30, () => page(suite, ip))
      const { stdout } = await suite.client('ip', ['neigh', 'show', ip])
      t.match(stdout, suite.nodes.find(({ name }) => name === own.get(ip))?.mac ?? 'no owner', `${ip} is at ${own.get(ip)}`)
    }
  })
  await t.test('the owner of the IPv6 address goes: another one answers', async (t) => {
    const vip = six(221)
    const before = (await owners(suite)).get(vip) ?? ''
    await run(suite, 'label', 'node', before, 'node.kubernetes.io/exclude-from-external-load-balancers=')
    const after = await eventually('another owner', 30, async () => {
      const now = (await owners(suite)).get(vip)
      return now !== before && now
    })
    await eventually('the page', 15, () => page(suite, vip))
    const { stdout } = await suite.client('ip', ['-6', 'neigh', 'show', vip])
    t.match(stdout, suite.nodes.find(({ name }) => name === after)?.mac ?? 'no owner')
    await run(suite, 'label', 'node', before, 'node.kubernetes.io/exclude-from-external-load-balancers-')
  })
  await run(suite, 'delete', 'namespace', NS, '--timeout=60s')
  await run(suite, 'delete', 'eip', POOL)
}
