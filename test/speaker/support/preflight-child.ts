/**
 * Looks at the kernel of the network namespace that it runs in while it changes its settings, and prints what was found after each step as
 * one JSON object. Run as: unshare --net --mount sh -c 'mount -t sysfs none /sys && exec node preflight-child.ts'
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { readPreflightFacts } from '../../../src/speaker/io/preflight-facts.ts'
import { judgePreflight } from '../../../src/speaker/preflight.ts'

const ip = (...args: string[]) => execFileSync('ip', args)
const set = (key: string, value: number) => writeFileSync(`/proc/sys/net/${key}`, String(value))
const steps: Record<string, unknown> = {}
const look = async (step: string, uplinks: readonly string[] = ['v0']) => {
  const facts = await readPreflightFacts({ uplinks, families: new Set(['IPv4', 'IPv6']) })
  const { ipvs, defaultRoutes, uplinks: seen, neighbours } = facts
  const findings = judgePreflight(facts).map(({ severity, check }) => `${severity} ${check}`)
  steps[step] = { ipvs, routes: [...defaultRoutes], uplinks: seen, tables: neighbours.map(({ family }) => family), findings }
}

for (const key of ['arp_ignore', 'arp_announce', 'rp_filter', 'proxy_arp']) set(`ipv4/conf/all/${key}`, 0)
ip('link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1')
for (const name of ['v0', 'v1', 'lo']) ip('link', 'set', name, 'up')
ip('addr', 'add', '192.0.2.5/24', 'dev', 'v0')
for (const key of ['arp_ignore', 'arp_announce', 'rp_filter', 'proxy_arp']) set(`ipv4/conf/v0/${key}`, 0)
await look('bare')
await look('absent', ['v9', '../../all'])
ip('route', 'add', 'default', 'via', '192.0.2.1')
await look('default route', [])
// kube-proxy makes a dummy; only its name counts, and not every kernel has the module.
ip('link', 'add', 'kube-ipvs0', 'type', 'veth', 'peer', 'name', 'ipvs-peer')
await look('ipvs')
set('ipv4/conf/all/arp_ignore', 1)
set('ipv4/conf/all/arp_announce', 2)
await look('strictARP')
set('ipv4/conf/v0/proxy_arp', 1)
await look('proxy_arp')
set('ipv4/conf/v0/proxy_arp', 0)
set('ipv4/conf/v0/rp_filter', 1)
await look('rp_filter on the way out')
ip('route', 'del', 'default')
ip('link', 'add', 'v2', 'type', 'veth', 'peer', 'name', 'v3')
for (const name of ['v2', 'v3']) ip('link', 'set', name, 'up')
ip('addr', 'add', '198.51.100.5/24', 'dev', 'v2')
ip('route', 'add', 'default', 'via', '198.51.100.1')
await look('rp_filter')
set('ipv4/conf/v0/rp_filter', 0)
set('ipv6/conf/v0/disable_ipv6', 1)
await look('no IPv6')
set('ipv6/conf/v0/disable_ipv6', 0)
ip('link', 'add', 'br0', 'type', 'bridge')
ip('link', 'set', 'v0', 'master', 'br0')
await look('bridge port')
await look('bridge', ['br0'])
process.stdout.write(JSON.stringify(steps))
