/**
 * Faults of the network between the machines of a lab, made in the bridge and not in the machines: they see what real ones see. The
 * bridge's ports are called as the machines: n1, n2, n3, client, router, cp. The API server is reached over a cable of its own, so that a
 * fault of the wire does not cut it unless it is meant to.
 */
import { fileURLToPath } from 'node:url'
import type { Cluster } from '../../../lab/cluster.ts'
import { must } from '../../../lab/command.ts'
import { enterNamespace } from '../../../lab/network.ts'
import { type LineProcess, startLines } from '../../speaker/support/process-lines.ts'

const RELAY = fileURLToPath(new URL('./relay-child.ts', import.meta.url))
/** One /30 per node, of a range for documentation. */
const MANAGEMENT = '192.0.2'

/** A rule of nft without its verdict: which frames it is about. */
export type Frames = string

export interface Links {
  /** Frames that are dropped from now on; replaces what was dropped before. */
  drop(...rules: readonly Frames[]): Promise<void>
  /** Nothing is dropped any more. */
  mend(): Promise<void>
  /** The cable over which a node reaches the API server. */
  api(node: string, state: 'up' | 'down'): Promise<void>
  /** Puts a relay into the cable of a node, which delays nothing yet: the cable is out for a moment. */
  relay(node: string): Promise<void>
  /** All that the node says arrives so many milliseconds later from now on. There must be a relay. */
  delay(node: string, ms: number): void
  /** Joins the cables again. */
  unrelay(): Promise<void>
  close(): Promise<void>
}

const set = (ports: readonly string[]): string => `{ ${ports.map((port) => `"${port}"`).join(', ')} }`
/** Everything from one of these machines to one of those. */
export const oneWay = (from: readonly string[], to: readonly string[]): Frames => `iifname ${set(from)} oifname ${set(to)}`
/** Everything between the sides of a wall. */
export const between = (a: readonly string[], b: readonly string[]): Frames[] => [oneWay(a, b), oneWay(b, a)]
/** One of so many frames in a hundred. */
export const share = (percent: number, frames: Frames): Frames => `${frames} numgen random mod 100 < ${percent}`
/** Everything from and to a machine, the host's own looks included. */
export const alone = (port: string): Frames[] => [`iifname "${port}"`, `oifname "${port}"`]

/** Lays the cables to the API server. */
export async function createLinks(cluster: Cluster): Promise<Links> {
  const bridge = enterNamespace(`elb${cluster.id}-net`)
  const inBridge = (argv: readonly string[], input = '') => must('links', [...bridge, ...argv], { input })
  for (const [at, { name }] of cluster.nodes.entries()) await layCable(cluster, name, at)
  const relays = new Map<string, LineProcess<{ ready?: boolean }>>()
  const drop: Links['drop'] = async (...rules) => {
    const chain = ['type filter hook forward priority 0; policy accept;', ...rules.map((rule) => `${rule} counter drop`)]
    const table = ['table bridge faults', 'delete table bridge faults', 'table bridge faults {', 'chain forward {', ...chain, '}', '}']
    await inBridge(['nft', '-f', '-'], `${table.join('\n')}\n`)
  }
  return {
    drop,
    mend: () => drop(),
    async api(node, state) {
      await must('cable', [...cluster.controlPlane.enter, 'ip', 'link', 'set', `m-${node}`, state])
    },
    async relay(node) {
      const near = `d-${node}`
      await inBridge(['ip', '-batch', '-'], `link add ${near} type veth peer name e-${node}\nlink set ${near} up\nlink set e-${node} up\n`)
      const relay = startLines<{ ready?: boolean }>([...bridge, process.execPath, RELAY, node, near], 'stdout')
      relays.set(node, relay)
      await relay.next('ready', ({ ready }) => ready === true)
      await inBridge(['ip', '-batch', '-'], `link set ${node} nomaster\nlink set e-${node} master br0\n`)
    },
    delay: (node, ms) => void relays.get(node)?.child.stdin?.write(`${ms}\n`),
    async unrelay() {
      for (const [node, relay] of relays) {
        await relay.stop('SIGKILL')
        await inBridge(['ip', 'link', 'del', `d-${node}`])
        await inBridge(['ip', 'link', 'set', node, 'master', 'br0'])
      }
      relays.clear()
    },
    async close() {
      for (const relay of relays.values()) await relay.stop('SIGKILL')
    },
  }
}

async function layCable({ controlPlane, node }: Cluster, name: string, at: number): Promise<void> {
  const [far, near] = [`${MANAGEMENT}.${at * 4 + 1}`, `${MANAGEMENT}.${at * 4 + 2}`]
  const there = (...argv: string[]) => must('cable', [...controlPlane.enter, 'ip', ...argv])
  const here = (...argv: string[]) => must('cable', [...node(name).enter, 'ip', ...argv])
  await here('link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', `m-${name}`, 'netns', controlPlane.namespace)
  await there('addr', 'add', `${far}/30`, 'dev', `m-${name}`)
  await there('link', 'set', `m-${name}`, 'up')
  await here('addr', 'add', `${near}/30`, 'dev', 'mgmt0')
  await here('link', 'set', 'mgmt0', 'up')
  await here('route', 'add', `${controlPlane.ip}/32`, 'via', far, 'dev', 'mgmt0')
}
