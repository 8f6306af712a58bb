/** FRR's bfdd and BIRD as they come, with configurations of BFD alone. */
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { must, run } from '../../../../lab/command.ts'
import { createDaemon, type Daemon, endOf } from '../../../../lab/peers/daemon.ts'
import type { WirePlace } from '../../../../lab/peers/wire.ts'
import { until } from '../../../support/until.ts'

/** What FRR shows of one session; times in milliseconds. */
export interface FrrSession {
  readonly peer: string
  readonly status: 'up' | 'down' | 'init' | 'shutdown'
  readonly id: number
  readonly 'remote-id': number
  readonly diagnostic: string
  readonly 'remote-diagnostic': string
  readonly 'remote-receive-interval': number
  readonly 'remote-transmit-interval': number
  readonly 'remote-detect-multiplier': number
}

export interface FrrBfd {
  /** Runs commands of the configuration inside `bfd`. */
  configure(...commands: readonly string[]): Promise<void>
  session(peer: string): Promise<FrrSession | undefined>
  inStatus(peer: string, status: FrrSession['status'], timeoutMs?: number): Promise<FrrSession>
  /** How often sessions went down so far. */
  downs(peer: string): Promise<number>
  readonly bfdd: Daemon
  /** Of bfdd. */
  pid(): number
  /** All that bfdd has logged. */
  log(): string
  stop(): Promise<void>
}

const FRR = '/usr/lib/frr'

/** `lines` are the configuration inside `bfd`, `before` what stands before it. */
export async function startFrrBfd(place: WirePlace, lines: readonly string[], before: readonly string[] = []): Promise<FrrBfd> {
  const { namespace, folder: parent } = place
  const folder = `${parent}/frr-bfd`
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const [uid = 0, gid = 0] = await Promise.all(['-u', '-g'].map(async (flag) => Number(await must('frr', ['id', flag, 'frr']))))
  chownSync(folder, uid, gid)
  const daemon = (name: string, ...more: readonly string[]) => {
    const own = ['-f', `${folder}/${name}.conf`, '-i', `${folder}/${name}.pid`, '-z', `${folder}/zserv.api`, '--vty_socket', folder]
    return createDaemon(name, { namespace, folder, argv: [`${FRR}/${name}`, ...own, '--log', 'stdout', ...more] })
  }
  const [zebra, bfdd] = [daemon('zebra'), daemon('bfdd', '--bfdctl', `${folder}/bfdd.sock`)]
  writeFileSync(`${folder}/zebra.conf`, '')
  writeFileSync(`${folder}/bfdd.conf`, [...before, 'bfd', ...lines, 'exit', ''].join('\n'))
  const ask = (...commands: readonly string[]) =>
    run(['vtysh', '--vty_socket', folder, '-d', 'bfdd', ...commands.flatMap((command) => ['-c', command])])
  zebra.start()
  await until('zebra', async () => (await run(['vtysh', '--vty_socket', folder, '-d', 'zebra', '-c', 'show version'])).code === 0)
  bfdd.start()
  await until(`bfdd: ${endOf(`${folder}/bfdd.out`)}`, async () => (await ask('show version')).code === 0)
  const session = async (peer: string) => {
    const { stdout } = await ask('show bfd peers json')
    return (stdout.includes('[') ? (JSON.parse(stdout) as FrrSession[]) : []).find((one) => one.peer === peer)
  }
  return {
    async configure(...commands) {
      const { code, stdout, stderr } = await ask('configure terminal', 'bfd', ...commands)
      if (code !== 0) throw new Error(`${commands.join('; ')}: ${stdout}${stderr}`)
    },
    session,
    inStatus: (peer, status, timeoutMs) =>
      until(
        `FRR: ${peer} ${status}`,
        async () => {
          const found = await session(peer)
          return found?.status === status && found
        },
        timeoutMs,
      ),
    async downs(peer) {
      const { stdout } = await ask('show bfd peers counters json')
      const counters = JSON.parse(stdout) as { peer: string; 'session-down': number }[]
      return counters.find((one) => one.peer === peer)?.['session-down'] ?? Number.NaN
    },
    bfdd,
    pid: () => Number(readFileSync(`${folder}/bfdd.pid`, 'utf8')),
    log: () => readFileSync(`${folder}/bfdd.out`, 'utf8'),
    async stop() {
      await bfdd.stop('SIGKILL')
      await zebra.stop('SIGKILL')
    },
  }
}

/** One line of BIRD's `show bfd sessions`; times in seconds. */
export interface BirdSession {
  readonly state: string
  readonly intervalSec: number
  readonly timeoutSec: number
}

export interface BirdBfd {
  /** Replaces what stands inside `protocol bfd`. */
  configure(text: string): Promise<void>
  inState(remote: string, state: string, timeoutMs?: number): Promise<BirdSession>
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** `text` is the configuration inside `protocol bfd`. */
export async function startBirdBfd({ namespace, folder: parent }: WirePlace, text: string): Promise<BirdBfd> {
  const folder = `${parent}/bird-bfd`
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const [config, socket] = [`${folder}/bird.conf`, `${folder}/bird.ctl`]
  const write = (inside: string) =>
    writeFileSync(config, `log "${folder}/bird.log" all;\nrouter id 10.66.0.1;\nprotocol device {}\nprotocol bfd {\n${inside}\n}\n`)
  const daemon = createDaemon('bird', { namespace, folder, argv: ['bird', '-f', '-c', config, '-s', socket, '-P', `${folder}/pid`] })
  write(text)
  daemon.start()
  const ask = (...words: readonly string[]) => run(['birdc', '-s', socket, ...words])
  await until(`BIRD: ${endOf(`${folder}/bird.out`)}`, async () => (await ask('show', 'status')).stdout.includes('Daemon is up'))
  return {
    async configure(inside) {
      write(inside)
      const { stdout } = await ask('configure')
      if (!/Reconfigur(ed|ation in progress)/.test(stdout)) throw new Error(stdout)
    },
    inState: (remote, state, timeoutMs) =>
      until(
        `BIRD: ${remote} ${state}`,
        async () => {
          const found = parseSessions((await ask('show', 'bfd', 'sessions')).stdout).get(remote)
          return found?.state === state && found
        },
        timeoutMs,
      ),
    stop: (signal = 'SIGKILL') => daemon.stop(signal),
  }
}

/** Address, interface, state, since, interval, timeout. */
function parseSessions(text: string): ReadonlyMap<string, BirdSession> {
  const rows = text.split('\n').map((line) => line.trim().split(/\s+/))
  return new Map(
    rows
      .filter((row) => row.length >= 6)
      .map((row) => [row[0] ?? '', { state: row[2] ?? '', intervalSec: Number(row.at(-2)), timeoutSec: Number(row.at(-1)) }]),
  )
}
