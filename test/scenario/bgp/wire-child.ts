/** Makes a wire with a router on it, says where, and waits to be killed: what a test that crashes leaves behind. */
import process from 'node:process'
import { startRouter } from '../../../lab/peers/start.ts'
import { createWire } from '../../../lab/peers/wire.ts'
import { routerSpec } from './cells.ts'

const wire = await createWire(['router', 'node'])
const places = { router: wire.place('router'), node: wire.place('node') }
const { namespace, folder } = places.router
await startRouter('bird', {
  namespace,
  folder,
  spec: routerSpec({ router: 'bird', session: 'eBGP', way: 'v4 over v4', option: 'plain' }, places),
})
process.stdout.write(`${JSON.stringify({ namespace, folder })}\n`)
setInterval(() => undefined, 60_000)
