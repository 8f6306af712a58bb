/** Traffic to an address of a Service: nodes that answer, and a client that reaches them through the router only. */
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Cluster } from '../../../lab/cluster.ts'
import { must } from '../../../lab/command.ts'
import { type LineProcess, startLines } from '../../speaker/support/process-lines.ts'
import type { ProbeReport } from './probe-child.ts'

const ECHO = fileURLToPath(new URL('./echo-child.ts', import.meta.url))
const PROBE = fileURLToPath(new URL('./probe-child.ts', import.meta.url))
const UDP_PORT = 7000
const HTTP_PORT = 80

export interface Traffic {
  /** What came of the probes of all addresses since the last call, in their order. */
  report(): Promise<readonly ProbeReport[]>
  /** One HTTP request of the client; gives the node that answered. */
  fetch(address: string): Promise<string>
  close(): Promise<void>
}

interface Line {
  readonly said: string
}

/** Every node answers at these addresses, as kube-proxy on it would; the client probes each of them, every `everyMs` milliseconds. */
export async function startTraffic(cluster: Cluster, addresses: readonly string[], everyMs: number): Promise<Traffic> {
  const { router, far } = cluster
  // By flow and not by address alone, as routers in front of Services are configured.
  await must('router', [
    ...router.enter,
    'sh',
    '-ec',
    'echo 1 | tee /proc/sys/net/ipv4/fib_multipath_hash_policy /proc/sys/net/ipv6/fib_multipath_hash_policy',
  ])
  const echoes = await startEchoes(cluster, addresses)
  const probes = addresses.map((address) => {
    const argv = [...far.enter, process.execPath, PROBE, address, String(UDP_PORT), String(everyMs)]
    return startLines<Line | ProbeReport>(argv, 'stdout')
  })
  await Promise.all(probes.map((probe) => probe.next('ready', ({ said }) => said === 'ready')))
  return {
    report: () => Promise.all(probes.map(nextReport)),
    fetch: async (address) =>
      (
        await must('client', [
          ...far.enter,
          'curl',
          '--silent',
          '--show-error',
          '--max-time',
          '2',
          `http://${address.includes(':') ? `[${address}]` : address}:${HTTP_PORT}/`,
        ])
      ).trim(),
    async close() {
      for (const child of [...echoes, ...probes]) await child.stop('SIGKILL')
    },
  }
}

async function startEchoes({ nodes }: Cluster, addresses: readonly string[]): Promise<readonly LineProcess<Line>[]> {
  const echoes: LineProcess<Line>[] = []
  for (const { name, enter } of nodes) {
    for (const address of addresses) await must('loopback', [...enter, 'ip', 'addr', 'replace', address, 'dev', 'lo'])
    echoes.push(startLines<Line>([...enter, process.execPath, ECHO, name, String(UDP_PORT), String(HTTP_PORT), ...addresses], 'stdout'))
  }
  await Promise.all(echoes.map((child) => child.next('ready', ({ said }) => said === 'ready')))
  return echoes
}

async function nextReport(probe: LineProcess<Line | ProbeReport>): Promise<ProbeReport> {
  const reports = () => probe.lines.filter((line): line is ProbeReport => line.said === 'report')
  const before = reports().length
  probe.child.stdin?.write('report\n')
  await probe.next('report', () => reports().length > before)
  const report = reports()[before]
  if (report === undefined) throw new Error('no report')
  return report
}
