import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { must, run, until } from '../command.ts'
import { enterNamespace } from '../network.ts'
import { createDaemon, type Daemon, daemonLog, endOf } from './daemon.ts'
import { gobgpConfig } from './gobgp-config.ts'
import { parseGobgpRoutes, parseGobgpSession } from './gobgp-tables.ts'
import { type RouterProgram, runRouter } from './program.ts'
import type { PeerSession, Router, RouterPlace } from './router.ts'
import { addressOf, interfaceOf, type NeighbourSpec, type RouterSpec } from './spec.ts'

/** Inside its namespace, where nobody else is. */
const API = '127.0.0.1:50051'
const START_LIMIT_MS = 20_000
type Ask = (...words: string[]) => Promise<string>

/** GoBGP: a table only, nothing reaches the kernel. Resolves when it answers. */
export function startGobgp({ spec, folder, namespace }: RouterPlace): Promise<Router> {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  return runRouter(gobgpProgram(folder, namespace), spec)
}

function gobgpProgram(folder: string, namespace: string): RouterProgram {
  const config = `${folder}/gobgpd.toml`
  const log = daemonLog(folder, 'gobgpd')
  const argv = ['gobgpd', '-f', config, '-t', 'toml', `--api-hosts=${API}`, '--log-level=info']
  const client = [...enterNamespace(namespace), 'gobgp']
  const ask: Ask = (...words) => must('gobgp', [...client, ...words])
  // With the flag it says in its first OPENs that it restarted; without it nobody who keeps its routes would know.
  const daemons: readonly [Daemon, Daemon] = [
    createDaemon('gobgpd', { namespace, folder, argv }),
    createDaemon('gobgpd', { namespace, folder, argv: [...argv, '-r'] }),
  ]
  return {
    kind: 'gobgp',
    version: gobgpVersion,
    async start(spec, again) {
      writeFileSync(config, gobgpConfig(spec))
      daemons[again && restarts(spec) ? 1 : 0].start()
      const up = async () => ((await run([...client, 'global'])).code === 0 ? true : undefined)
      await until('gobgpd', up, { timeoutMs: START_LIMIT_MS, everyMs: 50, log })
      for (const prefix of spec.originates) await ask('global', 'rib', 'add', prefix, '-a', prefix.includes(':') ? 'ipv6' : 'ipv4')
    },
    async stop(signal) {
      for (const daemon of daemons) await daemon.stop(signal)
    },
    signal(name) {
      for (const daemon of daemons) daemon.signal(name)
    },
    async load(next, previous) {
      // It reads neighbours anew at SIGHUP, and nothing else.
      if (next.as !== previous.as || next.routerId !== previous.routerId || next.port !== previous.port) return false
      writeFileSync(config, gobgpConfig(next))
      for (const daemon of daemons) daemon.signal('SIGHUP')
      return true
    },
    routes: async (family) => parseGobgpRoutes(await ask('-j', 'global', 'rib', '-a', family === 'IPv4' ? 'ipv4' : 'ipv6')),
    session: async (neighbour) => sessionOf(ask, log, neighbour),
    // After its own `reset` it takes no session for 30 s.
    async reset(neighbour) {
      await ask('neighbor', keyOf(neighbour), 'disable')
      await ask('neighbor', keyOf(neighbour), 'enable')
    },
    log: () => endOf(log),
  }
}

async function sessionOf(ask: Ask, log: string, neighbour: NeighbourSpec): Promise<PeerSession | undefined> {
  const found = parseGobgpSession(await ask('-j', 'neighbor'), keyOf(neighbour))
  return found === undefined ? undefined : { ...found, lastError: lastWarning(log) }
}

/** GoBGP's table of neighbours says nothing of why; its log does. */
function lastWarning(log: string): string | undefined {
  if (!existsSync(log)) return undefined
  const lines = readFileSync(log, 'utf8').split('\n')
  const last = lines.findLast((line) => line.startsWith('{') && /"level":"(warning|error)"|Peer Down/.test(line))
  if (last === undefined) return undefined
  const { msg, Reason, Error: error } = JSON.parse(last) as Readonly<Record<string, unknown>>
  return [msg, Reason, error]
    .filter((word) => word !== undefined)
    .map((word) => (typeof word === 'string' ? word : JSON.stringify(word)))
    .join(': ')
}

async function gobgpVersion(): Promise<string> {
  const { stdout, stderr } = await run(['gobgpd', '--version'])
  return `${stdout}${stderr}`.trim().replace(/^gobgpd version /, 'GoBGP ')
}

const restarts = ({ neighbours }: RouterSpec): boolean => neighbours.some(({ gracefulRestartSec }) => gracefulRestartSec !== undefined)
const keyOf = (neighbour: NeighbourSpec): string => addressOf(neighbour) ?? interfaceOf(neighbour) ?? ''
