/** A cell on its wire: a router, our BGP on a node, and what can be done to them. */
import { setTimeout as delay } from 'node:timers/promises'
import { must } from '../../../lab/command.ts'
import type { PeerRoute, PeerSession, Router } from '../../../lab/peers/router.ts'
import { startRouter } from '../../../lab/peers/start.ts'
import { createWire, type Wire, type WirePlace } from '../../../lab/peers/wire.ts'
import { confSpec, peerSpec, routesOf } from './cell-node.ts'
import { type Cell, familiesOf, NEIGHBOUR, ROUTER_AS, routerSpec } from './cells.ts'
import type { ChildRoute } from './engine-child.ts'
import { bgpConf, bgpPeer, type EngineProcess, startEngine } from './engine-process.ts'

export const PEER = 'router'

export interface Scene {
  readonly cell: Cell
  readonly wire: Wire
  readonly places: { readonly router: WirePlace; readonly node: WirePlace }
  readonly router: Router
  readonly routes: readonly ChildRoute[]
  engine: EngineProcess
  routerAs: number
}

export async function openScene(cell: Cell): Promise<Scene> {
  const wire = await createWire(['router', 'node'])
  const places = { router: wire.place('router'), node: wire.place('node') }
  try {
    const { namespace, folder } = places.router
    const [router, engine] = await Promise.all([
      startRouter(cell.router, { namespace, folder, spec: routerSpec(cell, places) }),
      startEngine(places.node),
    ])
    const scene: Scene = { cell, wire, places, router, engine, routes: routesOf(cell, engine.node), routerAs: ROUTER_AS }
    configure(scene)
    engine.announce(scene.routes)
    return scene
  } catch (error) {
    await wire.close()
    throw error
  }
}

export async function closeScene({ router, engine, wire }: Scene): Promise<void> {
  await engine.kill()
  await router.stop().catch(() => undefined)
  await wire.close()
}

/** Tells our BGP the BgpConf and the BgpPeer of the cell, the latter changed by `change`. */
export function configure({ cell, engine, places, routerAs }: Scene, change: { readonly adminDown?: boolean } = {}): void {
  const spec = peerSpec(cell, places.router, routerAs)
  const peers = [bgpPeer(PEER, { ...spec, conf: { ...spec.conf, ...change } })]
  engine.configure(bgpConf(confSpec(cell, routerAs)), peers)
}

/** Drops TCP of BGP, or packets of BFD, between the two; with undefined nothing any more. */
export async function block({ places }: Scene, what: 'bgp' | 'bfd' | undefined): Promise<void> {
  const ports = what === 'bgp' ? ['tcp dport 179 drop', 'tcp sport 179 drop'] : ['udp dport { 3784, 4784 } drop']
  const rules = what === undefined ? [] : ports
  const chain = (hook: string) => [`chain ${hook} {`, `type filter hook ${hook} priority 0;`, ...rules, '}']
  const table = ['table inet wall', 'delete table inet wall', 'table inet wall {', ...chain('input'), ...chain('output'), '}']
  await must('wall', [...places.node.enter, 'nft', '-f', '-'], { input: `${table.join('\n')}\n` })
}

export const session = ({ router }: Scene): Promise<PeerSession> => router.session(NEIGHBOUR)

/** Our routes in the router's own table. */
export async function ownRoutes({ cell, router }: Scene): Promise<readonly PeerRoute[]> {
  const tables = await Promise.all(familiesOf(cell).map((family) => router.routes(family)))
  return tables.flat().filter(({ prefix }) => /^(10\.9\.|fd09:)/.test(prefix))
}

/** Asks until `holds` says nothing against it. Rejects with its last words, and those of both sides. */
export async function waitFor(scene: Scene, what: string, holds: () => Promise<string | undefined>, limitMs = 20_000): Promise<void> {
  const end = Date.now() + limitMs
  for (;;) {
    const against = await holds().catch((error: Error) => error.message)
    if (against === undefined) return
    if (Date.now() > end) throw new Error(`${what}: ${against}; ${await bothSides(scene)}`)
    await delay(100)
  }
}

/** Why, in the words of the router and in ours. */
export async function bothSides(scene: Scene): Promise<string> {
  const theirs = await session(scene).then(({ state, lastError }) => ({ state, lastError }), String)
  const ours = await scene.engine
    .look()
    .then(({ peers, problems }) => ({ state: peers[0]?.state, lastError: peers[0]?.lastError, problems }), String)
  return `${scene.cell.router} says ${JSON.stringify(theirs)}, we say ${JSON.stringify(ours)}`
}
