import type { Cell, Component } from './cell.ts'
import { type CommandOptions, type CommandResult, run, StepError } from './command.ts'
import type { Connection } from './connection.ts'
import { apiServerReady } from './control-plane.ts'
import { type Address, ETCD_PORT, type Layout, labPaths } from './layout.ts'
import { enterNamespace, setCable } from './network.ts'
import { importImage } from './node.ts'
import type { LabState } from './state.ts'
import { tearDown } from './teardown.ts'

/** A machine of the lab, real or just a namespace. */
export interface Place {
  readonly namespace: string
  readonly ip: string
  /** Configured only in a dual-stack lab. */
  readonly ipv6: string
  /** argv prefix that runs a command there: for processes that the caller spawns. */
  readonly enter: readonly string[]
  exec(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>
  /** Cuts or mends the cable to the bridge. */
  setCable(state: 'up' | 'down'): Promise<void>
}

export interface LabNode extends Place {
  readonly name: string
}

/** A running lab. */
export interface Cluster extends Omit<Connection, 'api'> {
  readonly name: string
  readonly id: number
  /** First three octets of the bridge's subnet (a /24): addresses .50 to .254 are free for pools. */
  readonly subnet: string
  /** Where the host is seen from inside: a webhook of a test listens here. */
  readonly hostAddress: string
  /** etcd's client URL, reachable from the host. */
  readonly etcdUrl: string
  readonly stateDir: string
  readonly logs: string
  /** JSON lines of the API server: every request of a ServiceAccount, Metadata level. */
  readonly auditLog: string
  readonly nodes: readonly LabNode[]
  readonly controlPlane: Place
  /** A machine on the bridge that is no node. */
  readonly client: Place
  /** Forwards between the bridge and a second subnet. */
  readonly router: Place
  /** A machine on that second subnet; `ip` is there. */
  readonly far: Place
  /** Throws RangeError when there is no such node. */
  node(name: string): LabNode
  /** `etcd`, `kube-apiserver`, `kube-controller-manager`, `kube-scheduler`, `containerd-n1`, `kubelet-n1`, `kube-proxy-n1`. Throws RangeError otherwise. */
  component(name: string): Component
  /** Waits until the API server answers /readyz again: after component('kube-apiserver').start(). */
  apiServerReady(): Promise<void>
  /** Imports a docker-archive on every node. */
  loadImage(archive: string): Promise<void>
  /** Removes everything. Idempotent. */
  down(): Promise<void>
}

export interface Parts {
  readonly state: LabState
  readonly layout: Layout
  readonly connection: Connection
  /** By namespace; places without one are entered by their network alone. */
  readonly cells: ReadonlyMap<string, Cell>
  readonly components: readonly Component[]
}

export function presentCluster(parts: Parts): Cluster {
  const { state, layout, connection, components } = parts
  const { api, ...ways } = connection
  const paths = labPaths(layout.directory)
  const nodes = layout.nodes.map((node) => ({ ...placeOf(parts, node), name: node.name }))
  const component = (name: string) => oneOf(components, (item) => item.name === name, `component ${name}`)
  let gone: Promise<void> | undefined
  return {
    ...ways,
    name: layout.name,
    id: layout.id,
    subnet: layout.subnet,
    hostAddress: layout.host.ipv4,
    etcdUrl: `http://${layout.controlPlane.ipv4}:${ETCD_PORT}`,
    stateDir: layout.directory,
    logs: paths.logs,
    auditLog: paths.auditLog,
    nodes,
    controlPlane: placeOf(parts, layout.controlPlane),
    client: placeOf(parts, layout.client),
    router: placeOf(parts, layout.router),
    far: placeOf(parts, layout.far),
    node: (name) => oneOf(nodes, (node) => node.name === name, `node ${name}`),
    component,
    apiServerReady: () => apiServerReady(api, component('kube-apiserver')),
    loadImage: (archive) => loadImage(layout, archive),
    down() {
      api.close()
      gone ??= tearDown(state)
      return gone
    },
  }
}

/** Imports a docker-archive on every node of a lab, all at once. */
export async function loadImage(layout: Layout, archive: string): Promise<void> {
  if (layout.nodes.length === 0) throw new StepError(undefined, 'this lab has no nodes')
  const sockets = layout.nodes.map(({ name }) => [name, labPaths(layout.directory).node(name).containerdSocket] as const)
  await Promise.all(sockets.map(([name, socket]) => importImage(name, socket, archive)))
}

function placeOf({ cells, layout }: Parts, address: Address): Place {
  const enter = cells.get(address.namespace)?.enter ?? enterNamespace(address.namespace)
  return {
    namespace: address.namespace,
    ip: address.ipv4,
    ipv6: address.ipv6,
    enter,
    exec: (argv, options) => run([...enter, ...argv], options),
    setCable: (state) => setCable(layout, address.namespace, state),
  }
}

function oneOf<T>(items: readonly T[], test: (item: T) => boolean, what: string): T {
  const found = items.find(test)
  if (found === undefined) throw new RangeError(`no ${what} in this lab`)
  return found
}
