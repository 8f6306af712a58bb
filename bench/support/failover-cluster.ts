/** The same kill inside a real cluster, where the kubelet starts the container again within a second. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { type Cluster, startCluster } from '../../lab/cluster.ts'
import { buildImage } from '../../lab/image/build.ts'
import { installProduct } from '../../lab/installation.ts'
import { processesInNamespaces } from '../../lab/process-table.ts'
import { OPT_IN, OPT_IN_VALUE } from '../../src/api/service-annotations.ts'
import { startWireCapture, type WireCapture } from '../../test/support/wire-capture.ts'
import { judgeWire } from '../../test/support/wire-capture-analysis.ts'
import type { Progress } from './bench.ts'
import { rounded, type Spread, spread } from './figures.ts'
import { until } from './waiting.ts'

export interface ClusterCase {
  readonly repetitions: number
  /** From SIGKILL to the first answer or announcement of another node, in milliseconds. */
  readonly takeOverMs: Spread
  readonly silentMs: Spread
  readonly lost: Spread
  readonly twoMacsMs: Spread
  /** Changes of owner beyond one for each kill. */
  readonly needless: number
}

const NAMESPACE = 'openelb-system'
const SERVICE = 'failover-bench'
const PROBE_EVERY_MS = 1
const WATCH_MS = 3000

export async function measureCluster(repetitions: number, progress: Progress): Promise<ClusterCase> {
  const work = mkdtempSync(join(tmpdir(), 'openelb-bench-'))
  const image = join(work, 'openelb.tar')
  await buildImage({ output: image, log: progress })
  const cluster = await startCluster({ nodes: 3, log: progress })
  try {
    await cluster.loadImage(image)
    await installProduct(cluster)
    progress('installed')
    const wire = await startWireCapture(cluster.client)
    try {
      return await killOwners(cluster, wire, repetitions, progress)
    } finally {
      await wire.close()
    }
  } finally {
    await cluster.down()
    rmSync(work, { recursive: true, force: true })
  }
}

async function killOwners(cluster: Cluster, wire: WireCapture, repetitions: number, progress: Progress): Promise<ClusterCase> {
  const address = await createAddress(cluster)
  wire.probe(address, PROBE_EVERY_MS)
  const [takeOver, silent, lost, twoMacs]: [number[], number[], number[], number[]] = [[], [], [], []]
  let needless = 0
  for (let done = 0; done < repetitions; done++) {
    const owner = await ownerOf(cluster, address)
    await until('one node alone answers', () => answersAlone(wire, address), 10)
    await wire.mark()
    await delay(100)
    const atMs = Date.now()
    process.kill(speakerPid(cluster, owner), 'SIGKILL')
    await delay(WATCH_MS)
    const records = await wire.records(address)
    const before = records.find(({ kind, atMs: at }) => kind === 'answer' && at < atMs)?.mac
    const first = records.find((one) => one.atMs >= atMs && one.kind !== 'probe' && one.mac !== before)
    if (first !== undefined) takeOver.push(rounded(first.atMs - atMs))
    const report = judgeWire(records, PROBE_EVERY_MS)
    silent.push(report.longestSilenceMs)
    lost.push(report.lost)
    twoMacs.push(report.twoMacsMs)
    needless += Math.max(0, report.moves - 1)
    progress(
      `in the cluster: ${done + 1} of ${repetitions}, ${takeOver.at(-1)?.toFixed(0)} ms, silent ${silent.at(-1)?.toFixed(0)} ms, lost ${report.lost}`,
    )
    await renewed(cluster, owner)
  }
  const spreads = { takeOverMs: spread(takeOver), silentMs: spread(silent), lost: spread(lost), twoMacsMs: spread(twoMacs) }
  return { repetitions, ...spreads, needless }
}

async function createAddress(cluster: Cluster): Promise<string> {
  const address = `${cluster.subnet}.200`
  const eip = {
    apiVersion: 'network.kubesphere.io/v1alpha2',
    kind: 'Eip',
    metadata: { name: SERVICE },
    spec: { address, protocol: 'layer2', interface: 'eth0' },
  }
  const annotations = { [OPT_IN]: OPT_IN_VALUE, 'eip.openelb.kubesphere.io/v1alpha2': SERVICE }
  const service = {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: SERVICE, namespace: 'default', annotations } },
    spec: { type: 'LoadBalancer', selector: { app: SERVICE }, ports: [{ port: 80 }] },
  }
  await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [eip, service] }) })
  await until('an owner', async () => (await ownerOf(cluster, address)) !== '', 200)
  return address
}

async function ownerOf(cluster: Cluster, address: string): Promise<string> {
  return (await cluster.tryKubectl(['get', 'addressclaim', address, '-o', 'jsonpath={.status.owner.node}'])).stdout
}

/** The process whose command line is the speaker's, in the network of that node. */
function speakerPid(cluster: Cluster, node: string): number {
  const inside = processesInNamespaces([`/run/netns/${cluster.node(node).namespace}`])
  const found = inside.find(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('speaker/main.js'))
  if (found === undefined) throw new Error(`no speaker runs on ${node}`)
  return found.pid
}

/** A Pod that was killed more than once starts later and later; a new one does not. */
async function renewed(cluster: Cluster, node: string): Promise<void> {
  const pods = ['-n', NAMESPACE, 'pod', '-l', 'app=openelb,component=speaker', '--field-selector', `spec.nodeName=${node}`]
  await cluster.kubectl(['delete', ...pods, '--wait=true', '--timeout=60s'], { timeoutMs: 70_000 })
  await cluster.kubectl(['rollout', 'status', 'daemonset/openelb-speaker', '-n', NAMESPACE, '--timeout=60s'], { timeoutMs: 70_000 })
}

/** For a quarter of a second. */
async function answersAlone(wire: WireCapture, address: string): Promise<boolean> {
  await wire.mark()
  await delay(250)
  const answers = (await wire.records(address)).filter(({ kind }) => kind === 'answer')
  return answers.length > 50 && new Set(answers.map(({ mac }) => mac)).size === 1
}
