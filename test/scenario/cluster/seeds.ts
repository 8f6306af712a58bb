import { readFile } from 'node:fs/promises'
import { address, type Chapter, EIP_KEY, eventually, get, run, service } from './suite.ts'

interface Claim {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly address: string; readonly eip: string }
  readonly status?: { readonly owner?: { readonly node: string; readonly interface: string; readonly epoch: number } }
}

/** The manifests of the articles, with only addresses and interface names adapted, and what their readers then see. */
const SEEDS = [
  { seed: '000', namespace: 'default', service: 'test-svc', eip: 'eip-sample-pool', cidr: '91-SEGMENT.100', total: '10', host: 91 },
  { seed: '001', namespace: 'default', service: 'layer2-svc', eip: 'eip-pool', cidr: '240-SEGMENT.250', total: '11', host: 240 },
  { seed: '003', namespace: 'default', service: 'nginx', eip: 'eip-pool', cidr: '42-SEGMENT.49', total: '8', host: 42 },
] as const

export const seeds: Chapter = async (t, suite) => {
  for (const seed of SEEDS) {
    await t.test(`seed ${seed.seed} gives what its article prints`, async (t) => {
      const text = (await readFile(new URL(`../../../lab/manifests/seed-${seed.seed}.yaml`, import.meta.url), 'utf8')).replaceAll(
        '10.250.0',
        suite.segment,
      )
      t.teardown(() => suite.kubectl(['delete', '--ignore-not-found', '--timeout=30s', '-f', '-'], text))
      const applied = await suite.kubectl(['apply', '-f', '-'], text)
      t.equal(applied.code, 0, applied.stderr)
      const ip = await address(suite, seed.namespace, seed.service)
      t.equal(ip, `${suite.segment}.${seed.host}`)

      const cidr = `${suite.segment}.${seed.cidr.replace('SEGMENT', suite.segment)}`
      const pools = await eventually('the usage column', 10, async () => {
        const [header, ...rows] = (await run(suite, 'get', 'eip')).split('\n')
        const row = rows.find((line) => line.startsWith(`${seed.eip} `))?.split(/\s+/)
        return row?.[2] === '1' && { header: header?.trim().split(/\s+/), row }
      })
      t.same(pools.header, ['NAME', 'CIDR', 'USAGE', 'TOTAL'])
      t.same(pools.row, [seed.eip, cidr, '1', seed.total])

      const line = (await run(suite, 'get', 'svc', seed.service, '-n', seed.namespace)).split('\n')[1]?.split(/\s+/)
      t.equal(line?.[1], 'LoadBalancer')
      t.equal(line?.[3], ip, 'EXTERNAL-IP')

      const seen = await service(suite, seed.namespace, seed.service)
      t.equal(seen?.metadata.labels?.[EIP_KEY], seed.eip, 'the label names the pool')
      t.equal(seen?.metadata.annotations?.['lb.kubesphere.io/v1alpha1'], 'openelb')
      t.equal(seen?.metadata.finalizers, undefined, 'no finalizer of ours')
      const claim = await get<Claim>(suite, 'addressclaim', ip)
      t.match(claim, { metadata: { name: ip }, spec: { address: ip, eip: seed.eip } })

      const owner = await eventually('an owner', 20, async () => (await get<Claim>(suite, 'addressclaim', ip))?.status?.owner)
      t.ok(suite.nodes.some((node) => node.name === owner.node))
      const annotated = await eventually('the node on the Service', 10, async () => {
        return (await service(suite, seed.namespace, seed.service))?.metadata.annotations?.['layer2.openelb.kubesphere.io/v1alpha1']
      })
      t.equal(annotated, owner.node, 'the annotation of the contract names the owner')

      const page = await eventually(`a page from http://${ip}/`, 30, async () => {
        const fetched = await suite.client('busybox', ['wget', '-qO-', `http://${ip}/`])
        return fetched.code === 0 && fetched.stdout
      })
      t.match(page, /\S/, 'a page came through the VIP')
      const answers = await suite.client('busybox', ['arping', '-c', '3', '-w', '4', '-I', 'eth0', ip])
      const macs = new Set([...answers.stdout.matchAll(/\[([0-9A-Fa-f:]{17})\]/g)].map(([, mac]) => mac?.toLowerCase()))
      t.same([...macs], [suite.nodes.find((node) => node.name === owner.node)?.mac], "one MAC answers: the owner's")

      await suite.kubectl(['delete', '--wait=true', '--timeout=30s', '-f', '-'], text)
      await eventually('the claim to go', 10, async () => (await get(suite, 'addressclaim', ip)) === undefined)
      await eventually('silence', 10, async () => {
        const late = await suite.client('busybox', ['arping', '-c', '1', '-w', '1', '-I', 'eth0', ip])
        return late.code !== 0
      })
      t.pass('claim and answers are gone')
    })
  }
}
