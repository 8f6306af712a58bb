/** What a real kernel tells of its settings, in a network namespace of its own; and how it is told. Needs root on Linux. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { createLogger } from '../../../src/runtime/logger.ts'
import { createMetrics } from '../../../src/runtime/metrics.ts'
import { readPreflightFacts } from '../../../src/speaker/io/preflight-facts.ts'
import { watchPreflight } from '../../../src/speaker/io/preflight-watch.ts'
import { createManualClock, settle } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'

const CHILD = fileURLToPath(new URL('../support/preflight-child.ts', import.meta.url))
const refused = process.platform !== 'linux' ? 'Linux only' : process.getuid?.() !== 0 ? 'needs root' : undefined
const ENTER = 'mount -t sysfs none /sys && exec "$0" "$1"'

t.test('the settings of a kernel, and what is wrong with them', { skip: refused ?? false }, async (t) => {
  const command = ['--net', '--mount', 'sh', '-c', ENTER, process.execPath, CHILD]
  const { stdout } = await promisify(execFile)('unshare', command, { timeout: 60_000 })
  const seen = JSON.parse(stdout) as Record<string, { readonly findings: readonly string[] }>
  const found = Object.fromEntries(Object.entries(seen).map(([step, { findings }]) => [step, findings]))
  t.match(found, {
    bare: [],
    absent: [],
    'default route': [],
    ipvs: ['error strict-arp'],
    strictARP: [],
    proxy_arp: ['error proxy-arp'],
    'rp_filter on the way out': [],
    rp_filter: ['warning rp-filter'],
    'no IPv6': ['warning ipv6-disabled'],
    'bridge port': ['warning interface-is-member'],
  })
  t.match(seen['bare'], { ipvs: false, routes: [], uplinks: [{ name: 'v0', ipv6Disabled: false, isBridge: false }] })
  t.match(seen['absent'], { uplinks: [] }, 'neither what is not there, nor a way out of the folder')
  t.match(seen['default route'], { routes: ['v0'], uplinks: [{ name: 'v0' }] }, 'no address yet: the interface of the default route')
  t.match(seen['bridge port'], { uplinks: [{ master: { name: 'br0', kind: 'bridge' } }] })
  t.match(seen['bridge'], { uplinks: [{ name: 'br0', isBridge: true }] })
})

t.test('tables of neighbours, as the first network namespace shows them', async (t) => {
  const numbers = '000003e8 00000018\n000003e8 00000016\n'
  const root = t.testdir({
    proc: {
      net: { stat: { arp_cache: `entries  allocs\n${numbers}`, ndisc_cache: 'entries  allocs\n' } },
      sys: { net: { ipv4: { neigh: { default: { gc_thresh3: '1024\n' } } }, ipv6: { neigh: { default: { gc_thresh3: '1024\n' } } } } },
    },
  })
  const { neighbours } = await readPreflightFacts({ uplinks: [], families: new Set() }, root)
  t.same(neighbours, [{ family: 'IPv4', entries: 1000, limit: 1024 }])
  const nothing = await readPreflightFacts({ uplinks: ['eth0'], families: new Set() }, `${root}/nowhere`)
  t.match(nothing, { ipvs: false, uplinks: [], neighbours: [], bridgeCallsIptables: false })
})

t.test('the watch finds, tells, measures, and goes on after what it did not expect', async (t) => {
  const lines: string[] = []
  const logger = createLogger({ level: 'info', format: 'json', write: (line) => void lines.push(line) })
  const metrics = createMetrics({ processMetrics: false })
  const clock = createManualClock()
  const eth0 = { proxy_arp: '1\n' }
  const root = t.testdir({ proc: { sys: { net: { ipv4: { conf: { all: {}, eth0 } } } } } })
  let asked = 0
  const subject = () => {
    asked += 1
    if (asked === 1) throw new Error('not yet')
    return { uplinks: ['eth0'], families: new Set<never>() }
  }
  const watch = watchPreflight({ clock, logger, metrics, subject, root })
  const lookAfter = async (ms: number, lasts: () => boolean) => {
    await clock.advance(ms)
    await until('a look', () => !lasts())
  }
  await lookAfter(0, () => lines.length === 0)
  t.match(lines.splice(0), [/could not be looked at.*not yet/])
  t.same(watch.findings(), [])

  await lookAfter(10_000, () => watch.findings().length === 0)
  t.match(watch.findings(), [{ check: 'proxy-arp', severity: 'error' }])
  t.match(lines.splice(0), [/proxy_arp is on for eth0/])
  t.match(await metrics.registry.metrics(), 'openelb_preflight_problem{check="proxy-arp",severity="error"} 1')

  await clock.advance(59_000)
  t.equal(asked, 2, 'a minute has not passed')
  await lookAfter(1000, () => asked < 3)
  await settle()
  t.same(lines, [], 'the same is not said twice')

  writeFileSync(`${root}/proc/sys/net/ipv4/conf/eth0/proxy_arp`, '0\n')
  await until('the third look is over', async () => {
    await clock.advance(60_000)
    return watch.findings().length === 0
  })
  t.match(lines, [/mended.*proxy_arp is on/])
  t.notMatch(await metrics.registry.metrics(), /openelb_preflight_problem\{/)

  watch.close()
  watch.close()
  const before = asked
  await clock.advance(600_000)
  t.equal(asked, before)
})
