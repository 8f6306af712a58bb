import type { RouterRoutes } from './router.ts'
import {
  address,
  apply,
  type Chapter,
  eip,
  eventually,
  get,
  loadBalancer,
  type Manifest,
  NAMESPACE,
  OPT_IN_KEY,
  run,
  type Suite,
} from './suite.ts'

const NS = 'bgp'
const SERVICE = 'bgp-svc'
/** Not of the segment: nobody answers for it but the router's route. */
const RANGE = '172.22.0.0/28'
const GROUP = 'network.kubesphere.io/v1alpha2'
const COMMUNITY = '65001:77'

interface PeerStatus {
  readonly status?: {
    readonly nodesPeerStatus?: Readonly<
      Record<string, { readonly peerState?: { readonly sessionState?: string; readonly peerType?: number } }>
    >
  }
}

/** As OpenELB leaves them. */
const kind = (name: string, objectKind: string, spec: object): Manifest => ({
  apiVersion: GROUP,
  kind: objectKind,
  metadata: { name, finalizers: ['finalizer.lb.kubesphere.io/v1alpha1'] },
  spec,
})

/** Two Pods that serve a page with their own name. */
const DEPLOYMENT = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: SERVICE, namespace: NS },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: SERVICE } },
    template: {
      metadata: { labels: { app: SERVICE } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'web',
            image: 'docker.io/lab/busybox:1',
            command: ['sh', '-c', 'mkdir -p /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www'],
          },
        ],
      },
    },
  },
}

const POLICY = `
[global.apply-policy.config]
export-policy-list = ["mark"]
default-export-policy = "accept-route"
[[policy-definitions]]
name = "mark"
  [[policy-definitions.statements]]
  name = "all"
    [policy-definitions.statements.actions]
    route-disposition = "accept-route"
    [policy-definitions.statements.actions.bgp-actions.set-community]
    options = "add"
      [policy-definitions.statements.actions.bgp-actions.set-community.set-community-method]
      communities-list = ["${COMMUNITY}"]
`

/** A router learns the address from every node, with what the policy adds, and a client behind it reaches the Pods. */
export const bgp: Chapter = async (t, suite) => {
  const router = await suite.startRouter()
  t.teardown(() => router.close())
  await run(suite, 'create', 'namespace', NS)
  t.teardown(() => suite.kubectl(['delete', 'namespace', NS, '--timeout=60s']))
  const policy = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'bgp-policy', namespace: NAMESPACE },
    data: { 'gobgp.conf': POLICY },
  }
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'openelb-bgp', namespace: NAMESPACE },
    stringData: { router: router.password },
  }
  const conf = kind('default', 'BgpConf', { as: 65_001, policy: 'bgp-policy', gracefulRestart: { enabled: true } })
  const peer = kind('router', 'BgpPeer', { conf: { peerAs: 65_000, neighborAddress: router.address, authPasswordSecretKey: 'router' } })
  await apply(suite, policy, secret, conf, peer, eip('bgp', { address: RANGE, protocol: 'bgp' }), DEPLOYMENT)
  t.teardown(() => suite.kubectl(['delete', 'eip/bgp', 'bgppeer/router', 'bgpconf/default', '--timeout=20s']))
  await run(suite, 'rollout', 'status', `deployment/${SERVICE}`, '-n', NS, '--timeout=60s')
  await apply(suite, loadBalancer(SERVICE, NS, { [OPT_IN_KEY]: 'openelb', 'eip.openelb.kubesphere.io/v1alpha2': 'bgp' }))
  const ip = await address(suite, NS, SERVICE)

  await t.test('the router has as many next hops as there are nodes, with what the policy adds', async (t) => {
    const paths = await eventually('a path of every node', 30, async () => {
      const found = await router.paths(ip)
      return found.length === suite.nodes.length && found
    })
    t.same(nextHops(paths), suite.nodes.map((node) => node.address).sort())
    for (const path of paths) t.same(path.communities, [COMMUNITY])
  })
  await t.test('a client behind the router reaches the Pods', async (t) => {
    const pages = await eventually('pages of both Pods', 30, () => bothPages(suite, ip))
    t.equal(pages.size, 2)
  })
  await t.test("OpenELB's finalizer goes, so that both objects can be deleted", async () => {
    for (const [resource, name] of [
      ['bgpconf', 'default'],
      ['bgppeer', 'router'],
    ] as const) {
      await eventually(`no finalizer on the ${resource}`, 30, async () => {
        const found = await get<Manifest>(suite, resource, name)
        return found !== undefined && (found.metadata.finalizers ?? []).length === 0
      })
    }
  })
  await t.test('the status of the BgpPeer has every node', async (t) => {
    const states = await eventually('ESTABLISHED', 30, async () => {
      const { status } = (await get<PeerStatus>(suite, 'bgppeer', 'router')) ?? {}
      const all = Object.entries(status?.nodesPeerStatus ?? {})
      return all.length === suite.nodes.length && all.every(([, { peerState }]) => peerState?.sessionState === 'ESTABLISHED') && all
    })
    t.same(states.map(([node]) => node).sort(), suite.nodes.map(({ name }) => name).sort())
    for (const [, { peerState }] of states) t.equal(peerState?.peerType, 1, 'external')
  })
  await t.test('a speaker is killed: no request is lost on its way', async (t) => {
    const lost = await duringKill(suite, ip)
    t.equal(lost, 0, 'every page came')
    await eventually('all sessions', 60, async () => (await router.paths(ip)).filter(({ stale }) => !stale).length === suite.nodes.length)
  })
  await t.test('the Service is deleted: the route goes', async () => {
    await run(suite, 'delete', 'service', SERVICE, '-n', NS, '--timeout=60s')
    await eventually('no route', 20, async () => (await router.paths(ip)).length === 0)
  })
}

const nextHops = (paths: RouterRoutes) => paths.flatMap((path) => path.nextHops).sort()

async function bothPages(suite: Suite, ip: string): Promise<ReadonlySet<string> | undefined> {
  const pages = new Set<string>()
  for (let at = 0; at < 12; at++) {
    const page = await fetchPage(suite, ip)
    if (page !== undefined) pages.add(page)
  }
  return pages.size === 2 ? pages : undefined
}

/** Pages that did not come while the speaker of the first node is killed and started again by the kubelet. */
async function duringKill(suite: Suite, ip: string): Promise<number> {
  let lost = 0
  let going = true
  const asking = (async () => {
    while (going) if ((await fetchPage(suite, ip)) === undefined) lost++
  })()
  await suite.killSpeaker(suite.nodes[0]?.name ?? '')
  await new Promise((resolve) => setTimeout(resolve, 3000))
  going = false
  await asking
  return lost
}

async function fetchPage(suite: Suite, ip: string): Promise<string | undefined> {
  const { code, stdout } = await suite.far('timeout', ['2', 'busybox', 'wget', '-qO-', `http://${ip}/`])
  return code === 0 && stdout.trim() !== '' ? stdout.trim() : undefined
}
