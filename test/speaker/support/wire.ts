/** Hosts on one wire: network namespaces of their own, joined by a cable or by a bridge. They end with this process. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { stopChild } from '../../support/stop-child.ts'

export interface WireHost {
  /** The argv prefix that runs a command in the namespace. */
  readonly enter: readonly string[]
  readonly ip: string
  /** Of eth0. */
  readonly mac: string
  /** Runs `ip` with these words, and gives its output. Throws when it fails. */
  configure(...words: string[]): string
}

export interface Wire {
  readonly hosts: readonly WireHost[]
  close(): Promise<void>
}

/** Why this machine cannot have one; undefined when it can. */
export const noWire = (): string | undefined =>
  process.platform !== 'linux' ? 'Linux only' : process.getuid?.() !== 0 ? 'needs root' : undefined

const run = (argv: readonly string[]): string => execFileSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8', stdio: 'pipe' })

/**
 * Two hosts on a cable, more on a bridge in the namespace of the last one (which then is no host). Host number N has 10.9.0.N+1/16 and
 * fd00:9::N+1/64 on eth0.
 */
export async function startWire(count = 2): Promise<Wire> {
  const isBridged = count > 2
  const spaces = await Promise.all(Array.from({ length: isBridged ? count + 1 : count }, startNamespace))
  const [first, second] = spaces
  const middle = spaces.at(-1)
  if (first === undefined || second === undefined || middle === undefined) throw new Error('a wire has two ends')
  try {
    if (isBridged) {
      run([...middle.enter, 'ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0'])
      run([...middle.enter, 'ip', 'link', 'set', 'br0', 'up'])
    } else run([...first.enter, 'ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `${second.child.pid}`])
    const hosts = spaces.slice(0, count).map(({ enter, child }, at) => {
      if (isBridged) {
        run([...middle.enter, 'ip', 'link', 'add', `p${at}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `${child.pid}`])
        run([...middle.enter, 'ip', 'link', 'set', `p${at}`, 'master', 'br0', 'up'])
      }
      return configured(enter, at)
    })
    return { hosts, close: async () => void (await Promise.all(spaces.map(({ child }) => stopChild(child, 'SIGKILL')))) }
  } catch (error) {
    await Promise.all(spaces.map(({ child }) => stopChild(child, 'SIGKILL')))
    throw error
  }
}

async function startNamespace() {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', 'sh', '-c', 'echo ready; exec sleep 86400'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  return { child, enter: ['nsenter', `--net=/proc/${child.pid}/ns/net`, '--'] }
}

function configured(enter: readonly string[], at: number): WireHost {
  const ip = `10.9.0.${at + 1}`
  const configure = (...words: string[]): string => run([...enter, 'ip', ...words])
  configure('link', 'set', 'lo', 'up')
  configure('link', 'set', 'eth0', 'up')
  configure('addr', 'add', `${ip}/16`, 'dev', 'eth0')
  configure('addr', 'add', `fd00:9::${at + 1}/64`, 'dev', 'eth0', 'nodad')
  const mac = /link\/ether ([0-9a-f:]{17})/.exec(configure('-o', 'link', 'show', 'eth0'))?.[1]
  if (mac === undefined) throw new Error('eth0 has no MAC')
  return { enter, ip, mac, configure }
}
