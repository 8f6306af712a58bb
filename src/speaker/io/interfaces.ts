import type { Family, Ip } from '../../addr/ip.ts'
import type { Clock, Timer } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { type NetlinkMessage, ROUTE_PROTOCOL, ROUTE_TYPE } from '../../wire/netlink.ts'
import { createLinkHistory, createSubnetMemory, type HostFacts, interfacesOf, type Route } from '../host.ts'
import { type Libc, SystemCallError } from './libc.ts'
import { type Netlink, openNetlink, watchNetlink } from './netlink.ts'

/** Changes that come together (a link and its addresses) are read once. */
const SETTLE_MS = 20
/** Routes give no events here and messages can be lost: everything is read again this often. */
const RESYNC_MS = 30_000

/** The newest state of this node's network. */
export interface HostWatch {
  facts(): HostFacts
  /** Sets the destinations whose routes are in the facts; reads them when they are new. */
  follow(destinations: ReadonlyMap<string, Ip>): void
  /** Idempotent. */
  close(): void
}

interface Options {
  readonly libc: Libc
  readonly clock: Clock
  readonly logger: Logger
  /** Called after a change, on the event loop. */
  readonly onChange: () => void
}

/** Reads interfaces, addresses and routes, and again at each change. Throws SystemCallError when the first read fails. */
export function watchHost(options: Options): HostWatch {
  const { clock, logger, libc } = options
  const netlink = openNetlink(libc)
  const history = createLinkHistory()
  let destinations: ReadonlyMap<string, Ip> = new Map()
  const memory = createSubnetMemory()
  const read = (): HostFacts => {
    const links = readInterfaces(netlink)
    for (const { index, up } of links) history.observe(index, up)
    const routes = new Map([...destinations].map(([text, to]) => [text, routeTo(netlink, to)]))
    return { interfaces: memory.complete(links, history.ups, clock.monotonicMs()), routes, linkUps: new Map(history.ups) }
  }
  let facts = read()
  let timer: Timer | undefined
  let settling = false
  const refresh = (): void => {
    settling = false
    refreshIn(RESYNC_MS)
    try {
      const before = fingerprint(facts)
      facts = read()
      if (fingerprint(facts) !== before) options.onChange()
    } catch (error) {
      logger.warn('the interfaces of this node could not be read; the last known ones stay', { error })
    }
  }
  const refreshIn = (ms: number): void => {
    timer?.cancel()
    timer = clock.setTimer(ms, refresh)
  }
  const watch = watchNetlink(libc, (messages) => {
    for (const message of messages ?? []) if (message.kind === 'link') history.observe(message.index, message.up && message.carrier)
    // Not put off by the next change: links that flap all the time must not hide what became of the others.
    if (!settling) refreshIn(SETTLE_MS)
    settling = true
  })
  refreshIn(RESYNC_MS)
  return {
    facts: () => facts,
    follow(wanted) {
      const isNew = [...wanted.keys()].some((text) => !destinations.has(text))
      destinations = wanted
      if (isNew) refresh()
    },
    close() {
      timer?.cancel()
      watch.close()
      netlink.close()
    },
  }
}

const readInterfaces = (netlink: Netlink): HostFacts['interfaces'] =>
  interfacesOf([...netlink.ask({ kind: 'get-links' }), ...netlink.ask({ kind: 'get-addresses' }), ...configuredRoutes(netlink)])

/** The routes that people and their tools set. Those of routing daemons, which can be a million, are never asked for. */
function configuredRoutes(netlink: Netlink): readonly NetlinkMessage[] {
  if (!netlink.filtersRoutes) return []
  return (['IPv4', 'IPv6'] as const).flatMap((family) =>
    Object.values(ROUTE_PROTOCOL).flatMap((protocol) => routesBy(netlink, family, protocol)),
  )
}

/** A refusal (ENOENT while the table does not exist yet, EOPNOTSUPP without IPv6) means that there are none. */
function routesBy(netlink: Netlink, family: Family, protocol: number): readonly NetlinkMessage[] {
  try {
    return netlink.ask({ kind: 'get-routes', family, protocol })
  } catch (error) {
    if (error instanceof SystemCallError) return []
    throw error
  }
}

/** The kernel's own choice. A refusal (ENETUNREACH and the like) is an answer: there is no route. */
function routeTo(netlink: Netlink, to: Ip): Route {
  try {
    const route = netlink.ask({ kind: 'get-route', to }).find((message: NetlinkMessage) => message.kind === 'route')
    if (route?.kind !== 'route') return { kind: 'none', why: 'no answer' }
    if (route.type === ROUTE_TYPE.local) return { kind: 'local' }
    if (route.type !== ROUTE_TYPE.unicast || route.interfaceIndex === undefined) return { kind: 'none', why: `route type ${route.type}` }
    return { kind: 'interface', index: route.interfaceIndex }
  } catch (error) {
    if (error instanceof SystemCallError) return { kind: 'none', why: error.code }
    throw error
  }
}

const fingerprint = ({ interfaces, routes, linkUps }: HostFacts): string =>
  JSON.stringify([interfaces, [...routes], [...linkUps]], (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
