import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { labCache } from '../cache.ts'
import { type Cluster, startCluster } from '../cluster.ts'
import { StepError } from '../command.ts'
import { demonstrate, type Observation, removeSeed, SEEDS } from '../demonstration.ts'
import { buildImage } from '../image/build.ts'
import { installProduct } from '../installation.ts'
import type { RouterKind } from '../peers/spec.ts'
import { hostRefusal } from '../requirements.ts'
import { demonstrateRouter, describeRouter, startLabRouter } from '../router-demonstration.ts'
import { clearTheWay } from './up.ts'
import type { Terminal, VerbProgram } from './verb.ts'

/** From nothing to a page fetched through a LoadBalancer address; stays up until q, Ctrl-C or SIGTERM (with --once: not at all). */
export const start: VerbProgram = async (options, terminal) => {
  const { name, nodes, dualStack, kubernetes, install } = options
  // Said before an image is compiled for nothing.
  const refusal = hostRefusal()
  if (refusal !== undefined) throw new StepError(undefined, refusal)
  await clearTheWay(name, terminal.write)
  const archive = imagePath()
  const image = timed(terminal, 'image', () => buildImage({ output: archive, log: (line) => terminal.write(`  image: ${line}`) }))
  // Its failure is told below; the cluster is removed first.
  image.catch(() => undefined)
  const version = kubernetes === undefined ? {} : { kubernetes }
  const cluster = await startCluster({ name, nodes, dualStack, install, ...version, log: terminal.write, signal: terminal.signal })
  try {
    await image
    await timed(terminal, 'image on the nodes', () => cluster.loadImage(archive))
    await timed(terminal, 'installation', () => installProduct(cluster))
    await showSeeds(cluster, terminal)
    if (options.router !== undefined) await showRouter(cluster, options.router, { install, terminal })
    await report(cluster, terminal)
    if (!options.once) await untilTold(terminal)
    return 0
  } finally {
    await remove(cluster, terminal)
  }
}

/** Applies the seeds one after the other; each is followed to the wire, and the last one stays. */
async function showSeeds(cluster: Cluster, terminal: Terminal): Promise<void> {
  for (const [at, seed] of SEEDS.entries()) {
    const step = `lab/manifests/${seed.manifest}`
    const seen = await timed(terminal, step, () => demonstrate(cluster, seed))
    if (seen.owner !== seen.answeredBy) throw new StepError(step, `the claim names ${seen.owner}, but ${seen.answeredBy} answered`)
    const last = at === SEEDS.length - 1
    for (const line of describe(seen)) terminal.write(`  ${line}`)
    terminal.write(indent(await cluster.kubectl(['get', 'eip,service'])))
    if (last) terminal.write(indent(await cluster.kubectl(['get', 'addressclaims'])))
    else await removeSeed(cluster, seed)
  }
}

/** A router beside the nodes; it and its routes stay, too. */
async function showRouter(
  cluster: Cluster,
  kind: RouterKind,
  { install, terminal }: { install: boolean; terminal: Terminal },
): Promise<void> {
  const log = (line: string) => terminal.write(`  ${line}`)
  const router = await timed(terminal, `router (${kind})`, () => startLabRouter(cluster, kind, { install, log }))
  const seen = await timed(terminal, 'lab/manifests/bgp.yaml', () => demonstrateRouter(cluster, router))
  for (const line of describeRouter(router, seen)) log(line)
  terminal.write(indent(await cluster.kubectl(['get', 'bgpconfs,bgppeers'])))
}

function describe({ address, owner, mac, page }: Observation): string[] {
  return [
    `EXTERNAL-IP  ${address}`,
    `owner        ${owner}`,
    `ARP answer   ${address} is-at ${mac} (${owner}), asked from the client`,
    `page         ${page}`,
  ]
}

async function report(cluster: Cluster, terminal: Terminal): Promise<void> {
  terminal.write('')
  terminal.write(await cluster.kubectl(['get', 'nodes', '--output=wide']))
  terminal.write(await cluster.kubectl(['get', 'pods', '--all-namespaces', '--output=wide']))
  terminal.write(
    `addresses for your own pools: ${cluster.subnet}.50 to ${cluster.subnet}.239 on eth0 (eip-pool has .240 to .250); the client is at ${cluster.client.ip}`,
  )
  terminal.write(`export KUBECONFIG=${cluster.kubeconfig}`)
}

/** Resolves at q, Ctrl-C, SIGTERM or SIGHUP. A standard input that ends (a service, a pipe) is no wish to end. */
function untilTold({ write, signal }: Terminal): Promise<void> {
  write('Press q or Ctrl-C to remove it all.')
  return new Promise((resolve) => {
    const input = process.stdin
    // Without a terminal nothing else would keep the process here.
    const alive = setInterval(() => undefined, 60_000)
    const finish = () => {
      clearInterval(alive)
      input.off('data', read)
      if (input.isTTY) input.setRawMode(false)
      input.pause()
      resolve()
    }
    // In raw mode Ctrl-C is a byte (3) and no signal.
    const read = (bytes: Buffer) => (bytes.includes(3) || bytes.toString().toLowerCase().includes('q') ? finish() : undefined)
    input.on('data', read)
    if (input.isTTY) input.setRawMode(true)
    signal.addEventListener('abort', finish, { once: true })
    if (signal.aborted) finish()
  })
}

/** Says a step's name before it and its seconds after it; an interruption ends it early. */
async function timed<T>({ write, signal }: Terminal, step: string, work: () => Promise<T>): Promise<T> {
  const startedAt = Date.now()
  write(`${step} ...`)
  const interrupted = new Promise<never>((_, reject) => {
    const end = () => reject(new StepError(step, 'interrupted'))
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
  })
  const value = await Promise.race([work(), interrupted])
  write(`${step}: ${((Date.now() - startedAt) / 1000).toFixed(1)} s`)
  return value
}

async function remove(cluster: Cluster, { write }: Terminal): Promise<void> {
  const startedAt = Date.now()
  await cluster.down()
  write(`removed after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`)
}

/** One place for all labs: the file appears whole or not at all, and equal sources make equal bytes. */
function imagePath(): string {
  const folder = join(labCache(), 'images')
  mkdirSync(folder, { recursive: true })
  return join(folder, 'openelb.tar')
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '  ')
}
