/**
 * What a speaker holds and does at rest with very many Services that have endpoints: its resident memory and its processor time, beside a
 * speaker of an empty cluster. Layer 2, the membership among three and the compiled process are real; the API server is made up
 * (support/paper-api.ts), since a real one takes minutes to be given so many objects. The two other members are heard and never take an
 * address, so this speaker owns them all: no speaker of a cluster has more to hold.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SPEAKER_NODE_FLAGS } from '../deploy/manifest/speaker.ts'
import { compile } from '../lab/image/build.ts'
import { PORT } from '../src/api/names.ts'
import type { ChildSettings } from '../test/speaker/support/membership-child.ts'
import { type LineProcess, startLines } from '../test/speaker/support/process-lines.ts'
import { startWire, type Wire, type WireHost } from '../test/speaker/support/wire.ts'
import { ecCertificates } from '../test/support/ec-certificates.ts'
import { type Aim, type BenchResult, count, createProgress, type Progress, readOptions } from './support/bench.ts'
import { rounded } from './support/figures.ts'
import { createMemoryLimit } from './support/memory-limit.ts'
import type { PaperLine, PaperOrder } from './support/paper-api.ts'
import { cpuSeconds, residentMiB } from './support/process-usage.ts'

export const summary = 'Resident memory and processor time at rest of a speaker with very many Services that have endpoints.'
export const flags = {
  services: count(10_000, 1, 60_000, 'Services of type LoadBalancer, each with an address, a claim and an EndpointSlice.'),
  seconds: count(60, 1, 3600, 'How long the speaker is watched at rest.'),
  rest: count(15, 0, 600, 'Seconds without a look before that: for the bursts of the beginning, and for what V8 tidies up.'),
}

const PAPER_API = fileURLToPath(new URL('./support/paper-api.ts', import.meta.url))
const MEMBER = fileURLToPath(new URL('../test/speaker/support/membership-child.ts', import.meta.url))
const SPEAKER = fileURLToPath(new URL('../dist/src/speaker/main.js', import.meta.url))
const API_PORT = 6443
const SECRET = 'a key that is no default, for the speakers of a bench'
const NODES = ['n1', 'n2', 'n3'] as const
/** As in deploy/manifest. */
const MEMORY_LIMIT_MIB = 384
const LOCAL_EVERY = 4
const OWNED_WITHIN_MS = 180_000

interface Rest {
  readonly services: number
  readonly memoryMiB: { readonly now: number; readonly peak: number }
  /** Of a process that has just taken them all, with a write for each. NaN without Services. */
  readonly takenMiB: number
  readonly cpuPercent: number
  /** From the start of the process until it has read the cluster. */
  readonly startSeconds: number
}

interface Stage {
  readonly wire: Wire
  readonly folder: string
  readonly seconds: number
  readonly rest: number
  readonly progress: Progress
}

const hostOf = ({ hosts }: Wire, at: number): WireHost => {
  const host = hosts[at]
  if (host === undefined) throw new RangeError(`no host ${at}`)
  return host
}

/** Host 0 has the speaker, 1 and 2 the other members, 3 the API server. */
const peersOf = (wire: Wire) => NODES.map((node, at) => ({ node, ip: hostOf(wire, at).ip }))

async function startPaperApi({ wire, folder }: Stage, services: number): Promise<LineProcess<PaperLine>> {
  const host = hostOf(wire, NODES.length)
  const nodes = peersOf(wire).map(({ node: name, ip }) => ({ name, ip }))
  const { ca, cert, key } = ecCertificates([`api,IP:${host.ip}`])
  writeFileSync(join(folder, 'ca.crt'), ca)
  writeFileSync(join(folder, 'token'), 'paper', { mode: 0o600 })
  const order: PaperOrder = {
    ...{ nodes, services, localEvery: LOCAL_EVERY, firstAddress: [10, 9, 10, 0], cert, key },
    listen: { host: host.ip, port: API_PORT },
  }
  const api = startLines<PaperLine>([...host.enter, process.execPath, PAPER_API, JSON.stringify(order)], 'stdout')
  await api.next('ready', ({ ready }) => ready === true)
  return api
}

function startMember({ wire }: Stage, at: number): LineProcess<unknown> {
  const self = NODES[at] ?? ''
  const { ip, enter } = hostOf(wire, at)
  const peers = peersOf(wire).filter(({ node }) => node !== self)
  const settings: ChildSettings = { self, ip, port: PORT.membership, peers, secret: SECRET, profile: 'default' }
  return startLines([...enter, process.execPath, MEMBER, JSON.stringify(settings)], 'stdout')
}

/** Enters its memory cgroup; its ServiceAccount's files are where a Pod has them, in a mount namespace of its own. */
const AS_IN_POD = `
mount -t tmpfs tmpfs /run
mkdir -p /run/secrets/kubernetes.io
cp -r "$1" /run/secrets/kubernetes.io/serviceaccount
echo $$ > "$2"
shift 2
exec "$@"`
/** Root with NET_RAW and no other capability, as in the container. */
const RIGHTS = ['setpriv', '--bounding-set=-all,+net_raw', '--inh-caps=-all', '--no-new-privs']

function startSpeaker({ wire, folder }: Stage, procs: string): LineProcess<{ readonly msg?: string }> {
  const { ip, enter } = hostOf(wire, 0)
  const pod = ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', AS_IN_POD, 'pod', folder, procs]
  const args = [...SPEAKER_NODE_FLAGS, SPEAKER, '--enable-layer2', `--metrics-addr=${ip}:${PORT.speakerMetrics}`]
  const argv = [...enter, 'setpriv', '--pdeathsig', 'KILL', ...pod, ...RIGHTS, process.execPath, ...args]
  return startLines(argv, 'stderr', {
    ...{ NODE_NAME: 'n1', POD_NAME: 'openelb-speaker-n1', POD_IP: ip, OPENELB_NAMESPACE: 'openelb-system', MEMBER_LIST_SECRET: SECRET },
    ...{ KUBECONFIG: '', KUBERNETES_SERVICE_HOST: hostOf(wire, NODES.length).ip, KUBERNETES_SERVICE_PORT: String(API_PORT) },
  })
}

/** Starts a speaker, and gives it with its memory cgroup once it has read the cluster. */
async function lifeOf(stage: Stage, name: string) {
  const memory = createMemoryLimit(`${process.pid}-${name}`, MEMORY_LIMIT_MIB)
  const startedMs = performance.now()
  const speaker = startSpeaker(stage, memory.procs ?? '/dev/null')
  const end = async () => {
    await speaker.stop('SIGKILL')
    await memory.remove()
  }
  try {
    await speaker.next('the cluster is read', ({ msg }) => msg === 'the cluster is read', 120_000)
  } catch (error) {
    await end()
    throw error
  }
  return { pid: speaker.child.pid ?? 0, readSeconds: () => rounded((performance.now() - startedMs) / 1000, 1), end }
}

/** The first process takes every address; the second one finds them recorded as its own, which is how a speaker is at rest. */
async function atRest(stage: Stage, services: number): Promise<Rest> {
  const { progress, seconds } = stage
  const running: LineProcess<unknown>[] = []
  try {
    const api = await startPaperApi(stage, services)
    running.push(api, startMember(stage, 1), startMember(stage, 2))
    const takenMiB = services === 0 ? Number.NaN : await takeAll(stage, api, services)
    const life = await lifeOf(stage, 'rest')
    const startSeconds = life.readSeconds()
    try {
      await delay(stage.rest * 1000)
      const before = cpuSeconds(life.pid)
      await delay(seconds * 1000)
      const cpuPercent = rounded(((cpuSeconds(life.pid) - before) / seconds) * 100, 2)
      const memoryMiB = residentMiB(life.pid)
      progress(`${services} Services: ${memoryMiB.now} MiB (at most ${memoryMiB.peak}), ${cpuPercent} % of a core`)
      return { services, memoryMiB, takenMiB, cpuPercent, startSeconds }
    } finally {
      await life.end()
    }
  } finally {
    for (const one of running) await one.stop('SIGKILL')
  }
}

/** Gives the resident memory right after. */
async function takeAll(stage: Stage, api: LineProcess<PaperLine>, services: number): Promise<number> {
  const life = await lifeOf(stage, 'taking')
  try {
    await api.next(`${services} owners`, ({ owned }) => owned === services, OWNED_WITHIN_MS)
    stage.progress(`${services} addresses are taken`)
    return residentMiB(life.pid).now
  } finally {
    await life.end()
  }
}

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const { services, seconds, rest } = readOptions(argv, flags)
  const progress = createProgress('speaker-memory')
  await compile(progress)
  const wire = await startWire(NODES.length + 1)
  const folder = mkdtempSync(join(tmpdir(), 'openelb-bench-'))
  const stage: Stage = { wire, folder, seconds, rest, progress }
  try {
    const [empty, full] = [await atRest(stage, 0), await atRest(stage, services)]
    const [value, floor] = [full.memoryMiB.now, empty.memoryMiB.now]
    const ratio = rounded(value / floor)
    const aims: readonly Aim[] = [
      { figure: `speaker, resident with ${services} Services`, value, floor, ratio, unit: 'MiB', aim: '< 200', met: value < 200 },
      {
        figure: `speaker, processor at rest with ${services} Services`,
        ...{ value: full.cpuPercent, floor: empty.cpuPercent, unit: '%', aim: '< 1', met: full.cpuPercent < 1 },
      },
    ]
    return { name: 'speaker-memory', value, floor, unit: 'MiB', ratio, aims, full, empty, seconds }
  } finally {
    await wire.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
