import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { must, run } from '../command.ts'
import { noteNetnsFolder } from '../netns-folder.ts'
import { enterNamespace } from '../network.ts'
import { identify, isAlive, killAndWait, type ProcessIdentity, processesInNamespaces } from '../process-table.ts'

/** A machine on a wire: a network namespace with one interface, `eth0`. */
export interface WirePlace {
  readonly name: string
  readonly namespace: string
  readonly ipv4: string
  readonly ipv6: string
  readonly linkLocal: string
  /** argv prefix. */
  readonly enter: readonly string[]
  /** A folder of its own, removed with the wire. */
  readonly folder: string
}

/** Machines on one switch, without a cluster. */
export interface Wire {
  readonly places: readonly WirePlace[]
  place(name: string): WirePlace
  /** Idempotent: ends everything inside and removes it. */
  close(): Promise<void>
}

const ROOT = '/run/openelb-wires'
const KILL_LIMIT_MS = 5000
let made = 0

/** Makes a wire with these machines (at most 9); what earlier runs left behind because they were killed is removed first. */
export async function createWire(names: readonly string[]): Promise<Wire> {
  mkdirSync(ROOT, { recursive: true })
  await removeOrphans()
  const owner = identify(process.pid)
  if (owner === undefined) throw new Error('this process is not in /proc')
  const id = `elw${owner.pid}x${made++}`
  const folder = `${ROOT}/${id}`
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  writeFileSync(`${folder}/owner.json`, JSON.stringify(owner))
  noteNetnsFolder(ROOT)
  const places = names.map((name, at) => placeOf(id, name, at + 1))
  try {
    await connect(id, places)
  } catch (error) {
    await remove(id)
    throw error
  }
  return {
    places,
    place(name) {
      const found = places.find((one) => one.name === name)
      if (found === undefined) throw new RangeError(`the wire has no ${name}`)
      return found
    },
    close: () => remove(id),
  }
}

function placeOf(id: string, name: string, at: number): WirePlace {
  const namespace = `${id}-${name}`
  const folder = `${ROOT}/${id}/${name}`
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const [ipv4, ipv6, linkLocal] = [`10.66.0.${at}`, `fd66::${at}`, `fe80::66:${at}`]
  return { name, namespace, ipv4, ipv6, linkLocal, enter: enterNamespace(namespace), folder }
}

async function connect(id: string, places: readonly WirePlace[]): Promise<void> {
  const step = 'wire'
  const net = `${id}-net`
  await must(step, ['ip', '-batch', '-'], {
    input: lines([net, ...places.map(({ namespace }) => namespace)].map((name) => `netns add ${name}`)),
  })
  const ports = places.flatMap(({ name, namespace }) => [
    `link add ${name} type veth peer name eth0 netns ${namespace}`,
    `link set ${name} master br0 up`,
  ])
  await must(step, ['ip', '-n', net, '-batch', '-'], {
    input: lines(['link add br0 type bridge mcast_snooping 0', 'link set br0 up', ...ports]),
  })
  for (const place of places) await configure(place)
}

async function configure({ namespace, enter, ipv4, ipv6, linkLocal }: WirePlace): Promise<void> {
  const settings = [
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
    'echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter',
    'echo 0 > /proc/sys/net/ipv4/conf/eth0/rp_filter',
    'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding',
    // By flow and not by address alone: one client reaches all next hops.
    'echo 1 > /proc/sys/net/ipv4/fib_multipath_hash_policy',
    'echo 1 > /proc/sys/net/ipv6/conf/eth0/addr_gen_mode',
  ]
  await must('wire', [...enter, 'sh', '-ec', settings.join('\n')])
  await must('wire', ['ip', '-n', namespace, '-batch', '-'], {
    // nodad: an address that is still being probed cannot be listened on, and nobody else can have it here.
    input: lines([
      'link set lo up',
      `addr add ${ipv4}/24 dev eth0`,
      `addr add ${ipv6}/64 dev eth0 nodad`,
      `addr add ${linkLocal}/64 dev eth0 scope link nodad`,
      'link set eth0 up',
    ]),
  })
}

async function remove(id: string): Promise<void> {
  const namespaces = namesStarting(`${id}-`)
  await killAndWait(processesInNamespaces(namespaces.map((name) => `/run/netns/${name}`)), KILL_LIMIT_MS)
  await run(['ip', '-force', '-batch', '-'], { input: lines(namespaces.map((name) => `netns del ${name}`)) })
  rmSync(`${ROOT}/${id}`, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
}

async function removeOrphans(): Promise<void> {
  for (const id of readdirSync(ROOT)) {
    const note = `${ROOT}/${id}/owner.json`
    if (!existsSync(note)) continue
    if (!isAlive(JSON.parse(readFileSync(note, 'utf8')) as ProcessIdentity)) await remove(id)
  }
}

function namesStarting(prefix: string): string[] {
  return existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.startsWith(prefix)) : []
}

const lines = (commands: readonly string[]): string => `${commands.join('\n')}\n`
