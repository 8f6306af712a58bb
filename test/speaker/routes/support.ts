/** Facts of routes, with only what a test says. */
import type { AddressClaimObject } from '../../../src/api/address-claim.ts'
import type { NodeObject } from '../../../src/api/core-objects.ts'
import type { EipSpec } from '../../../src/api/eip.ts'
import { ANY_NODE, type NodeChoice, nodeChoiceOf } from '../../../src/policy/node-choice.ts'
import { type ServiceFacts, serviceFacts } from '../../../src/speaker/facts.ts'
import type { RouteFacts } from '../../../src/speaker/routes/route-facts.ts'
import { type EipRoutes, eipRoutes } from '../../../src/speaker/routes/wishes.ts'
import { claimObject, nodeObject } from '../support/objects.ts'

export interface RouteShape {
  readonly self?: string
  /** By name, what a Node says; three good ones when absent. */
  readonly nodes?: ReadonlyMap<string, NodeObject>
  readonly claims?: readonly AddressClaimObject[]
  readonly eips?: Readonly<Record<string, Partial<EipSpec>>>
  /** Annotations and policy by `namespace/name`; `default/web` of policy Cluster is always there. */
  readonly services?: Readonly<
    Record<string, { readonly local?: boolean; readonly annotations?: Readonly<Record<string, string>> } | undefined>
  >
  readonly endpoints?: Readonly<Record<string, readonly string[]>>
  readonly rack?: string
  readonly leaving?: readonly string[]
  readonly avoidCordoned?: boolean
}

/** A Node that is Ready, with an address in each family. */
export function routeNode(
  name: string,
  over: Parameters<typeof nodeObject>[1] & { readonly addresses?: readonly string[] } = {},
): NodeObject {
  const node = nodeObject(name, over)
  const at = name.replace(/\D/g, '')
  const addresses = over.addresses ?? [`10.0.0.${at}`, `fd00::${at}`]
  return { ...node, status: { ...node.status, addresses: addresses.map((address) => ({ type: 'InternalIP', address })) } }
}

export const routeNodes = (...nodes: readonly NodeObject[]): ReadonlyMap<string, NodeObject> =>
  new Map(nodes.map((node) => [node.metadata.name, node]))

export const bgpClaim = (address: string, spec: Partial<AddressClaimObject['spec']> = {}): AddressClaimObject =>
  claimObject(address, { protocol: 'bgp', ...spec })

/** Facts that keep the identity of everything in them when `with` changes one part. */
export function routeFacts(shape: RouteShape): RouteFacts {
  const nodes = shape.nodes ?? THREE
  const eips = new Map(Object.entries(shape.eips ?? {}))
  const choices = new Map<string, NodeChoice>([...eips].map(([name, spec]) => [name, nodeChoiceOf(spec)]))
  const routes = new Map<string, EipRoutes>([...eips].map(([name, { bgp }]) => [name, eipRoutes(bgp)]))
  const services = new Map<string, ServiceFacts | undefined>(
    Object.entries({ 'default/web': {}, ...shape.services }).map(([key, service]) => [key, service && factsOf(service)]),
  )
  const endpoints = new Map(Object.entries(shape.endpoints ?? {}).map(([key, names]) => [key, new Set(names)]))
  return {
    self: shape.self ?? 'n1',
    nodes,
    claims: shape.claims ?? [],
    rack: shape.rack,
    avoidCordoned: shape.avoidCordoned ?? false,
    isLeaving: (node) => shape.leaving?.includes(node) ?? false,
    nodeChoices: new Map([...choices].filter(([, choice]) => choice !== ANY_NODE)),
    eipRoutes: (eip) => routes.get(eip),
    service: (key) => services.get(key),
    endpointNodes: (key) => endpoints.get(key),
  }
}

const factsOf = ({
  local = false,
  annotations = {},
}: {
  readonly local?: boolean
  readonly annotations?: Readonly<Record<string, string>>
}) =>
  serviceFacts({
    metadata: { name: 'x', uid: 'u', resourceVersion: '1', creationTimestamp: '', annotations },
    spec: { type: 'LoadBalancer', externalTrafficPolicy: local ? 'Local' : 'Cluster' },
  })

const THREE = routeNodes(routeNode('n1'), routeNode('n2'), routeNode('n3'))
