/**
 * Follows the network of the namespace that it runs in while it changes it with `ip`, and prints what it sees after each step as one
 * JSON object. Run as: unshare --net node host-watch-child.ts
 */
import { execFileSync } from 'node:child_process'
import { formatIp } from '../../../src/addr/ip.ts'
import { formatMac } from '../../../src/addr/mac.ts'
import { formatPrefix } from '../../../src/addr/prefix.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { watchHost } from '../../../src/speaker/io/interfaces.ts'
import { openLibc } from '../../../src/speaker/io/libc.ts'
import { ipOf } from './objects.ts'

const ip = (...args: string[]) => execFileSync('ip', args)
let changes = 0
ip('link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1')
ip('addr', 'add', '192.0.2.5/24', 'dev', 'v0')
for (const name of ['v0', 'v1']) ip('link', 'set', name, 'up')
await systemClock.sleep(100)
const watch = watchHost({ libc: openLibc(), clock: systemClock, logger: silentLogger, onChange: () => changes++ })

const show = () => {
  const { interfaces, linkUps, routes } = watch.facts()
  const v0 = interfaces.find(({ name }) => name === 'v0')
  return {
    loopback: interfaces.filter(({ loopback }) => loopback).map(({ name }) => name),
    up: v0?.up,
    mac: v0?.mac === undefined ? undefined : formatMac(v0.mac),
    addresses: v0?.addresses.filter(({ family }) => family === 'IPv4').map(formatIp),
    subnets: v0?.subnets.map(formatPrefix).sort(),
    isPort: v0?.isPort,
    ups: v0 === undefined ? undefined : (linkUps.get(v0.index) ?? 0),
    routes: Object.fromEntries(
      [...routes].map(([to, route]) => [
        to,
        route.kind === 'interface' ? interfaces.find(({ index }) => index === route.index)?.name : route.kind,
      ]),
    ),
  }
}

/** Acts, and waits until the watch has called back (or 3 s). */
async function step(act: () => void): Promise<object> {
  const before = changes
  act()
  for (let waited = 0; waited < 3000 && changes === before; waited += 10) await systemClock.sleep(10)
  // A change can come in two messages.
  await systemClock.sleep(100)
  return { told: changes > before, ...show() }
}

const seen = {
  start: show(),
  followed: await step(() =>
    watch.follow(new Map(['192.0.2.9', '192.0.2.5', '203.0.113.1', '127.0.0.1'].map((text) => [text, ipOf(text)]))),
  ),
  down: await step(() => ip('link', 'set', 'v1', 'down')),
  up: await step(() => ip('link', 'set', 'v1', 'up')),
  address: await step(() => ip('addr', 'add', '198.51.100.7/24', 'dev', 'v0')),
  route: await step(() => {
    ip('route', 'add', '203.0.113.0/28', 'dev', 'v0')
    ip('route', 'add', '203.0.114.0/24', 'via', '192.0.2.9')
    ip('-6', 'route', 'add', '2001:db8:7::/64', 'dev', 'v0')
    ip('route', 'add', '203.0.115.0/24', 'dev', 'v0', 'proto', 'bird')
    // Routes alone are read with the next change of a link or an address.
    ip('addr', 'add', '2001:db8::5/64', 'dev', 'v0', 'nodad')
  }),
  port: await step(() => {
    ip('link', 'add', 'br0', 'type', 'bridge')
    ip('link', 'set', 'v0', 'master', 'br0')
  }),
  mac: await step(() => ip('link', 'set', 'v0', 'address', '02:00:5e:00:00:07')),
  gone: await step(() => ip('link', 'del', 'v0')),
}
watch.close()
watch.close()
process.stdout.write(JSON.stringify(seen))
