/** Our BGP in the namespace of a machine on a wire. */
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { WirePlace } from '../../../lab/peers/wire.ts'
import type { BgpConfObject } from '../../../src/api/bgp-conf.ts'
import type { BgpPeerObject, BgpPeerSpec } from '../../../src/api/bgp-peer.ts'
import type { PeerReport } from '../../../src/speaker/bgp/peer-report.ts'
import { type LineProcess, startLines } from '../../speaker/support/process-lines.ts'
import type { ChildLine, ChildNode, ChildOrder, ChildRoute, EngineLook } from './engine-child.ts'

const CHILD = fileURLToPath(new URL('./engine-child.ts', import.meta.url))
/** Root with no more capabilities than the Pod has. */
const RIGHTS = ['setpriv', '--bounding-set=-all,+net_raw,+net_bind_service', '--inh-caps=-all', '--no-new-privs']

export interface EngineProcess {
  readonly node: ChildNode
  configure(conf: BgpConfObject | undefined, peers: readonly BgpPeerObject[]): void
  announce(routes: readonly ChildRoute[]): void
  look(): Promise<EngineLook>
  /** The report of one peer; undefined: there is none of that name. */
  peer(name: string): Promise<PeerReport | undefined>
  close(how: 'restart' | 'leave'): Promise<void>
  /** SIGKILL, and nothing else. */
  kill(): Promise<void>
  signal(name: NodeJS.Signals): void
}

export async function startEngine(place: WirePlace): Promise<EngineProcess> {
  const node: ChildNode = { name: place.name, ipv4: place.ipv4, ipv6: place.ipv6 }
  const child: LineProcess<ChildLine> = startLines([...place.enter, ...RIGHTS, process.execPath, CHILD, JSON.stringify(node)], 'stdout')
  const tell = (order: ChildOrder): void => void child.child.stdin?.write(`${JSON.stringify(order)}\n`)
  await child.next('ready', ({ said }) => said === 'ready')
  let asked = 0
  const look = async (): Promise<EngineLook> => {
    const id = asked++
    tell({ order: 'look', id })
    const answer = await child.next('look', (line) => line.said === 'look' && line.id === id)
    if (answer.said !== 'look') throw new Error(answer.said)
    return answer.look
  }
  return {
    node,
    configure: (conf, peers) => tell({ order: 'configure', conf, peers }),
    announce: (routes) => tell({ order: 'announce', routes }),
    look,
    peer: async (name) => (await look()).peers.find((one) => one.name === name),
    async close(how) {
      tell({ order: 'close', how })
      await child.next('closed', ({ said }) => said === 'closed')
      await child.stop('SIGKILL')
    },
    kill: async () => void (await child.stop('SIGKILL')),
    signal: (name) => void child.child.kill(name),
  }
}

export const bgpConf = (spec: BgpConfObject['spec']): BgpConfObject => ({
  apiVersion: 'network.kubesphere.io/v1alpha2',
  kind: 'BgpConf',
  metadata: metadata('default'),
  spec,
})

export const bgpPeer = (name: string, spec: BgpPeerSpec): BgpPeerObject => ({
  apiVersion: 'network.kubesphere.io/v1alpha2',
  kind: 'BgpPeer',
  metadata: metadata(name),
  spec,
})

const metadata = (name: string) => ({ name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' })
