/** Interfaces, routes and their changes as a real kernel tells them, in a network namespace of its own. Needs root on Linux. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { openLibc } from '../../../src/speaker/io/libc.ts'
import { openNetlink } from '../../../src/speaker/io/netlink.ts'

const CHILD = fileURLToPath(new URL('../support/host-watch-child.ts', import.meta.url))
const refused = process.platform !== 'linux' ? 'Linux only' : process.getuid?.() !== 0 ? 'needs root' : undefined

t.test('what the kernel says, and what it says next', { skip: refused ?? false }, async (t) => {
  const { stdout } = await promisify(execFile)('unshare', ['--net', process.execPath, CHILD], { timeout: 30_000 })
  const seen = JSON.parse(stdout) as Record<string, object>
  t.match(seen['start'], {
    loopback: ['lo'],
    up: true,
    addresses: ['192.0.2.5'],
    subnets: ['192.0.2.0/24'],
    isPort: false,
    ups: 0,
    routes: {},
  })
  t.match(
    seen['followed'],
    { routes: { '192.0.2.9': 'v0', '192.0.2.5': 'local', '203.0.113.1': 'none' } },
    'an address of our own is no way to anywhere',
  )
  t.match(seen['down'], { told: true, up: false, ups: 0 }, 'the other end went down: no carrier')
  t.match(seen['up'], { told: true, up: true, ups: 1 })
  t.match(seen['address'], { told: true, addresses: ['192.0.2.5', '198.51.100.7'] })
  const { told, subnets } = seen['route'] as { told: boolean; subnets: readonly string[] }
  t.ok(told)
  t.same(
    subnets,
    ['192.0.2.0/24', '198.51.100.0/24', '2001:db8:7::/64', '2001:db8::/64', '203.0.113.0/28'],
    'routes without a gateway count, also those of IPv6, and those of routing daemons do not',
  )
  t.match(seen['port'], { told: true, isPort: true })
  t.match(seen['mac'], { told: true, mac: '02:00:5e:00:00:07' })
  t.match(seen['gone'], { told: true, up: undefined })
})

t.test('an answer that was given up half-way is not taken for the next one', { skip: process.platform !== 'linux' }, async (t) => {
  const libc = openLibc()
  let fails = true
  const netlink = openNetlink({
    ...libc,
    recv(fd, buffer, length, flags) {
      const isAnswer = flags === 0
      if (!isAnswer || !fails) return libc.recv(fd, buffer, length, flags)
      fails = false
      return -1
    },
  })
  t.throws(() => netlink.ask({ kind: 'get-addresses' }), /^netlink recv/)
  const kinds = (kind: 'get-links' | 'get-addresses') => [...new Set(netlink.ask({ kind }).map((message) => message.kind))]
  t.same(kinds('get-links'), ['link'])
  t.same(kinds('get-addresses'), ['address'])
  netlink.close()
})
