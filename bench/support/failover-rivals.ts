/** keepalived on the same three machines and the same wire, with an address of its own: as it comes, and tuned to ten adverts a second. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import type { LabNode } from '../../lab/cluster.ts'
import { alone } from '../../test/scenario/failover/links.ts'
import type { FailoverWorld } from '../../test/scenario/failover/world.ts'
import { stopChild } from '../../test/support/stop-child.ts'
import { judgeWire } from '../../test/support/wire-capture-analysis.ts'
import type { Progress } from './bench.ts'
import { OWNER } from './failover-faults.ts'
import { rounded, type Spread, spread } from './figures.ts'
import { until } from './waiting.ts'

export const RIVAL_FAULTS = ['kill', 'power', 'sigterm'] as const
type RivalFault = (typeof RIVAL_FAULTS)[number]

export interface RivalCase {
  readonly rival: string
  readonly fault: RivalFault
  readonly repetitions: number
  /** From the fault to the first answer or announcement of another machine, in milliseconds. */
  readonly takeOverMs: Spread
  readonly silentMs: Spread
  readonly lost: Spread
}

/** VRRP counts in whole seconds in version 2, keepalived's standard, and in hundredths in version 3. */
const SETTINGS = [
  { rival: 'keepalived', version: 2, advertS: 1, watchMs: 6000 },
  { rival: 'keepalived, adverts every 0.1 s', version: 3, advertS: 0.1, watchMs: 2000 },
] as const
type Setting = (typeof SETTINGS)[number]

const PROBE_EVERY_MS = 5

/** Undefined when the program is there; else why nothing can be said of it. */
export const noKeepalived = (): string | undefined =>
  spawnSync('keepalived', ['--version']).error === undefined ? undefined : 'there is no keepalived here (apt-get install keepalived)'

export async function measureRivals(world: FailoverWorld, repetitions: number, progress: Progress): Promise<readonly RivalCase[]> {
  const cases: RivalCase[] = []
  for (const setting of SETTINGS) {
    const group = await startGroup(world, setting)
    try {
      for (const fault of RIVAL_FAULTS) {
        cases.push(await measureRival(world, group, { setting, fault, repetitions }))
        progress(`${setting.rival}, ${fault}: ${JSON.stringify(cases.at(-1)?.takeOverMs)}`)
      }
    } finally {
      await group.close()
    }
  }
  return cases
}

interface Group {
  readonly address: string
  start(node: string): void
  /** Both processes, so that neither can say goodbye for the other. */
  kill(node: string): Promise<void>
  terminate(node: string): void
  close(): Promise<void>
}

async function startGroup(world: FailoverWorld, setting: Setting): Promise<Group> {
  const address = `${world.cluster.subnet}.48`
  const folder = `${world.cluster.stateDir}/keepalived-${setting.version}`
  mkdirSync(folder, { recursive: true })
  const running = new Map<string, ChildProcess>()
  const start = (name: string) => running.set(name, launch(world.cluster.node(name), priorityOf(world, name), { address, folder, setting }))
  for (const { name } of world.cluster.nodes) start(name)
  world.wire.probe(address, PROBE_EVERY_MS)
  const end = async (name: string, signal: NodeJS.Signals) => {
    const child = running.get(name)
    if (child === undefined) return
    if (signal === 'SIGKILL') for (const pid of childrenOf(child.pid ?? 0)) process.kill(pid, 'SIGKILL')
    await stopChild(child, signal)
  }
  return {
    address,
    start,
    kill: (name) => end(name, 'SIGKILL'),
    terminate: (name) => void running.get(name)?.kill('SIGTERM'),
    async close() {
      world.wire.still(address)
      await Promise.all([...running.keys()].map((name) => end(name, 'SIGTERM')))
    },
  }
}

const priorityOf = ({ cluster }: FailoverWorld, name: string): number => 100 - 10 * cluster.nodes.findIndex((node) => node.name === name)

interface Launch {
  readonly address: string
  readonly folder: string
  readonly setting: Setting
}

function launch({ name, enter }: LabNode, priority: number, { address, folder, setting }: Launch): ChildProcess {
  const file = `${folder}/${name}.conf`
  const instance = ['state BACKUP', 'interface eth0', 'virtual_router_id 51', `priority ${priority}`, `advert_int ${setting.advertS}`]
  const lines = [`global_defs {\nrouter_id ${name}\nvrrp_version ${setting.version}\n}`, 'vrrp_instance bench {', ...instance]
  writeFileSync(file, `${[...lines, `virtual_ipaddress {\n${address}/24 dev eth0\n}`, '}'].join('\n')}\n`)
  const args = ['-n', '-l', '-P', '-f', file, '-p', `${folder}/${name}.pid`, '-r', `${folder}/${name}-vrrp.pid`]
  const [program = '', ...rest] = [...enter, 'setpriv', '--pdeathsig', 'KILL', 'keepalived', ...args]
  return spawn(program, rest, { stdio: 'ignore' })
}

const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number)

async function measureRival(
  world: FailoverWorld,
  group: Group,
  { setting, fault, repetitions }: { readonly setting: Setting; readonly fault: RivalFault; readonly repetitions: number },
): Promise<RivalCase> {
  const [takeOver, silent, lost]: [number[], number[], number[]] = [[], [], []]
  const [owner, others] = [world.macOf(OWNER), new Set([...world.macs.values()])]
  others.delete(owner)
  for (let done = 0; done < repetitions; done++) {
    await until(`${OWNER} alone answers for keepalived`, () => answersAlone(world, group.address, owner), 10)
    await world.wire.mark()
    await delay(100 + ((done * 137) % 1000)) // at any moment between two adverts
    const atMs = Date.now()
    if (fault === 'kill') await group.kill(OWNER)
    else if (fault === 'sigterm') group.terminate(OWNER)
    else await world.links.drop(...alone(OWNER))
    await delay(setting.watchMs)
    const records = await world.wire.records(group.address)
    const first = records.find((one) => one.atMs >= atMs && others.has(one.mac))
    if (first !== undefined) takeOver.push(rounded(first.atMs - atMs))
    const report = judgeWire(records, PROBE_EVERY_MS)
    silent.push(report.longestSilenceMs)
    lost.push(report.lost)
    if (fault === 'power') await world.links.mend()
    else group.start(OWNER)
  }
  return { rival: setting.rival, fault, repetitions, takeOverMs: spread(takeOver), silentMs: spread(silent), lost: spread(lost) }
}

/** For a quarter of a second. */
async function answersAlone(world: FailoverWorld, address: string, mac: string): Promise<boolean> {
  await world.wire.mark()
  await delay(250)
  const answers = (await world.wire.records(address)).filter(({ kind }) => kind === 'answer')
  return answers.length > 10 && answers.every((one) => one.mac === mac)
}
