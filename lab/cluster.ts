import { dirname } from 'node:path'
import { type Binaries, DEFAULT_KUBERNETES, ensureBinaries, gatherBinaries } from './binaries.ts'
import { ALL_BINARIES, CONTROL_PLANE_BINARIES } from './binary-source.ts'
import { labCache } from './cache.ts'
import { type Cell, type Component, startCell } from './cell.ts'
import { StepError, until } from './command.ts'
import { type Connection, connect } from './connection.ts'
import { startControlPlane as startComponents } from './control-plane.ts'
import { keepLog } from './failure-log.ts'
import { type Layout, labLayout, labPaths, MAX_NODES } from './layout.ts'
import { noteNetnsFolder } from './netns-folder.ts'
import { createNetwork } from './network.ts'
import { type NodeStart, startNode } from './node.ts'
import { createPki, type Pki } from './pki.ts'
import { type Cluster, presentCluster } from './presentation.ts'
import { identify, type ProcessIdentity } from './process-table.ts'
import { ensureRequirements, findCniPlugins, hostRefusal } from './requirements.ts'
import { sandboxImages } from './sandbox-images.ts'
import { claimLab, type LabState, writeState } from './state.ts'
import { tearDown, tearDownOrphans } from './teardown.ts'

export type { Cluster, LabNode, Place } from './presentation.ts'

export interface LabOptions {
  /** Unique on this host; made up when absent. */
  readonly name?: string
  /** 1 to 5 for a cluster, 0 to 5 for a control plane (bare namespaces then); 3 and 0 when absent. */
  readonly nodes?: number
  readonly dualStack?: boolean
  readonly kubernetes?: string
  /** Whether missing Debian packages may be installed; true when absent. */
  readonly install?: boolean
  /** Whether the lab outlives this process; false when absent: a later lab then removes it once this process is gone. */
  readonly persistent?: boolean
  /** Whether a control plane without nodes runs the controller-manager and the scheduler too; false when absent. */
  readonly controllers?: boolean
  readonly log?: (line: string) => void
  /** Aborting ends the start at its next step and removes what was made. */
  readonly signal?: AbortSignal
}

type Tier = 'control-plane' | 'cluster'

/** What the steps of one start share. */
interface Start {
  readonly tier: Tier
  readonly options: LabOptions
  readonly log: (line: string) => void
  readonly layout: Layout
  readonly binaries: Binaries
  readonly images: readonly string[]
  readonly pki: Pki
  readonly connection: Connection
  readonly onStart: (name: string, process: ProcessIdentity, log: string) => void
}

const NODES_READY_TIMEOUT_MS = 90_000

/**
 * Starts a whole cluster: control plane and nodes with containerd, kubelet and kube-proxy; all nodes are Ready when it resolves.
 * Rejects with a StepError (which step, why, where its log is), having removed whatever it had made.
 */
export function startCluster(options: LabOptions = {}): Promise<Cluster> {
  const nodes = options.nodes ?? 3
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > MAX_NODES)
    return Promise.reject(new StepError(undefined, `nodes: ${nodes} is not 1 to ${MAX_NODES}`))
  return start('cluster', { ...options, nodes })
}

/** Starts etcd and the API server alone; `nodes` are then bare namespaces on the bridge, for processes of the caller. Otherwise as startCluster. */
export function startControlPlane(options: LabOptions = {}): Promise<Cluster> {
  const nodes = options.nodes ?? 0
  if (!Number.isInteger(nodes) || nodes < 0 || nodes > MAX_NODES)
    return Promise.reject(new StepError(undefined, `nodes: ${nodes} is not 0 to ${MAX_NODES}`))
  return start('control-plane', { ...options, nodes })
}

async function start(tier: Tier, options: LabOptions): Promise<Cluster> {
  const log = options.log ?? (() => undefined)
  const kubernetes = options.kubernetes ?? DEFAULT_KUBERNETES
  const refusal = hostRefusal()
  if (refusal !== undefined) throw new StepError(undefined, refusal)
  await ensureRequirements(tier, { install: options.install ?? true, log })
  const names = tier === 'cluster' || options.controllers === true ? ALL_BINARIES : CONTROL_PLANE_BINARIES
  const binaries = await ensureBinaries(names, kubernetes, log, options.signal)
  const images = tier === 'cluster' ? await sandboxImages(`${labCache()}/images`) : []
  await tearDownOrphans(log)
  const owner = options.persistent === true ? undefined : identify(process.pid)
  const name = options.name ?? `lab-${process.pid}-${Date.now().toString(36).slice(-5)}`
  const shape = { name, kubernetes, nodes: options.nodes ?? 0, dualStack: options.dualStack ?? false }
  const state = claimLab({ ...shape, ...(owner === undefined ? {} : { owner }) })
  try {
    const cluster = await build(tier, options, { state, binaries, images, log })
    writeState({ ...state, phase: 'running' })
    return cluster
  } catch (error) {
    const kept = keepLog(error, state.name)
    await tearDown(state).catch((failure: Error) => log(failure.message))
    throw kept
  }
}

async function build(
  tier: Tier,
  options: LabOptions,
  made: { state: LabState; binaries: Binaries; images: readonly string[]; log: (line: string) => void },
): Promise<Cluster> {
  const { state, log } = made
  const layout = labLayout(state.id ?? 0, state.name, state.directory, state.nodes)
  const onStart = (name: string, process: ProcessIdentity, path: string) => {
    state.processes[name] = { ...process, log: path }
    writeState(state)
  }
  noteNetnsFolder(dirname(state.directory))
  await step(log, options.signal, 'network', () => createNetwork(layout, { dualStack: state.dualStack }))
  const pki = createPki(layout, new Date())
  const connection = connect(layout, pki, made.binaries['kubectl'] ?? 'kubectl')
  const shared: Start = { tier, options, log, layout, binaries: made.binaries, images: made.images, pki, connection, onStart }
  const cells = new Map<string, Cell>()
  const nodes = tier === 'cluster' ? startNodes(shared) : Promise.resolve([])
  // A failure of the control plane is told first; this one is looked at below.
  nodes.catch(() => undefined)
  const controlPlane = await step(log, options.signal, 'control plane', () => controlPlaneOf(shared, cells))
  const started = await step(log, options.signal, 'containerd and images', () => nodes)
  for (const node of started) cells.set(node.cell.namespace, node.cell)
  const joined = await step(log, options.signal, 'nodes', () => joinNodes(shared, started))
  const components = [...controlPlane, ...started.map(({ containerd }) => containerd), ...joined]
  return presentCluster({ state, layout, connection, cells, components })
}

async function controlPlaneOf(shared: Start, cells: Map<string, Cell>): Promise<readonly Component[]> {
  const { layout, binaries, pki, connection, tier, options } = shared
  const cell = await startCell(cellOptions(shared, layout.controlPlane.namespace))
  cells.set(cell.namespace, cell)
  const controllers = tier === 'cluster' || options.controllers === true
  return startComponents({ layout, cell, pki, api: connection.api, binary: (name) => binaries[name] ?? name, controllers })
}

function startNodes({ layout, pki, options, binaries, images, onStart }: Start): Promise<NodeStart[]> {
  const folder = gatherBinaries(binaries, ['kubelet', 'kube-proxy'], `${layout.directory}/bin`)
  const cniPlugins = findCniPlugins()
  if (cniPlugins === undefined) throw new StepError('nodes', 'no CNI plugins')
  const shared = { layout, pki, dualStack: options.dualStack ?? false, binaries: folder, cniPlugins, images, onStart }
  return Promise.all(layout.nodes.map((node) => startNode({ ...shared, node })))
}

async function joinNodes({ connection, layout }: Start, nodes: readonly NodeStart[]): Promise<readonly Component[]> {
  const components = (await Promise.all(nodes.map((node) => node.join()))).flat()
  if (nodes.length === 0) return components
  const probe = async () => {
    const ended = components.find(({ running }) => !running)
    if (ended !== undefined) throw new StepError(ended.name, 'it ended', ended.log)
    const ready = await connection.readyNodes()
    if (ready.length < nodes.length) throw new Error(`Ready are ${ready.join(', ') || 'none'}`)
    return true
  }
  const log = components.find(({ name }) => name.startsWith('kubelet'))?.log ?? labPaths(layout.directory).logs
  await until('nodes', probe, { timeoutMs: NODES_READY_TIMEOUT_MS, log })
  return components
}

function cellOptions({ layout, onStart }: Start, namespace: string) {
  return { namespace, directory: layout.directory, logs: labPaths(layout.directory).logs, binds: [], onStart }
}

async function step<T>(log: (line: string) => void, signal: AbortSignal | undefined, name: string, work: () => Promise<T>): Promise<T> {
  if (signal?.aborted === true) throw new StepError(name, 'interrupted')
  const startedAt = Date.now()
  const value = await work()
  log(`${name}: ${((Date.now() - startedAt) / 1000).toFixed(1)} s`)
  return value
}
