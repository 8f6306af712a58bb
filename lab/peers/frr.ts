import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { must, run, until } from '../command.ts'
import { createDaemon, type Daemon, endOf } from './daemon.ts'
import { frrConfig, frrInstance } from './frr-config.ts'
import { parseFrrRoutes, parseFrrSession } from './frr-tables.ts'
import { type RouterProgram, runRouter } from './program.ts'
import type { Router, RouterPlace } from './router.ts'
import { addressOf, interfaceOf, type NeighbourSpec, type RouterSpec } from './spec.ts'

const PROGRAMS = '/usr/lib/frr'
const START_LIMIT_MS = 20_000
type Daemons = Readonly<Record<'zebra' | 'bfdd' | 'bgpd', Daemon>>

/** FRR: zebra puts routes into the kernel of the namespace, equal ones as one with several next hops. Resolves when bgpd answers. */
export async function startFrr({ spec, folder, namespace }: RouterPlace): Promise<Router> {
  await makeFolder(folder)
  return runRouter(frrProgram(folder, createDaemons(folder, namespace, spec.port)), spec)
}

function frrProgram(folder: string, daemons: Daemons): RouterProgram {
  const ask = (...commands: string[]) => must('vtysh', ['vtysh', '--vty_socket', folder, ...commands.flatMap((command) => ['-c', command])])
  return {
    kind: 'frr',
    version: async () => {
      const [line = ''] = (await must('bgpd', [`${PROGRAMS}/bgpd`, '--version'])).split('\n')
      return line.replace(/^bgpd version /, 'FRR ')
    },
    start: (spec) => start(folder, daemons, spec),
    async stop(signal) {
      // What zebra learned stays in the kernel when it dies before it hears that bgpd did; so it goes last.
      for (const daemon of [daemons.bgpd, daemons.bfdd, daemons.zebra]) await daemon.stop(signal)
    },
    signal: (name) => daemons.bgpd.signal(name),
    async load(next, previous) {
      // Another port is a flag of the program, and bfdd runs or not from the start.
      if (next.port !== previous.port || wantsBfd(next) !== wantsBfd(previous)) return false
      await write(folder, next)
      await ask('configure terminal', `no router bgp ${previous.as}`)
      writeFileSync(`${folder}/bgpd.more`, `${frrInstance(next).join('\n')}\n`)
      await must('vtysh', ['vtysh', '--vty_socket', folder, '-d', 'bgpd', '-f', `${folder}/bgpd.more`])
      return true
    },
    // Without `ip` the command is about IPv6.
    routes: async (family) => parseFrrRoutes(await ask(family === 'IPv4' ? 'show ip bgp detail json' : 'show bgp detail json')),
    session: async (neighbour) => parseFrrSession(await ask('show bgp neighbors json'), keyOf(neighbour)),
    reset: async (neighbour) => void (await ask(`clear bgp ${keyOf(neighbour)}`)),
    log: () => endOf(`${folder}/bgpd.out`),
  }
}

async function start(folder: string, daemons: Daemons, spec: RouterSpec): Promise<void> {
  await write(folder, spec)
  const answering = { timeoutMs: START_LIMIT_MS, everyMs: 50 }
  daemons.zebra.start()
  await until('zebra', () => answers(folder, 'zebra'), { ...answering, log: `${folder}/zebra.out` })
  // Who finds no zebra looks again after ten seconds.
  if (wantsBfd(spec)) {
    daemons.bfdd.start()
    await until('bfdd', () => answers(folder, 'bfdd'), { ...answering, log: `${folder}/bfdd.out` })
  }
  daemons.bgpd.start()
  await until('bgpd', () => answers(folder, 'bgpd'), { ...answering, log: `${folder}/bgpd.out` })
}

async function write(folder: string, spec: RouterSpec): Promise<void> {
  for (const [name, text] of Object.entries(frrConfig(spec))) writeFileSync(`${folder}/${name}.conf`, text)
  await run(['chown', '-R', 'frr:frr', folder])
}

/** The daemons give up root for a user of their own, who must be able to write there. */
async function makeFolder(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const [uid, gid] = await Promise.all(['-u', '-g'].map(async (flag) => Number(await must('packages', ['id', flag, 'frr']))))
  chownSync(folder, uid ?? 0, gid ?? 0)
}

function createDaemons(folder: string, namespace: string, port: number): Daemons {
  const daemon = (name: string, ...more: string[]) => {
    const own = ['-f', `${folder}/${name}.conf`, '-i', `${folder}/${name}.pid`, '-z', `${folder}/zserv.api`, '--vty_socket', folder]
    return createDaemon(name, { namespace, folder, argv: [`${PROGRAMS}/${name}`, ...own, '--log', 'stdout', ...more] })
  }
  return {
    zebra: daemon('zebra'),
    bfdd: daemon('bfdd', '--bfdctl', `${folder}/bfdd.sock`),
    bgpd: daemon('bgpd', '-p', String(port)),
  }
}

async function answers(folder: string, daemon: string): Promise<true | undefined> {
  const { code, stdout } = await run(['vtysh', '--vty_socket', folder, '-d', daemon, '-c', 'show version'])
  return code === 0 && stdout.includes('FRRouting') ? true : undefined
}

const wantsBfd = ({ neighbours }: RouterSpec): boolean => neighbours.some(({ bfd }) => bfd !== undefined)
const keyOf = (neighbour: NeighbourSpec): string => addressOf(neighbour) ?? interfaceOf(neighbour) ?? ''
