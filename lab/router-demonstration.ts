import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from './cluster.ts'
import { StepError, until } from './command.ts'
import { ensureRouters } from './peers/packages.ts'
import type { Router } from './peers/router.ts'
import { PLAIN_NEIGHBOUR, type RouterKind, type RouterSpec } from './peers/spec.ts'
import { startRouter } from './peers/start.ts'
import { findStaticBusybox } from './sandbox-images.ts'

const MANIFEST = join(import.meta.dirname, 'manifests', 'bgp.yaml')
const MANIFEST_SUBNET = '10.250.0'
const SERVICE = 'bgp-svc'
const ROUTER_AS = 65_000
const NODE_AS = 65_001
const LIMIT_MS = 60_000

/** What the router, and a client behind it, saw of one address. */
export interface RouterObservation {
  readonly address: string
  /** Next hops in the router's BGP table: one for each node. */
  readonly nextHops: readonly string[]
  /** The route in the router's kernel; undefined: this router has none (GoBGP). */
  readonly kernelRoute: string | undefined
  /** Fetched by a client that reaches the nodes through the router only; undefined where the kernel has no route. */
  readonly page: string | undefined
}

/** Starts a router in the lab's place for one; it ends with the lab. */
export async function startLabRouter(
  cluster: Cluster,
  kind: RouterKind,
  options: { readonly install: boolean; readonly log: (line: string) => void },
): Promise<Router> {
  await ensureRouters([kind], options)
  return startRouter(kind, { namespace: cluster.router.namespace, folder: join(cluster.stateDir, 'router'), spec: labRouterSpec(cluster) })
}

/** The nodes call it, from AS 65001, and tell it both families: those of IPv4 alone tell it no IPv6. */
export function labRouterSpec(cluster: Pick<Cluster, 'nodes' | 'router'>): RouterSpec {
  const neighbours = cluster.nodes.map(({ name, ip }) => ({
    ...PLAIN_NEIGHBOUR,
    name,
    remote: { address: ip },
    as: NODE_AS,
    passive: true,
    families: ['IPv4', 'IPv6'] as const,
    gracefulRestartSec: 120,
  }))
  return { as: ROUTER_AS, routerId: cluster.router.ip, port: 179, neighbours, originates: [] }
}

/** Applies lab/manifests/bgp.yaml and follows its Service to the router and to a client behind it. Rejects with a StepError at the first that fails. */
export async function demonstrateRouter(cluster: Cluster, router: Router): Promise<RouterObservation> {
  const manifest = readFileSync(MANIFEST, 'utf8').replaceAll(`${MANIFEST_SUBNET}.`, `${cluster.subnet}.`)
  await cluster.kubectl(['apply', '--filename', '-'], { input: manifest })
  const bounds = { timeoutMs: LIMIT_MS, everyMs: 300 }
  const address = await until(`EXTERNAL-IP of ${SERVICE}`, () => ingressOf(cluster), bounds)
  const nextHops = await until(`routes of ${address} on the router`, () => allNextHops(cluster, router, address), bounds)
  if (router.kind === 'gobgp') return { address, nextHops, kernelRoute: undefined, page: undefined }
  const kernelRoute = await until(`route of ${address} in the router's kernel`, () => kernelRouteOf(cluster, address), bounds)
  const page = await until(`page of http://${address}/ through the router`, () => fetchPage(cluster, address), bounds)
  return { address, nextHops, kernelRoute, page }
}

export function describeRouter(router: Router, { address, nextHops, kernelRoute, page }: RouterObservation): readonly string[] {
  return [
    `EXTERNAL-IP  ${address}`,
    `next hops    ${nextHops.join(', ')}, as ${router.kind} has them`,
    ...(kernelRoute === undefined ? [`kernel       ${router.kind} is a table only and puts no routes into the kernel`] : []),
    ...(kernelRoute === undefined
      ? []
      : kernelRoute.split('\n').map((line, at) => `${at === 0 ? 'kernel       ' : '             '}${line}`)),
    ...(page === undefined ? [] : [`page         ${page} (asked from behind the router)`]),
  ]
}

async function ingressOf(cluster: Cluster): Promise<string | undefined> {
  const text = await cluster.kubectl(['get', 'service', SERVICE, '--output=jsonpath={.status.loadBalancer.ingress[0].ip}'])
  return text === '' ? undefined : text
}

async function allNextHops({ nodes }: Cluster, router: Router, address: string): Promise<readonly string[] | undefined> {
  const routes = await router.routes('IPv4')
  const found = routes.find(({ prefix }) => prefix === `${address}/32`)?.paths.flatMap(({ nextHops }) => nextHops) ?? []
  const nextHops = [...new Set(found)].sort()
  if (nextHops.length < nodes.length) throw new Error(`${nextHops.length} of ${nodes.length} next hops; ${router.log()}`)
  return nextHops
}

async function kernelRouteOf(cluster: Cluster, address: string): Promise<string | undefined> {
  const { stdout } = await cluster.router.exec(['ip', 'route', 'show', `${address}/32`])
  const hops = stdout.match(/via \S+/g)?.length ?? 0
  return hops < cluster.nodes.length ? undefined : stdout.trim()
}

async function fetchPage(cluster: Cluster, address: string): Promise<string | undefined> {
  const busybox = findStaticBusybox()
  if (busybox === undefined) throw new StepError('demonstration', 'no busybox on this host')
  const { code, stdout, stderr } = await cluster.far.exec([busybox, 'wget', '-q', '-O', '-', `http://${address}/`], { timeoutMs: 3000 })
  if (code !== 0) throw new Error(stderr.trim() || `wget ended with ${code}`)
  return stdout.trim()
}
