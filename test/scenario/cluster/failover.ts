import type { Test } from 'tap'
import { address, apply, type Chapter, eip, eventually, get, loadBalancer, OPT_IN_KEY, type Printed, run, type Suite } from './suite.ts'

const NS = 'failover'
const PORTS = [80, 443]

interface Claim {
  readonly status?: {
    readonly owner?: { readonly node: string; readonly epoch: number }
    readonly history?: readonly { readonly node: string; readonly reason: string }[]
  }
}

/** A Pod on every node that serves a page on 80 and 443, as an ingress controller does. */
const INGRESS = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'ingress-nginx', namespace: NS },
  spec: {
    selector: { matchLabels: { app: 'ingress-nginx' } },
    template: {
      metadata: { labels: { app: 'ingress-nginx' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'web',
            image: 'docker.io/lab/busybox:1',
            command: ['sh', '-c', 'mkdir -p /www; hostname > /www/index.html; httpd -p 443 -h /www; exec httpd -f -p 80 -h /www'],
          },
        ],
      },
    },
  },
}

const owner = async (suite: Suite, ip: string) => (await get<Claim>(suite, 'addressclaim', ip))?.status?.owner

/** A Service of policy Local with two ports stays reachable, from its segment and through a router, whatever happens to its owner. */
export const failover: Chapter = async (t, suite) => {
  await run(suite, 'create', 'namespace', NS)
  t.teardown(() => suite.kubectl(['delete', 'namespace', NS, '--timeout=60s']))
  const range = `${suite.segment}.42-${suite.segment}.49`
  await apply(suite, INGRESS, eip('failover', { address: range, protocol: 'layer2', interface: 'eth0' }))
  t.teardown(() => suite.kubectl(['delete', 'eip', 'failover', '--timeout=20s']))
  await run(suite, 'rollout', 'status', 'daemonset/ingress-nginx', '-n', NS, '--timeout=60s')
  const annotations = { [OPT_IN_KEY]: 'openelb', 'eip.openelb.kubesphere.io/v1alpha2': 'failover' }
  const ports = PORTS.map((port) => ({ name: `p${port}`, port, targetPort: port }))
  await apply(suite, loadBalancer('ingress-nginx', NS, annotations, { externalTrafficPolicy: 'Local', ports }))
  const ip = await address(suite, NS, 'ingress-nginx')
  await eventually('pages before', 20, () => isReached(suite, ip))

  await t.test('the process of the owner is killed', async (t) => {
    const before = await ownerOf(suite, ip)
    await suite.killSpeaker(before.node)
    await movesOn(t, suite, ip, before)
  })
  await t.test('the owner is drained: its Pod is deleted', async (t) => {
    const before = await ownerOf(suite, ip)
    const selector = ['-l', 'app=openelb,component=speaker', '--field-selector', `spec.nodeName=${before.node}`]
    await run(suite, 'delete', 'pod', '-n', 'openelb-system', ...selector, '--wait=false')
    await movesOn(t, suite, ip, before)
    await run(suite, 'rollout', 'status', 'daemonset/openelb-speaker', '-n', 'openelb-system', '--timeout=60s')
  })
  await t.test('the owner loses its power, and comes back', async (t) => {
    const before = await ownerOf(suite, ip)
    await suite.setCable(before.node, 'down')
    let after: Awaited<ReturnType<typeof movesOn>>
    try {
      after = await movesOn(t, suite, ip, before)
    } finally {
      await suite.setCable(before.node, 'up')
    }
    await run(suite, 'wait', 'node', before.node, '--for=condition=Ready', '--timeout=90s')
    await eventually('pages after the return', 20, () => isReached(suite, ip))
    t.same(await owner(suite, ip), after, 'the node that came back takes nothing back')
  })
}

const ownerOf = (suite: Suite, ip: string) => eventually('an owner', 20, () => owner(suite, ip))

/** Another node is recorded once, and pages come from both sides: 10 times the aim of half a second. */
async function movesOn(t: Test, suite: Suite, ip: string, before: { readonly node: string; readonly epoch: number }) {
  const startMs = performance.now()
  await eventually('pages again', 5, () => isReached(suite, ip))
  const reachedMs = performance.now() - startMs
  const after = await eventually('another owner', 10, async () => {
    const seen = await owner(suite, ip)
    return seen !== undefined && seen.node !== before.node && seen
  })
  t.comment(`pages from both sides on both ports ${Math.round(reachedMs)} ms after the fault; ${before.node} -> ${after.node}`)
  t.equal(after.epoch, before.epoch + 1, 'one move')
  t.equal((await get<Claim>(suite, 'addressclaim', ip))?.status?.history?.at(-1)?.node, before.node, 'told with the claim')
  return after
}

/** A page on each port, for the client in the segment and for the one behind the router. */
async function isReached(suite: Suite, ip: string): Promise<boolean> {
  const asks = [suite.client, suite.far].flatMap((from) =>
    PORTS.map((port): Promise<Printed> => from('timeout', ['1.5', 'busybox', 'wget', '-qO-', `http://${ip}:${port}/`])),
  )
  return (await Promise.all(asks)).every(({ code, stdout }) => code === 0 && /\S/.test(stdout))
}
