/** What is done in a cell, one after the other; each step ends as it began, with a session and all routes. */
import { must } from '../../../lab/command.ts'
import type { PeerPath } from '../../../lab/peers/router.ts'
import { ATTRIBUTES, OTHERS } from './cell-node.ts'
import { block, configure, ownRoutes, PEER, type Scene, session, waitFor } from './cell-scene.ts'
import { type Cell, NODE_AS, routerSpec } from './cells.ts'
import { startEngine } from './engine-process.ts'

export interface Step {
  readonly name: string
  /** In which cells; undefined: in all. */
  readonly where?: (cell: Cell) => boolean
  run(scene: Scene): Promise<void>
}

export const STEPS: readonly Step[] = [
  { name: 'session up', run: established },
  { name: 'routes and attributes in the table of the router', run: allRoutes },
  { name: 'routes of the router are read', run: routesRead },
  { name: 'route in the kernel of the router', where: ({ router }) => router !== 'gobgp', run: kernelRoute },
  { name: 'withdrawal, and back', run: withdrawal },
  { name: 'ended by the router', run: endedByRouter },
  { name: 'ended by the node', run: endedByNode },
  { name: 'killed, and back with graceful restart', where: ({ option }) => option === 'GR', run: killedAndBack },
  { name: 'BFD blocked and opened', where: ({ option }) => option === 'BFD', run: bfdBlocked },
  { name: 'router restarted', run: routerRestarted },
  { name: 'port blocked and opened', run: portBlocked },
  { name: 'router with another AS', run: otherAs },
]

/** A router that was reset waits before it takes a session again: GoBGP 30 s. */
const PATIENCE_MS = 60_000

async function established(scene: Scene): Promise<void> {
  await waitFor(
    scene,
    'no session',
    async () => {
      const [theirs, ours] = await Promise.all([session(scene), scene.engine.peer(PEER)])
      return theirs.established && ours?.state === 'Established' ? undefined : `${theirs.state} and ${ours?.state}`
    },
    PATIENCE_MS,
  )
}

async function allRoutes(scene: Scene): Promise<void> {
  await waitFor(scene, 'routes', async () => {
    const routes = await ownRoutes(scene)
    const missing = scene.routes.filter(({ prefix }) => !routes.some((route) => route.prefix === prefix))
    if (missing.length > 0 || routes.length !== scene.routes.length)
      return `the router has ${routes.map(({ prefix }) => prefix).join(', ')}`
    const wrong = routes.flatMap(({ prefix, paths }) => wrongPaths(scene, prefix, paths))
    return wrong[0]
  })
}

function wrongPaths(scene: Scene, prefix: string, paths: readonly PeerPath[]): string[] {
  const nextHops = paths.flatMap((path) => path.nextHops).sort()
  const allowed = allowedNextHops(scene, prefix)
  if (!allowed.some((want) => JSON.stringify(want) === JSON.stringify(nextHops)))
    return [`${prefix} has the next hops ${nextHops.join(', ')}`]
  return paths.flatMap((path) => wrongAttributes(scene.cell, path).map((wrong) => `${prefix}: ${wrong}`))
}

/** Sorted. An unnumbered session may name the global or the link-local address of the node. */
function allowedNextHops({ cell, places }: Scene, prefix: string): readonly (readonly string[])[] {
  const isIpv6 = prefix.includes(':') || cell.way === 'v4 with v6 next hop' || cell.way === 'unnumbered'
  const own = isIpv6 ? [places.node.ipv6, ...(cell.way === 'unnumbered' ? [places.node.linkLocal] : [])] : [places.node.ipv4]
  const others = cell.option === 'add-path' ? OTHERS.map(({ ipv4, ipv6 }) => (isIpv6 ? ipv6 : ipv4)) : []
  return own.map((one) => [one, ...others].sort())
}

function wrongAttributes({ session: kind }: Cell, path: PeerPath): string[] {
  const internal = kind === 'iBGP'
  const [standard, large = '', extended] = ATTRIBUTES.communities
  const rules: readonly (readonly [string, boolean, unknown])[] = [
    ['AS path', JSON.stringify(path.asPath) === JSON.stringify(internal ? [] : [NODE_AS]), path.asPath],
    ['origin', path.origin === 'igp', path.origin],
    ['MED', path.med === ATTRIBUTES.med, path.med],
    // Outside, what is not sent may be shown as the router's own default.
    ['local preference', internal ? path.localPref === ATTRIBUTES.localPref : path.localPref !== ATTRIBUTES.localPref, path.localPref],
    ['communities', path.communities.join() === standard, path.communities],
    ['large communities', path.largeCommunities.join() === large.replace('large:', ''), path.largeCommunities],
    ['extended communities', path.extendedCommunities.join() === extended, path.extendedCommunities],
    ['stale', !path.stale, path.stale],
  ]
  return rules.filter(([, right]) => !right).map(([name, , value]) => `${name} ${JSON.stringify(value)}`)
}

async function routesRead(scene: Scene): Promise<void> {
  await waitFor(scene, 'routes of the router', async () => {
    const received = (await scene.engine.peer(PEER))?.prefixes.received ?? 0
    return received >= scene.router.spec.originates.length ? undefined : `${received} prefixes received`
  })
}

async function kernelRoute(scene: Scene): Promise<void> {
  const [first] = scene.routes
  await waitFor(scene, 'kernel', async () => {
    const flag = first?.prefix.includes(':') === true ? '-6' : '-4'
    const text = await must('kernel', [...scene.places.router.enter, 'ip', flag, 'route', 'show', first?.prefix ?? ''])
    const hops = text.match(/via (inet6 )?\S+ dev eth0/g)?.length ?? 0
    const want = scene.cell.option === 'add-path' ? OTHERS.length + 1 : 1
    return hops === want ? undefined : `${hops} of ${want} next hops in ${JSON.stringify(text)}`
  })
}

async function withdrawal(scene: Scene): Promise<void> {
  const kept = scene.routes.filter(({ prefix }) => /\.1\/32$|::1\/128$/.test(prefix))
  scene.engine.announce(kept)
  await waitFor(scene, 'withdrawal', async () => {
    const left = (await ownRoutes(scene)).map(({ prefix }) => prefix)
    return left.length === kept.length ? undefined : `the router has ${left.join(', ')}`
  })
  scene.engine.announce(scene.routes)
  await allRoutes(scene)
}

async function endedByRouter(scene: Scene): Promise<void> {
  const before = (await scene.engine.peer(PEER))?.flaps ?? 0
  await scene.router.reset('node')
  await waitFor(scene, 'end', async () => (((await scene.engine.peer(PEER))?.flaps ?? 0) > before ? undefined : 'the session stays'))
  await whole(scene)
}

async function endedByNode(scene: Scene): Promise<void> {
  configure(scene, { adminDown: true })
  await waitFor(scene, 'end', async () => ((await session(scene)).established ? 'the session stays' : undefined))
  await waitFor(scene, 'routes of a session that ended', noFreshRoute(scene))
  configure(scene)
  await whole(scene)
}

/** With graceful restart a router may keep routes of a session that we ended (RFC 8538), but as stale ones. */
const noFreshRoute = (scene: Scene) => async (): Promise<string | undefined> => {
  const fresh = (await ownRoutes(scene)).filter(({ paths }) => paths.some(({ stale }) => !stale))
  return fresh.length === 0 ? undefined : `the router has ${fresh.map(({ prefix }) => prefix).join(', ')}`
}

async function killedAndBack(scene: Scene): Promise<void> {
  await scene.engine.kill()
  await waitFor(scene, 'stale routes', async () => {
    const routes = await ownRoutes(scene)
    const stale = routes.filter(({ paths }) => paths.every((path) => path.stale))
    return stale.length === scene.routes.length ? undefined : `${stale.length} of ${routes.length} routes are kept as stale`
  })
  scene.engine = await startEngine(scene.places.node)
  configure(scene)
  scene.engine.announce(scene.routes)
  await whole(scene)
}

async function bfdBlocked(scene: Scene): Promise<void> {
  await waitFor(scene, 'BFD', async () => {
    const state = (await scene.engine.peer(PEER))?.bfd?.state
    return state === 'Up' ? undefined : `BFD is ${state}`
  })
  const before = (await scene.engine.peer(PEER))?.flaps ?? 0
  await block(scene, 'bfd')
  // Both sides lose the other; who is first tells it. BIRD gives its Cease no reason.
  await waitFor(scene, 'end by BFD', async () => {
    const { flaps = 0, lastError } = (await scene.engine.peer(PEER)) ?? {}
    const told = lastError?.code === 'bfd' || (lastError?.code === 'notification-received' && /Cease/.test(lastError.message))
    return flaps > before && told ? undefined : `the last error is ${JSON.stringify(lastError)}`
  })
  await block(scene, undefined)
  await whole(scene)
}

async function routerRestarted(scene: Scene): Promise<void> {
  await scene.router.restart()
  await whole(scene)
}

async function portBlocked(scene: Scene): Promise<void> {
  await block(scene, 'bgp')
  await waitFor(scene, 'end by the hold timer', async () => {
    const state = (await scene.engine.peer(PEER))?.state
    return state === 'Established' ? 'the session stays' : undefined
  })
  await block(scene, undefined)
  await whole(scene)
}

/** Both sides change: first the router, whose OPEN we then refuse, then what the BgpPeer says. */
async function otherAs(scene: Scene): Promise<void> {
  scene.routerAs += 10
  await scene.router.reconfigure(routerSpec(scene.cell, scene.places, scene.routerAs))
  await waitFor(scene, 'end', async () => ((await scene.engine.peer(PEER))?.state === 'Established' ? 'the session stays' : undefined))
  configure(scene)
  await whole(scene)
}

async function whole(scene: Scene): Promise<void> {
  await established(scene)
  await allRoutes(scene)
}
