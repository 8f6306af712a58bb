/** TCP for BGP on a real kernel, in network namespaces of their own. Needs root on Linux. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

t.setTimeout(300_000)
const refused = process.platform !== 'linux' ? 'Linux only' : process.getuid?.() !== 0 ? 'needs root' : undefined

/** As the speaker runs in its Pod. */
const AS_IN_A_POD = 'setpriv --inh-caps=-all --bounding-set=-all,+net_raw,+net_bind_service'

async function inNamespace(child: string, before: string, rights = ''): Promise<unknown> {
  const file = fileURLToPath(new URL(`../support/${child}`, import.meta.url))
  const script = `ip link set lo up; ${before} exec ${rights} "$0" --expose-gc "$1"`
  const { stdout } = await promisify(execFile)('unshare', ['--net', 'sh', '-ec', script, process.execPath, file], { timeout: 240_000 })
  return JSON.parse(stdout)
}

t.test('keys, TTLs, ports and descriptors, with no more rights than a Pod has', { skip: refused ?? false }, async (t) => {
  const seen = (await inNamespace('tcp-child.ts', '', AS_IN_A_POD)) as Record<'callers' | 'living' | 'ports' | 'leaks', object>
  t.same(
    seen.callers,
    {
      results: {
        plain: 'connected',
        'key where none is agreed': 'silence',
        'right key': 'connected',
        'wrong key': 'silence',
        'no key': 'silence',
        'right TTL': 'connected',
        'TTL one too low': 'ECONNRESET',
        'within two hops': 'connected',
        'TTL too low, right key': 'ECONNRESET',
        IPv6: 'connected',
        'IPv6, wrong key': 'silence',
        'IPv6, TTL too low': 'ECONNRESET',
        stranger: 'ECONNRESET',
      },
      calls: ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4', '::1'].map((from) => `${from} > ${from === '::1' ? from : '127.0.0.1'}`),
      refused: ['127.0.0.3 ttl 254 < 255', '127.0.0.4 ttl 253 < 254', '::1 ttl 64 < 255', '127.0.0.9 stranger'],
      text: 'hello'.repeat(5),
      strangers: ['127.0.0.9'],
      afterwards: 'ECONNREFUSED',
    },
    'who may call is heard, and of nobody else a byte',
  )
  t.same(
    seen.living,
    {
      seen: {
        'another key': 'a| then ax|y',
        none: 'ax|y then axx|yy',
        'one again': 'axx|yy then axxx|yyy',
        'a TTL that falls': ' then w',
      },
      fresh: ['silence', 'connected'],
      closed: 2,
    },
    'what is said while the two ends differ arrives once they agree, and no connection ends',
  )
  const isSecond = 'Port 179 of this node is taken, so peers that call have to call port 17900.'
  t.match(seen.ports, {
    first: { port: 179 },
    second: { port: 17_900, problem: isSecond },
    none: { problem: /0.0.0.0 port 179: bind: EADDRINUSE; :: port 17900: bind: EADDRINUSE.*tried again/ },
    later: { port: 17_900, problem: isSecond },
    changes: 1,
    reached: 'connected',
    partly: { port: 1790, problem: /10.9.9.9 port 1790: bind: EADDRNOTAVAIL/ },
  })
  t.same(seen.leaks, {
    codes: [
      'IP_TTL: EINVAL',
      'SO_BINDTODEVICE: ENODEV',
      'TCP_MAXSEG: EINVAL',
      'a TCP password has 1 to 80 bytes',
      'a stranger: ECONNRESET',
      'bind: EADDRNOTAVAIL',
      'nobody there: ECONNREFUSED',
    ],
    leaked: 0,
    strangers: 100,
    lines: 2,
  })
})

t.test('without the right to port 179', { skip: refused ?? false }, async (t) => {
  const seen = (await inNamespace('tcp-child.ts', '', AS_IN_A_POD.replace(',+net_bind_service', ''))) as object
  t.match(seen, { port: 17_900, problem: /NET_BIND_SERVICE, so peers that call have to call port 17900/ })
})

t.test('half-open calls, strangers by the thousand, no descriptors left', { skip: refused ?? false }, async (t) => {
  const seen = (await inNamespace('tcp-flood-child.ts', 'ulimit -n 120;')) as {
    readonly halfOpen: { readonly cookies: boolean; readonly calls: number; readonly grownBytes: number; readonly echoMs: number }
    readonly strangers: { readonly count: number; readonly last: readonly object[]; readonly echoMs: number; readonly lines: number }
    readonly exhausted: { readonly waited: boolean; readonly busyMs: number; readonly told: number }
  }
  t.comment(JSON.stringify(seen))
  t.match(seen.halfOpen, { cookies: true, calls: 0 }, 'the kernel keeps nothing of them, and nobody is told')
  t.ok(seen.halfOpen.grownBytes < 1_000_000, 'nothing of ours grows')
  t.equal(seen.strangers.count, 1000)
  t.equal(seen.strangers.last.length, 1)
  t.ok(seen.strangers.lines <= 3, 'nor does the log')
  t.ok(seen.halfOpen.echoMs < 5000 && seen.strangers.echoMs < 5000, 'a peer is answered meanwhile')
  t.equal(seen.exhausted.waited, true)
  t.ok(seen.exhausted.busyMs < 250, 'no busy loop without descriptors')
  t.ok(seen.exhausted.told >= 1 && seen.exhausted.told <= 3)
})
