/** FRR on a wire with whoever tells it routes: our announcer and gobgpd, each on a machine of its own. */
import { spawn } from 'node:child_process'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { run, until } from '../../lab/command.ts'
import type { Router } from '../../lab/peers/router.ts'
import { PLAIN_NEIGHBOUR } from '../../lab/peers/spec.ts'
import { startRouter } from '../../lab/peers/start.ts'
import { createWire, type Wire, type WirePlace } from '../../lab/peers/wire.ts'
import { type LineProcess, startLines } from '../../test/speaker/support/process-lines.ts'
import type { AnnouncerLine, AnnouncerOrder } from './bgp-announcer.ts'
import { type FrrTerminal, openFrrTerminal } from './frr-terminal.ts'
import { monotonicOfEpoch } from './monotonic.ts'

export const ROUTER_AS = 65_000
export const SPEAKER_AS = 65_001
const ANNOUNCER = fileURLToPath(new URL('./bgp-announcer.ts', import.meta.url))

export interface BgpStage {
  readonly wire: Wire
  readonly router: WirePlace
  readonly ours: WirePlace
  readonly rival: WirePlace
  readonly gobgp: Router
  readonly terminal: FrrTerminal
  /** When each address has called the router: the SYNs on its wire, by the steady clock. */
  readonly calls: readonly { readonly from: string; readonly atMs: number }[]
  close(): Promise<void>
}

/** FRR waits for calls, so that a session begins when its speaker wants it. GoBGP's neighbour is disabled. */
export async function startBgpStage(): Promise<BgpStage> {
  const wire = await createWire(['router', 'ours', 'rival'])
  const [router, ours, rival] = ['router', 'ours', 'rival'].map((name) => wire.place(name)) as [WirePlace, WirePlace, WirePlace]
  const neighbour = { ...PLAIN_NEIGHBOUR, holdSec: 90 }
  const speakers = [ours, rival].map(({ name, ipv4 }) => ({ ...neighbour, name, remote: { address: ipv4 }, as: SPEAKER_AS, passive: true }))
  const spec = { as: ROUTER_AS, routerId: router.ipv4, port: 179, neighbours: speakers, originates: [] }
  await startRouter('frr', { namespace: router.namespace, folder: router.folder, spec })
  const watch = await watchCalls(router, ours)
  const gobgp = await startRouter('gobgp', {
    namespace: rival.namespace,
    folder: rival.folder,
    spec: {
      ...{ as: SPEAKER_AS, routerId: rival.ipv4, port: 179, originates: [] },
      neighbours: [{ ...neighbour, name: 'router', remote: { address: router.ipv4 }, as: ROUTER_AS }],
    },
  })
  const terminal = await openFrrTerminal(`${router.folder}/bgpd.vty`)
  const close = async () => {
    terminal.close()
    watch.stop()
    await wire.close()
  }
  return { wire, router, ours, rival, gobgp, terminal, calls: watch.calls, close }
}

/** A speaker of ours; `place` is where. */
export async function startAnnouncer(place: WirePlace) {
  const argv = [...place.enter, process.execPath, '--expose-gc', ANNOUNCER, place.name]
  const child: LineProcess<AnnouncerLine> = startLines(argv, 'stdout')
  await child.next('ready', ({ said }) => said === 'ready')
  let answered = 1
  return {
    pid: child.child.pid ?? 0,
    async tell(order: AnnouncerOrder): Promise<AnnouncerLine> {
      const at = answered++
      child.child.stdin?.write(`${JSON.stringify(order)}\n`)
      return child.next(order.order, (line) => child.lines.indexOf(line) === at)
    },
    stop: () => child.stop('SIGKILL'),
  }
}
export type Announcer = Awaited<ReturnType<typeof startAnnouncer>>

/** Nobody listens there: a call that only shows that calls are seen. */
const PROBE_PORT = 9

/** tshark on the router's interface, for as long as the stage stands. Resolves once it sees what is on the wire. */
async function watchCalls(router: WirePlace, prober: WirePlace) {
  const calls: { readonly from: string; readonly atMs: number }[] = []
  const syns = `(tcp dst port 179 or tcp dst port ${PROBE_PORT}) and tcp[13] = 2`
  const fields = ['-T', 'fields', '-e', 'frame.time_epoch', '-e', 'ip.src', '-e', 'tcp.dstport']
  const [file = '', ...args] = [...router.enter, 'tshark', '-l', '-n', '-Q', '-i', 'eth0', '-f', syns, ...fields]
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  let sees = false
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [epoch, from = '', port] = line.split('\t')
    if (port === String(PROBE_PORT)) sees = true
    else calls.push({ from, atMs: monotonicOfEpoch(Number(epoch)) })
  })
  const probe = async () => {
    await run([...prober.enter, 'bash', '-c', `: > /dev/tcp/${router.ipv4}/${PROBE_PORT}`])
    return sees ? true : undefined
  }
  await until('tshark', probe, { timeoutMs: 30_000, everyMs: 100 })
  return { calls, stop: () => void child.kill('SIGTERM') }
}
