/** The lab's routers with one another, without us: what judges our BGP is judged itself. */
import { existsSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ensureRouters } from '../../lab/peers/packages.ts'
import type { Router } from '../../lab/peers/router.ts'
import { ROUTER_KINDS } from '../../lab/peers/spec.ts'
import { startRouter } from '../../lab/peers/start.ts'
import { createWire, type WirePlace } from '../../lab/peers/wire.ts'
import { processesInNamespaces } from '../../lab/process-table.ts'
import { startLines } from '../speaker/support/process-lines.ts'
import { until } from '../support/until.ts'
import { type Cell, NEIGHBOUR, NODE_AS, neighbourSpec, ROUTER_AS, routerSpec } from './bgp/cells.ts'

const PAIRS = [
  ['frr', 'bird'],
  ['bird', 'gobgp'],
  ['gobgp', 'frr'],
] as const
const THEIRS = '198.51.100.0/24'
const OURS = '203.0.113.0/24'

const at = ({ namespace, folder }: WirePlace) => ({ namespace, folder })

const linked = (first: Router, second: Router): Promise<boolean> =>
  until(
    `${first.kind} and ${second.kind} have a session`,
    async () => (await first.session(NEIGHBOUR)).established && (await second.session(NEIGHBOUR)).established,
    60_000,
    100,
  )

t.setTimeout(180_000)
await ensureRouters(ROUTER_KINDS, { install: true, log: (line) => t.comment(line) })

for (const [a, b] of PAIRS)
  await t.test(`${a} and ${b}: routes both ways, a reset, a kill, a restart, another AS`, async (t) => {
    const wire = await createWire(['router', 'node'])
    const started: Router[] = []
    try {
      const places = { router: wire.place('router'), node: wire.place('node') }
      const cell: Cell = { router: a, session: 'eBGP', way: 'v4 over v4', option: 'plain' }
      const first = await startRouter(a, { ...at(places.router), spec: routerSpec(cell, places) })
      started.push(first)
      const second = await startRouter(b, { ...at(places.node), spec: otherSpec(cell, places, ROUTER_AS) })
      started.push(second)
      await linked(first, second)
      await until('a route each', async () => (await has(first, OURS, NODE_AS)) && (await has(second, THEIRS, ROUTER_AS)))
      await first.reset(NEIGHBOUR)
      await linked(first, second)
      await second.kill()
      await until('the session ends', async () => !(await first.session(NEIGHBOUR)).established)
      await until('its route goes', async () => !(await has(first, OURS, NODE_AS)))
      await second.start()
      await first.restart()
      await linked(first, second)
      await first.reconfigure(routerSpec(cell, places, ROUTER_AS + 10))
      await until('the other AS is refused', async () => !(await second.session(NEIGHBOUR)).established)
      await second.reconfigure(otherSpec(cell, places, ROUTER_AS + 10))
      await linked(first, second)
      await until('the route has the other AS', () => has(second, THEIRS, ROUTER_AS + 10))
      await first.stop()
      await first.stop()
      await until('the session ends with it', async () => !(await second.session(NEIGHBOUR)).established)
      t.match(await second.version(), /^(FRR|BIRD|GoBGP) \d/)
    } catch (error) {
      for (const router of started) t.comment(`${router.kind}: ${router.log()}`)
      throw error
    } finally {
      for (const router of started) await router.stop()
      await wire.close()
    }
    t.notOk(existsSync(`/run/netns/${wire.place('router').namespace}`), 'nothing is left')
  })

await t.test('what a test that was killed left behind is removed by the next one', async (t) => {
  const child = fileURLToPath(new URL('./bgp/wire-child.ts', import.meta.url))
  const crashing = startLines<{ readonly namespace: string; readonly folder: string }>([process.execPath, child], 'stdout')
  const { namespace, folder } = await crashing.next('a wire', (line) => line.namespace !== undefined)
  await crashing.stop('SIGKILL')
  const path = `/run/netns/${namespace}`
  const [router] = processesInNamespaces([path])
  t.ok(router !== undefined && existsSync(folder), 'its router runs on')
  const wire = await createWire(['router'])
  await wire.close()
  await wire.close()
  t.same({ namespace: existsSync(path), folder: existsSync(folder) }, { namespace: false, folder: false })
})

function otherSpec(cell: Cell, places: { readonly router: WirePlace; readonly node: WirePlace }, as: number) {
  const neighbours = [neighbourSpec(cell, { as, own: places.node, other: places.router })]
  return { as: NODE_AS, routerId: places.node.ipv4, port: 179, neighbours, originates: [OURS] }
}

async function has(router: Router, prefix: string, as: number): Promise<boolean> {
  const route = (await router.routes('IPv4')).find((one) => one.prefix === prefix)
  return route?.paths.some(({ asPath }) => asPath.join() === String(as)) === true
}
