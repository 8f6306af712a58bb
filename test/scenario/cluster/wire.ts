import { address, apply, type Chapter, eip, eventually, get, loadBalancer, OPT_IN_KEY, run, type Suite } from './suite.ts'

interface Claim {
  readonly metadata: { readonly name: string }
  readonly status?: { readonly owner?: { readonly node: string; readonly epoch: number } }
}

const NS = 'wire'
const ANNOTATIONS = { [OPT_IN_KEY]: 'openelb', 'eip.openelb.kubesphere.io/v1alpha2': 'wire' }

const ownerOf = async (suite: Suite, ip: string) => (await get<Claim>(suite, 'addressclaim', ip))?.status?.owner

/** The MACs that answer an ARP request of the client within two seconds. */
async function answering(suite: Suite, ip: string): Promise<string[]> {
  const { stdout } = await suite.client('busybox', ['arping', '-c', '2', '-w', '3', '-I', 'eth0', ip])
  return [...new Set([...stdout.matchAll(/\[([0-9A-Fa-f:]{17})\]/g)].map(([, mac]) => mac?.toLowerCase() ?? ''))]
}

const web = (name: string, node: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: NS, labels: { app: name } },
  spec: {
    nodeName: node,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'web', image: 'docker.io/lab/busybox:1', command: ['/bin/httpd', '-f', '-p', '8080', '-h', '/www'] }],
  },
})

/** Who answers, and what happens to it when nodes and endpoints change. */
export const wire: Chapter = async (t, suite) => {
  const ip = (host: number): string => `${suite.segment}.${host}`
  await run(suite, 'create', 'namespace', NS)
  await apply(suite, eip('wire', { address: `${ip(210)}-${ip(219)}`, protocol: 'layer2', interface: `can_reach:${ip(30)}` }))

  await t.test('policy Local: the owner is the node with the ready endpoint, and follows it', async (t) => {
    const [first, second] = suite.nodes
    await apply(suite, loadBalancer('local', NS, ANNOTATIONS, { externalTrafficPolicy: 'Local' }))
    const vip = await address(suite, NS, 'local')
    t.equal(await ownerOf(suite, vip), undefined, 'no endpoint, no owner')
    t.strictSame(await answering(suite, vip), [], 'and nobody answers')
    await apply(suite, { ...web('local', first?.name ?? '') })
    await eventually('the first owner', 30, async () => (await ownerOf(suite, vip))?.node === first?.name)
    await eventually('its answer', 10, async () => (await answering(suite, vip)).join() === first?.mac)
    await run(suite, 'delete', 'pod', 'local', '-n', NS, '--wait=true')
    await apply(suite, { ...web('local', second?.name ?? '') })
    await eventually('the second owner', 30, async () => (await ownerOf(suite, vip))?.node === second?.name)
    const macs = await eventually('one answer', 10, async () => {
      const seen = await answering(suite, vip)
      return seen.length === 1 && seen
    })
    t.strictSame(macs, [second?.mac], 'only the new owner answers')
    t.equal((await ownerOf(suite, vip))?.epoch, 2)
    await eventually(
      'a page through the VIP',
      15,
      async () => (await suite.client('busybox', ['wget', '-qO-', `http://${vip}/`])).code === 0,
    )
  })
  await t.test('a speaker that goes moves only its own addresses', async (t) => {
    const names = Array.from({ length: 8 }, (_, index) => `spread-${index}`)
    await apply(suite, ...names.map((name) => loadBalancer(name, NS, ANNOTATIONS)))
    const owners = async () => {
      const seen = new Map<string, string>()
      for (const name of names) {
        const vip = await address(suite, NS, name)
        const owner = await ownerOf(suite, vip)
        if (owner !== undefined) seen.set(vip, owner.node)
      }
      return seen.size === names.length && seen
    }
    const before = await eventually('eight owners', 30, owners)
    const leaver = [...before.values()][0] ?? ''
    await run(suite, 'label', 'node', leaver, 'node.kubernetes.io/exclude-from-external-load-balancers=')
    const after = await eventually('the leaver to own nothing', 30, async () => {
      const now = await owners()
      return now !== false && ![...now.values()].includes(leaver) && now
    })
    for (const [vip, node] of before) if (node !== leaver) t.equal(after.get(vip), node, `${vip} stayed on ${node}`)
    await run(suite, 'label', 'node', leaver, 'node.kubernetes.io/exclude-from-external-load-balancers-')
    await new Promise((resolve) => setTimeout(resolve, 2000))
    t.strictSame(await owners(), after, 'its return moves nothing')
    for (const [vip, node] of after) {
      t.strictSame(await answering(suite, vip), [suite.nodes.find(({ name }) => name === node)?.mac], `${vip}: one MAC, the owner's`)
    }
  })
  await run(suite, 'delete', 'namespace', NS, '--timeout=60s')
  await run(suite, 'delete', 'eip', 'wire')
}
