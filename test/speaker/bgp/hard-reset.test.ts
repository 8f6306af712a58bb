/** Who is de-configured, or shut down, takes its routes along, though graceful restart was agreed on. The routers' tables are the judges. */
import t from 'tap'
import { missingRouters } from '../../../lab/peers/packages.ts'
import { PLAIN_NEIGHBOUR } from '../../../lab/peers/spec.ts'
import { startRouter } from '../../../lab/peers/start.ts'
import { createWire } from '../../../lab/peers/wire.ts'
import { until } from '../../support/until.ts'
import { startBgpNode } from '../support/bgp-node.ts'

t.setTimeout(300_000)
const missing = new Set(missingRouters())
const LONG_SEC = 240

for (const kind of ['frr', 'bird'] as const) {
  const skip: string | false =
    process.getuid?.() !== 0 ? 'needs root for network namespaces' : missing.has(kind) ? `${kind} is not installed` : false
  for (const notification of [true, false]) {
    t.test(`${kind} that helps restarts, notification ${notification}: a peer that is taken away leaves nothing`, { skip }, async (t) => {
      const wire = await createWire(['node', 'router'])
      const [place, at] = [wire.place('node'), wire.place('router')]
      const neighbour = {
        ...PLAIN_NEIGHBOUR,
        name: 'node',
        remote: { address: place.ipv4 },
        as: 65_001,
        families: ['IPv4', 'IPv6'] as const,
      }
      const spec = { as: 65_000, routerId: '10.255.0.9', port: 179, originates: [], neighbours: [neighbour] }
      const router = await startRouter(kind, { namespace: at.namespace, folder: at.folder, spec })
      const node = await startBgpNode(place.enter)
      t.teardown(async () => {
        await node.stop()
        await router.stop()
        await wire.close()
      })
      const us = { remote: at.ipv4, gracefulRestart: { restartSec: LONG_SEC, notification, longLivedSec: undefined } }
      const routes = (count: number) =>
        until(`${count} routes`, async () => (await router.routes('IPv4')).length === count || undefined, 60_000, 200)
      await node.announce([{ prefix: '203.0.113.0/32', count: 5 }])
      await node.configure({ peers: [us] })
      await node.established()
      await routes(5)
      const theirs = (await node.captured()).find(({ type, direction }) => type === 'OPEN' && direction === 'received')
      t.match(theirs?.text, kind === 'frr' ? /graceful-restart 120 s for 0 families.*notification/ : /^(?!.*graceful-restart)/)
      await node.configure({ peers: [{ ...us, adminDown: true }] })
      await routes(0)
      t.match((await node.peer()).notifications, [{ direction: 'sent', code: 6, subcode: kind === 'frr' && notification ? 9 : 2 }])
      await node.configure({ peers: [us] })
      await node.established()
      await routes(5)
      await node.configure({ peers: [] })
      await routes(0)
    })
  }
}
