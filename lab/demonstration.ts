import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from './cluster.ts'
import { StepError, until } from './command.ts'
import { findStaticBusybox } from './sandbox-images.ts'

/** A manifest of lab/manifests and what to look at once it is applied. */
export interface Seed {
  readonly manifest: string
  readonly service: string
}

/** The last one stays. They go one by one, since two of them bring a default pool and a cluster has at most one. */
export const SEEDS: readonly Seed[] = [
  { manifest: 'seed-000.yaml', service: 'test-svc' },
  { manifest: 'seed-003.yaml', service: 'nginx' },
  { manifest: 'seed-001.yaml', service: 'layer2-svc' },
]

/** What a client outside the cluster saw of one address. */
export interface Observation {
  readonly address: string
  /** The node that the claim names as owner. */
  readonly owner: string
  /** The hardware address in the ARP answer. */
  readonly mac: string
  /** The node whose eth0 has that hardware address: must be the owner. */
  readonly answeredBy: string
  readonly page: string
}

const MANIFEST_SUBNET = '10.250.0'
const ADDRESS_TIMEOUT_MS = 30_000
const OWNER_TIMEOUT_MS = 30_000
const PAGE_TIMEOUT_MS = 60_000

/** The seed's text with the lab's network in place of the one it is written for. */
export function seedText(seed: Seed, subnet: string): string {
  return readFileSync(join(import.meta.dirname, 'manifests', seed.manifest), 'utf8').replaceAll(`${MANIFEST_SUBNET}.`, `${subnet}.`)
}

/** Applies a seed and follows its Service to the wire: address, owner, ARP answer, page. Rejects with a StepError at the first that fails. */
export async function demonstrate(cluster: Cluster, seed: Seed): Promise<Observation> {
  await cluster.kubectl(['apply', '--filename', '-'], { input: seedText(seed, cluster.subnet) })
  const address = await until(`EXTERNAL-IP of ${seed.service}`, () => ingressOf(cluster, seed.service), { timeoutMs: ADDRESS_TIMEOUT_MS })
  const owner = await until(`owner of ${address}`, () => ownerOf(cluster, address), { timeoutMs: OWNER_TIMEOUT_MS })
  const mac = await until(`ARP answer for ${address}`, () => arpAnswer(cluster, address), { timeoutMs: OWNER_TIMEOUT_MS })
  const answeredBy = await nodeWithMac(cluster, mac)
  const page = await until(`page of http://${address}/`, () => fetchPage(cluster, address), { timeoutMs: PAGE_TIMEOUT_MS, everyMs: 300 })
  return { address, owner, mac, answeredBy, page }
}

export async function removeSeed(cluster: Cluster, seed: Seed): Promise<void> {
  await cluster.kubectl(['delete', '--ignore-not-found', '--wait=false', '--filename', '-'], { input: seedText(seed, cluster.subnet) })
  await cluster.kubectl(['wait', '--for=delete', `service/${seed.service}`, '--timeout=30s'])
}

async function ingressOf(cluster: Cluster, service: string): Promise<string | undefined> {
  const text = await cluster.kubectl(['get', 'service', service, '--output=jsonpath={.status.loadBalancer.ingress[0].ip}'])
  return text === '' ? undefined : text
}

async function ownerOf(cluster: Cluster, address: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await cluster.tryKubectl(['get', 'addressclaim', address, '--output=jsonpath={.status.owner.node}'])
  if (code !== 0) throw new Error(stderr.trim())
  return stdout === '' ? undefined : stdout
}

/** Asks as a neighbour on the wire would, from a machine that is no node. */
async function arpAnswer(cluster: Cluster, address: string): Promise<string | undefined> {
  const { stdout } = await cluster.client.exec([busybox(), 'arping', '-c', '1', '-w', '2', '-I', 'eth0', address], { timeoutMs: 5000 })
  return /reply from \S+ \[([0-9a-f:]{17})\]/i.exec(stdout)?.[1]?.toLowerCase()
}

async function nodeWithMac(cluster: Cluster, mac: string): Promise<string> {
  for (const node of cluster.nodes) {
    const { stdout } = await node.exec(['ip', '-o', 'link', 'show', 'eth0'])
    if (stdout.toLowerCase().includes(`link/ether ${mac}`)) return node.name
  }
  throw new StepError('ARP answer', `${mac} is no node's hardware address`)
}

async function fetchPage(cluster: Cluster, address: string): Promise<string | undefined> {
  // Bounded from outside: BusyBox's own limit (-T) ends in a segmentation fault in Debian 12's static build.
  const argv = [busybox(), 'wget', '-q', '-O', '-', `http://${address}/`]
  const { code, stdout, stderr } = await cluster.client.exec(argv, { timeoutMs: 3000 })
  if (code !== 0) throw new Error(stderr.trim() || `wget ended with ${code}`)
  return stdout.trim()
}

function busybox(): string {
  const path = findStaticBusybox()
  if (path === undefined) throw new StepError('demonstration', 'no busybox on this host')
  return path
}
