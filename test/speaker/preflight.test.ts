import { readFileSync } from 'node:fs'
import t from 'tap'
import {
  type Ipv4Settings,
  judgePreflight,
  type NeighbourTable,
  PREFLIGHT_CHECKS,
  type PreflightFacts,
  type Uplink,
} from '../../src/speaker/preflight.ts'

const settings = (some: Partial<Ipv4Settings> = {}): Ipv4Settings => ({
  arpIgnore: 0,
  arpAnnounce: 0,
  rpFilter: 0,
  proxyArp: 0,
  proxyArpPvlan: 0,
  ...some,
})
const uplink = (name: string, some: Partial<Uplink> = {}): Uplink => ({
  name,
  ipv4: settings(),
  ipv6Disabled: false,
  isBridge: false,
  master: undefined,
  ...some,
})
const healthy: PreflightFacts = {
  ipvs: false,
  all: settings(),
  uplinks: [uplink('eth0')],
  defaultRoutes: new Set(['eth0']),
  bridgeCallsIptables: false,
  neighbours: [
    { family: 'IPv4', entries: 100, limit: 1024 },
    { family: 'IPv6', entries: 100, limit: 1024 },
  ],
  families: new Set(['IPv4', 'IPv6']),
}
const on = (some: Partial<Ipv4Settings>): readonly Uplink[] => [uplink('eth0', { ipv4: settings(some) })]
const table = (entries: number, limit = 1024, family: NeighbourTable['family'] = 'IPv4') => [{ family, entries, limit }]

/** Each line: what is so, and the findings as `severity check`. */
const CASES: readonly (readonly [string, Partial<PreflightFacts>, readonly string[]])[] = [
  ['nothing is wrong', {}, []],
  ['nothing is known', { uplinks: [], neighbours: [], defaultRoutes: new Set() }, []],
  ['a kernel that shows no setting', { uplinks: on({ arpIgnore: undefined, rpFilter: undefined }) }, []],

  ['IPVS, strictARP not set', { ipvs: true }, ['error strict-arp']],
  ['IPVS, strictARP by all', { ipvs: true, all: settings({ arpIgnore: 1, arpAnnounce: 2 }) }, []],
  ['IPVS, strictARP by the uplink', { ipvs: true, uplinks: on({ arpIgnore: 1, arpAnnounce: 2 }) }, []],
  ['IPVS, one by all and one by the uplink', { ipvs: true, all: settings({ arpIgnore: 2 }), uplinks: on({ arpAnnounce: 2 }) }, []],
  ['IPVS, it asks from any address', { ipvs: true, all: settings({ arpIgnore: 1, arpAnnounce: 1 }) }, ['error strict-arp']],
  ['IPVS, it answers', { ipvs: true, all: settings({ arpAnnounce: 2 }) }, ['error strict-arp']],
  ['IPVS, ignores by scope only', { ipvs: true, all: settings({ arpIgnore: 3, arpAnnounce: 2 }) }, ['error strict-arp']],
  [
    'IPVS, a greater value of the uplink wins',
    { ipvs: true, all: settings({ arpIgnore: 1, arpAnnounce: 2 }), uplinks: on({ arpIgnore: 3 }) },
    ['error strict-arp'],
  ],
  ['IPVS, the kernel answers for nothing', { ipvs: true, all: settings({ arpIgnore: 8, arpAnnounce: 2 }) }, []],
  ['IPVS, no uplink known', { ipvs: true, uplinks: [] }, ['error strict-arp']],
  ['IPVS, no uplink known, strict', { ipvs: true, uplinks: [], all: settings({ arpIgnore: 1, arpAnnounce: 2 }) }, []],

  ['proxy ARP on the uplink', { uplinks: on({ proxyArp: 1 }) }, ['error proxy-arp']],
  ['proxy ARP on all', { all: settings({ proxyArp: 1 }) }, ['error proxy-arp']],
  ['proxy ARP for private VLANs', { uplinks: on({ proxyArpPvlan: 1 }) }, ['error proxy-arp']],

  [
    'strict reverse path, default route elsewhere',
    { uplinks: on({ rpFilter: 1 }), defaultRoutes: new Set(['eth9']) },
    ['warning rp-filter'],
  ],
  ['strict by all', { all: settings({ rpFilter: 1 }), defaultRoutes: new Set(['eth9']) }, ['warning rp-filter']],
  ['strict, and the uplink has the default route', { uplinks: on({ rpFilter: 1 }) }, []],
  ['strict, and one of two default routes', { uplinks: on({ rpFilter: 1 }), defaultRoutes: new Set(['eth9', 'eth0']) }, []],
  ['strict, and no default route: only neighbours ask', { uplinks: on({ rpFilter: 1 }), defaultRoutes: new Set() }, []],
  ['loose wins', { all: settings({ rpFilter: 1 }), uplinks: on({ rpFilter: 2 }), defaultRoutes: new Set(['eth9']) }, []],

  ['no IPv6 on the uplink', { uplinks: [uplink('eth0', { ipv6Disabled: true })] }, ['warning ipv6-disabled']],
  ['no IPv6, and none wanted', { uplinks: [uplink('eth0', { ipv6Disabled: true })], families: new Set(['IPv4']) }, []],

  ['a port of a bridge', { uplinks: [uplink('eth0', { master: { name: 'br0', kind: 'bridge' } })] }, ['warning interface-is-member']],
  ['a member of a bond', { uplinks: [uplink('eth0', { master: { name: 'bond0', kind: 'bond' } })] }, ['warning interface-is-member']],

  ['neighbours at 79 %', { neighbours: table(799, 1000) }, []],
  ['neighbours at 80 %', { neighbours: table(800, 1000) }, ['warning neighbour-table']],
  ['neighbours past the limit', { neighbours: table(1100, 1024, 'IPv6') }, ['warning neighbour-table']],
  ['a limit of nothing', { neighbours: table(5, 0) }, []],

  [
    'a bridge whose packets pass iptables',
    { uplinks: [uplink('br0', { isBridge: true })], bridgeCallsIptables: true },
    ['ok bridge-netfilter'],
  ],
  ['a bridge whose packets do not', { uplinks: [uplink('br0', { isBridge: true })] }, []],
  ['no bridge', { bridgeCallsIptables: true }, []],

  [
    'all uplinks are looked at',
    { uplinks: [uplink('a', { ipv4: settings({ proxyArp: 1 }) }), uplink('b', { ipv4: settings({ proxyArp: 1 }) })] },
    ['error proxy-arp', 'error proxy-arp'],
  ],
]

t.test('the rules', async (t) => {
  for (const [name, given, want] of CASES) {
    const findings = judgePreflight({ ...healthy, ...given })
    t.same(
      findings.map(({ severity, check }) => `${severity} ${check}`),
      want,
      name,
    )
    for (const { message, cure } of findings)
      t.ok(message !== '' && cure !== '' && !/undefined/.test(message + cure), `${name}: ${message}`)
  }
})

t.test('the sentences name what is to be changed', async (t) => {
  const tell = (given: Partial<PreflightFacts>) => judgePreflight({ ...healthy, ...given })[0]
  t.match(tell({ ipvs: true, uplinks: on({ arpIgnore: 3, arpAnnounce: 1 }) }), {
    message: /arp_ignore 3 and arp_announce 1 on eth0$/,
    cure: /strictARP: true/,
  })
  t.match(tell({ uplinks: on({ proxyArp: 1 }) }), {
    message: /^proxy_arp is on for eth0: /,
    cure: /^sysctl -w net\.ipv4\.conf\.eth0\.proxy_arp=0/,
  })
  t.match(tell({ all: settings({ proxyArp: 1 }) }), { cure: /^sysctl -w net\.ipv4\.conf\.all\.proxy_arp=0/ })
  t.match(tell({ uplinks: on({ rpFilter: 1 }), defaultRoutes: new Set(['eth9']) }), {
    cure: /^sysctl -w net\.ipv4\.conf\.eth0\.rp_filter=2/,
  })
  t.match(tell({ uplinks: [uplink('eth0', { master: { name: 'br0', kind: 'bridge' } })] }), {
    message: /a port of the bridge br0/,
    cure: /^name br0 in/,
  })
  t.match(tell({ neighbours: table(900, 1000, 'IPv6') }), {
    message: /IPv6 neighbours is 90 % full \(900 of 1000\)/,
    cure: /net\.ipv6\.neigh\.default\.gc_thresh3=4000/,
  })
})

t.test('the manual has a row for each check, and no other', async (t) => {
  const manual = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const [, table = ''] = /### Preflight(.*?)\n## /s.exec(manual) ?? []
  const rows = [...table.matchAll(/^\| `([a-z0-9-]+)` \| (error|warning|ok) \|/gm)].map(([, check = '']) => check)
  t.same(rows, PREFLIGHT_CHECKS)
  t.same(
    [...new Set(CASES.flatMap(([, , want]) => want.map((text) => text.split(' ')[1])))].toSorted(),
    [...PREFLIGHT_CHECKS].toSorted(),
    'and each has a case',
  )
})
