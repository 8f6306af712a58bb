/**
 * Three nodes on one wire, a real API server, real speakers with the rights of their Pods, and a witness in the client's place. What a
 * kubelet does with a Pod is done here by hand, so that every moment of it can be chosen.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import type { Cluster } from '../../../lab/cluster.ts'
import { claimName } from '../../../src/api/address-claim.ts'
import { deleteObject, findObject } from '../../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, PODS, SERVICES } from '../../../src/kube/resources.ts'
import { electionOrder } from '../../../src/speaker/election.ts'
import type { SpeakerReport } from '../../../src/speaker/speaker-report.ts'
import { buildSpeakerWorld, createSpeakerPod, OWN, type SpeakerWorld, serviceName } from '../../speaker/support/layer2-world.ts'
import { ipOf } from '../../speaker/support/objects.ts'
import { type SpeakerProcess, startSpeaker } from '../../speaker/support/speaker-process.ts'
import { until } from '../../support/until.ts'
import { startWireCapture, type WireCapture } from '../../support/wire-capture.ts'
import { alone, createLinks, type Links } from './links.ts'
import { createOutages, type Outages } from './outages.ts'
import { stallMain } from './stall.ts'

export const NODE_NAMES = ['n1', 'n2', 'n3'] as const
/** What the kubelet waits before it starts a container that ended for the first time. */
export const KUBELET_RESTARTS_MS = 1000

/** An address of each family, first in the order of the same node. */
export interface Pair {
  readonly IPv4: string
  readonly IPv6: string
}
export type PairFamily = keyof Pair
export const FAMILIES = ['IPv4', 'IPv6'] as const

export interface FailoverWorld extends SpeakerWorld {
  readonly wire: WireCapture
  readonly links: Links
  readonly outages: Outages
  macOf(node: string): string
  nodeOf(mac: string): string | undefined
  speaker(node: string): SpeakerProcess
  /** Waits until every speaker has heard of the claim: one that just lost its watch reads it again with a delay. */
  known(address: string): Promise<void>
  /** Starts the speakers of these nodes, each in its Pod, and waits until they are ready. */
  start(nodes: readonly string[], options?: SpeakerOptions): Promise<void>
  /** The kubelet's part after a crash: the container is not ready, and starts again. */
  restarted(node: string): Promise<void>
  /** SIGKILL; nothing else happens by itself. Resolves at once; the time is Date.now() of it. */
  kill(node: string): number
  pause(node: string): number
  resume(node: string): number
  /** The Pod is deleted, then the process gets SIGTERM. The end is not waited for. */
  terminate(node: string): Promise<{ readonly atMs: number; readonly ended: Promise<number | null> }>
  /** A terminated Pod is gone, and a new one of the DaemonSet takes its place. */
  replaced(node: string): Promise<void>
  /** A new process on the node, without a word to the API server before. Resolves when it is ready. */
  relaunch(node: string): Promise<void>
  /** Blocks the main thread of the speaker for so long, by its debugger; all other threads go on. Resolves when it has begun. */
  stall(node: string, ms: number): Promise<number>
  /** The nodes have no power: nothing leaves them or reaches them, and nobody there can say goodbye. */
  powerOff(...nodes: readonly string[]): Promise<number>
  /** It boots: a new process in the same Pod. */
  powerOn(node: string): Promise<void>
  /** Takes every fault away: nothing is cut, every node has a speaker that runs, and every speaker hears all others. */
  recover(): Promise<void>
  /** Fresh addresses that this node is the first in order for, not claimed yet. */
  pair(first: string): Pair
  release(addresses: readonly string[]): Promise<void>
}

export interface SpeakerOptions {
  readonly flags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export async function buildFailoverWorld(): Promise<FailoverWorld> {
  const base = await buildSpeakerWorld({ dualStack: true })
  try {
    const links = await createLinks(base.cluster)
    const wire = await startWireCapture(base.cluster.client)
    return assemble(base, links, wire)
  } catch (error) {
    await base.close()
    throw error
  }
}

function assemble(base: SpeakerWorld, links: Links, wire: WireCapture): FailoverWorld {
  const speakers = createSpeakers(base)
  const outages = createOutages(base.cluster)
  const dark = new Set<string>()
  const macOf = (node: string) => base.macs.get(node) ?? ''
  return {
    ...base,
    ...speakers.verbs,
    wire,
    links,
    macOf,
    nodeOf: (mac) => [...base.macs].find(([, one]) => one === mac)?.[0],
    pair: createPairs(base.cluster),
    async known(address) {
      const claim = claimName(ipOf(address))
      const knows = (node: string) => speakers.verbs.speaker(node).lines.some((line) => line['claim'] === claim)
      await until(`every speaker knows ${address}`, () => base.cluster.nodes.every(({ name }) => knows(name)))
    },
    outages,
    async recover() {
      for (const node of dark) await speakers.verbs.speaker(node).stop('SIGKILL')
      dark.clear()
      await outages.end()
      await recover(base, links, speakers.verbs)
    },
    async powerOff(...nodes) {
      for (const node of nodes) dark.add(node)
      const atMs = Date.now()
      for (const node of nodes) speakers.verbs.pause(node)
      await links.drop(...[...dark].flatMap(alone))
      for (const node of nodes) await links.api(node, 'down')
      return atMs
    },
    async powerOn(node) {
      await speakers.verbs.speaker(node).stop('SIGKILL')
      dark.delete(node)
      await links.drop(...[...dark].flatMap(alone))
      await links.api(node, 'up')
      await speakers.verbs.restarted(node)
    },
    async release(addresses) {
      for (const address of addresses) {
        await deleteObject(base.api, ADDRESS_CLAIMS, { name: claimName(ipOf(address)) })
        await deleteObject(base.api, SERVICES, { namespace: 'default', name: serviceName(address) })
      }
    },
    async close() {
      await outages.end()
      await speakers.close()
      await links.close()
      await wire.close()
      await base.close()
    },
  }
}

/** Hosts 50 to 254 of the lab's subnets, each given once. */
function createPairs(cluster: Cluster): FailoverWorld['pair'] {
  const free = {
    IPv4: Array.from({ length: 205 }, (_, at) => `${cluster.subnet}.${50 + at}`),
    IPv6: Array.from({ length: 4000 }, (_, at) => `${cluster.client.ipv6.replace(/::.*/, '')}::a:${(1 + at).toString(16)}`),
  }
  const draw = (family: PairFamily, first: string): string => {
    const at = free[family].findIndex((address) => electionOrder(NODE_NAMES, address)[0] === first)
    const [address] = free[family].splice(at, 1)
    if (at < 0 || address === undefined) throw new RangeError(`no ${family} address is left`)
    return address
  }
  return (first) => ({ IPv4: draw('IPv4', first), IPv6: draw('IPv6', first) })
}

async function recover({ cluster }: SpeakerWorld, links: Links, verbs: ReturnType<typeof createSpeakers>['verbs']): Promise<void> {
  await links.mend()
  await links.unrelay()
  for (const { name, setCable } of cluster.nodes) {
    await links.api(name, 'up')
    await setCable('up')
    const { child } = verbs.speaker(name)
    child.kill('SIGCONT')
    if (child.exitCode !== null || child.signalCode !== null) await verbs.restarted(name)
  }
  await until('every speaker hears all others', async () => {
    const heard = await Promise.all(cluster.nodes.map(({ name }) => hearsAll(verbs.speaker(name), cluster.nodes.length)))
    return heard.every((all) => all)
  })
}

async function hearsAll(speaker: SpeakerProcess, count: number): Promise<boolean> {
  const { status, text } = await speaker.page('/report')
  if (status !== 200) return true
  const { membership } = JSON.parse(text) as SpeakerReport
  if (membership === undefined) return true
  const all = membership.members.filter(({ alive, serving, leaving }) => alive && serving && !leaving)
  return membership.settled && all.length === count && membership.members.length === count
}

function createSpeakers(world: SpeakerWorld) {
  const running = new Map<string, SpeakerProcess>()
  const all: { readonly node: string; readonly speaker: SpeakerProcess }[] = []
  const speaker = (node: string): SpeakerProcess => {
    const found = running.get(node)
    if (found === undefined) throw new Error(`no speaker on ${node}`)
    return found
  }
  let given: SpeakerOptions = {}
  const launch = async (node: string) => {
    const speaker = await startSpeaker(world.cluster.node(node), world.kubeconfig, given.flags ?? ['--enable-layer2'], given.env)
    running.set(node, speaker)
    all.push({ node, speaker })
    await until(`${node} is ready`, async () => (await speaker.page('/readyz')).status === 200)
    await world.setReady(node, true)
  }
  const signal = (node: string, name: NodeJS.Signals): number => {
    speaker(node).child.kill(name)
    return Date.now()
  }
  const verbs = {
    speaker,
    async start(nodes: readonly string[], options: SpeakerOptions = given) {
      given = options
      await Promise.all(nodes.map(launch))
    },
    kill: (node: string) => signal(node, 'SIGKILL'),
    pause: (node: string) => signal(node, 'SIGSTOP'),
    resume: (node: string) => signal(node, 'SIGCONT'),
    async relaunch(node: string) {
      await speaker(node).stop('SIGKILL')
      await launch(node)
    },
    stall: (node: string, ms: number) => stallMain(world.cluster.node(node), speaker(node), ms),
    async restarted(node: string) {
      await speaker(node).stop('SIGKILL')
      await world.setReady(node, false)
      await launch(node)
    },
    async terminate(node: string) {
      await deleteObject(world.api, PODS, { namespace: OWN, name: podName(node) })
      const atMs = Date.now()
      return { atMs, ended: speaker(node).stop('SIGTERM') }
    },
    async replaced(node: string) {
      await removePod(world, node)
      await createSpeakerPod(world.api, node)
      await launch(node)
    },
  }
  return {
    verbs,
    async close() {
      for (const one of running.values()) {
        one.child.kill('SIGCONT')
        await one.stop('SIGKILL')
      }
      keepLogs(all)
    },
  }
}

/** With FAILOVER_LOGS=FOLDER in the environment: what every speaker of the run said, one file for each process. */
function keepLogs(all: readonly { readonly node: string; readonly speaker: SpeakerProcess }[]): void {
  const folder = process.env['FAILOVER_LOGS']
  if (folder === undefined) return
  mkdirSync(folder, { recursive: true })
  for (const { node, speaker } of all)
    writeFileSync(`${folder}/${node}-${speaker.child.pid}.log`, speaker.lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
}

const podName = (node: string): string => `openelb-speaker-${node}`

/** As the kubelet does when the container has ended. */
export async function removePod(world: SpeakerWorld, node: string): Promise<void> {
  const ref = { namespace: OWN, name: podName(node) }
  await world.cluster.tryKubectl(['-n', OWN, 'delete', 'pod', ref.name, '--grace-period=0', '--force', '--ignore-not-found'])
  await until(`the Pod of ${node} is gone`, async () => (await findObject(world.api, PODS, ref)) === undefined)
}
