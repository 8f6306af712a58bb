/** Two network namespaces with one cable: in one the speaker, in the other its peer, a host that asks, and whoever throws junk. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { must, run } from '../../../lab/command.ts'
import { enterNamespace } from '../../../lab/network.ts'
import { type LineProcess, startLines } from '../../speaker/support/process-lines.ts'
import { until } from '../../support/until.ts'
import type { JunkAskerLine, JunkFloodLine, JunkSpeakerLine } from './junk-lines.ts'

/** The addresses that the vectors of ARP and neighbour discovery ask for, so that much of the junk is about them. */
const ADDRESSES = ['10.251.0.240', '2001:db8::b'] as const
/** RFC 2544: for tests of networks. */
const SPEAKER_IP = '198.18.79.1'
const PEER_IP = '198.18.79.2'

export interface Flood {
  sent(): JunkFloodLine['sent']
  /** Resolves at its end; rejects when it failed. */
  readonly ended: Promise<void>
}

export interface JunkWire {
  readonly speaker: LineProcess<JunkSpeakerLine>
  readonly peer: LineProcess<JunkSpeakerLine>
  readonly asker: LineProcess<JunkAskerLine>
  /** How many lines each has printed so far. */
  mark(): { readonly speaker: number; readonly peer: number; readonly asker: number }
  flood(options: { readonly rate: number; readonly seconds: number; readonly seed: number }): Flood
  close(): Promise<void>
}

/**
 * What is watched gets the processor before whoever else uses this machine, the flood included, which in life has a machine of its own: a
 * process that waits 300 ms for its turn cannot be told from one that the junk stopped. Sessions are what the kernel shares out among.
 */
const FIRST_IN_LINE = [
  ...['setsid', 'sh', '-c'],
  '{ echo -15 > /proc/self/autogroup; } 2>/dev/null || :; exec nice -n -15 "$@"',
  'sh',
] as const

const script = (name: string): string => fileURLToPath(new URL(`./${name}.ts`, import.meta.url))

/** Builds it, and waits until the speakers hear each other and every address is answered. */
export async function startJunkWire(): Promise<JunkWire> {
  const names = { own: `junk-${process.pid}-own`, far: `junk-${process.pid}-far` }
  const started: LineProcess<unknown>[] = []
  const follow = <Line>(argv: readonly string[]): LineProcess<Line> => {
    const one = startLines<Line>(argv, 'stdout')
    started.push(one)
    return one
  }
  const start = <Line>(namespace: string, name: string, ...args: readonly string[]) =>
    follow<Line>([...FIRST_IN_LINE, ...enterNamespace(namespace), process.execPath, script(name), ...args])
  const close = async (): Promise<void> => {
    await Promise.all(started.map((one) => one.stop()))
    for (const name of Object.values(names)) await run(['ip', 'netns', 'del', name])
  }
  try {
    const mac = await connect(names)
    const speaker = start<JunkSpeakerLine>(names.own, 'junk-speaker', 'eth0', 'own', SPEAKER_IP, 'far', PEER_IP, ...ADDRESSES)
    const peer = start<JunkSpeakerLine>(names.far, 'junk-speaker', 'eth0', 'far', PEER_IP, 'own', SPEAKER_IP)
    const asker = start<JunkAskerLine>(names.far, 'junk-asker', 'eth0', ...ADDRESSES)
    const isWell = (line: JunkSpeakerLine | undefined) => line?.peer === true && line.problems.length === 0
    await until('two speakers that hear each other', () => isWell(speaker.lines.at(-1)) && isWell(peer.lines.at(-1)))
    await until('answers', () => Object.values(asker.lines.at(-1)?.answeredMs ?? { none: [] }).every((times) => times.length > 0))
    return {
      ...{ speaker, peer, asker, close },
      mark: () => ({ speaker: speaker.lines.length, peer: peer.lines.length, asker: asker.lines.length }),
      flood({ rate, seconds, seed }) {
        const args = ['eth0', mac, SPEAKER_IP, ...[rate, seconds, seed].map(String)]
        const flood = follow<JunkFloodLine>([...enterNamespace(names.far), process.execPath, script('junk-flood'), ...args])
        const ended = once(flood.child, 'exit').then(([code]) => {
          if (code !== 0) throw new Error(`the flood ended with ${code}: ${JSON.stringify(flood.lines.slice(-3))}`)
        })
        return { sent: () => flood.lines.findLast(({ sent }) => sent !== undefined)?.sent ?? {}, ended }
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Makes both namespaces and the cable; gives the MAC of the speaker's end. */
async function connect({ own, far }: { readonly own: string; readonly far: string }): Promise<string> {
  const step = 'wire for junk'
  await must(step, ['ip', '-batch', '-'], { input: `netns add ${own}\nnetns add ${far}\n` })
  await must(step, ['ip', '-n', own, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', far])
  for (const [namespace, ip] of [
    [own, SPEAKER_IP],
    [far, PEER_IP],
  ] as const) {
    const lines = ['link set lo up', `addr add ${ip}/24 dev eth0`, 'link set eth0 up']
    await must(step, ['ip', '-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` })
  }
  const stdout = await must(step, ['ip', '-n', own, '-o', 'link', 'show', 'eth0'])
  const mac = /link\/ether ([0-9a-f:]{17})/.exec(stdout)?.[1]
  if (mac === undefined) throw new Error(`no MAC in ${stdout}`)
  return mac
}
