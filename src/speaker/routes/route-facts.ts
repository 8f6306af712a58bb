import type { AddressClaimObject } from '../../api/address-claim.ts'
import type { NodeObject } from '../../api/core-objects.ts'
import type { NodeChoice } from '../../policy/node-choice.ts'
import type { ServiceFacts } from '../facts.ts'
import type { EipRoutes } from './wishes.ts'

/** Which nodes there are, and what is known against each. The same object in `nodes` for as long as they are the same. */
export interface NodeSources {
  readonly self: string
  readonly nodes: ReadonlyMap<string, NodeObject>
  /** Only nodes whose label RACK has this value are next hops; undefined: all. */
  readonly rack: string | undefined
  readonly avoidCordoned: boolean
  /** Whether the node's speaker says that it is shutting down. */
  isLeaving(node: string): boolean
}

/** What the routes of this node are made from. Objects that have not changed are the same objects: what was made from them is kept. */
export interface RouteFacts extends NodeSources {
  readonly claims: Iterable<AddressClaimObject>
  readonly nodeChoices: ReadonlyMap<string, NodeChoice>
  /** What an Eip asks for its routes; undefined: it is gone. */
  eipRoutes(eip: string): EipRoutes | undefined
  /** By `namespace/name`; undefined: not known yet, or gone, and then its claim is about to be released. */
  service(key: string): ServiceFacts | undefined
  /** The nodes with a serving endpoint of a Service of policy Local; undefined while the endpoints are not read. */
  endpointNodes(key: string): ReadonlySet<string> | undefined
}
