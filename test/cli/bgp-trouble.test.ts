/** What doctor, status, explain and addresses say of BGP. */
import t from 'tap'
import type { KubernetesObject } from '../../src/api/core-objects.ts'
import { addresses } from '../../src/cli/verbs/addresses.ts'
import { doctor } from '../../src/cli/verbs/doctor.ts'
import { explain } from '../../src/cli/verbs/explain.ts'
import { status } from '../../src/cli/verbs/status.ts'
import type { BgpReport } from '../../src/speaker/bgp-report.ts'
import { bfdReport, downReport, peerReport } from '../speaker/bgp/support/report-samples.ts'
import { bgp, bgpClaim, bgpConf, bgpPages, bgpPeer, route, verdict, whyPages } from './support/bgp-objects.ts'
import { type FakeOptions, fakeCluster, runVerb } from './support/fake-cluster.ts'
import { eip, node, service, speakerPod, workloads } from './support/objects.ts'

const NODES = ['n1', 'n2']
const base: readonly KubernetesObject[] = [
  ...workloads,
  ...NODES.map((name) => node(name, '192.168.0.1')),
  ...NODES.map((name) => speakerPod(name)),
  eip('pool', '10.99.0.0/28', { protocol: 'bgp', isDefault: true }),
]
const settings = [bgpConf(), bgpPeer('frr')]
const held = [bgpClaim('10.99.0.1', 'web', NODES), service('web', { shows: ['10.99.0.1'] })]
const both = (told: BgpReport) => bgpPages({ n1: told, n2: told })

/** The lines about BGP, each with its cure. */
async function examine(objects: readonly KubernetesObject[], options: FakeOptions): Promise<readonly string[]> {
  const { out } = await runVerb(doctor, [], fakeCluster({ objects: [...base, ...objects], ...options }))
  const lines = out.split('\n')
  return lines.flatMap((line, at) =>
    /^\w+ +bgp /.test(line)
      ? [`${line.replaceAll(/ +/g, ' ')}${/^ +-> /.test(lines[at + 1] ?? '') ? ` ${lines[at + 1]?.trim()}` : ''}`]
      : [],
  )
}

t.test('doctor says nothing of BGP where nobody wants it, and that all is well where it is', async (t) => {
  t.same(await examine([], { pages: both(bgp({ configured: false })) }), [])
  const up = bgp({ peers: [peerReport('frr', { bfd: bfdReport() })], routes: 2 })
  t.same(await examine([...settings, ...held], { pages: both(up) }), ['OK bgp 2 sessions up, 4 prefixes told in all'])
})

t.test('doctor: addresses that nobody announces although the sessions are up', async (t) => {
  const up = both(bgp({ peers: [peerReport('frr')], routes: 2 }))
  const silent = (address: string, since: string, reason = 'NoSession') => {
    const held = bgpClaim(address, 'web', [])
    const condition = { type: 'Announced', status: 'False' as const, reason, message: 'no session', lastTransitionTime: since }
    return { ...held, status: { ...held.status, conditions: [condition] } }
  }
  const [old, fresh] = ['2020-01-01T00:00:00Z', '2100-01-01T00:00:00Z']
  const web = service('web', { shows: ['10.99.0.1', '10.99.0.2'] })
  t.same(await examine([...settings, web, silent('10.99.0.1', old), silent('10.99.0.2', old)], { pages: up }), [
    'WARN bgp announced by nobody: 10.99.0.1, 10.99.0.2: no session -> openelb bgp why 10.99.0.1',
  ])
  const passing = [silent('10.99.0.1', fresh), silent('10.99.0.2', old, 'NoNextHop')]
  t.match(await examine([...settings, web, ...passing], { pages: up }), [/^OK bgp /])
})

t.test('doctor: what is missing', async (t) => {
  const none = both(bgp({ configured: false }))
  t.match(await examine(held, { pages: none }), [
    /^FAIL bgp there is no BgpConf default, so 1 address of protocol bgp is announced by nobody -> create one with spec\.as/,
  ])
  t.match(await examine([bgpPeer('frr')], { pages: none }), [/^WARN bgp there is no BgpConf default, so no node speaks BGP -> /])
  t.match(await examine([bgpConf('other'), bgpPeer('frr')], { pages: none }), [/^WARN bgp there is no BgpConf default/])
  t.match(await examine([bgpConf(), ...held], { pages: both(bgp()) }), [
    /^FAIL bgp there is no BgpPeer, so 1 address of protocol bgp is announced by nobody -> create one for each router/,
  ])
  t.match(await examine([...settings], { pages: both(bgp()) }), [/^WARN bgp frr: no node speaks with it -> its spec\.nodeSelector/])
  t.match(await examine([...settings], { forbidden: ['bgppeers.network.kubesphere.io'] }), [
    /^WARN bgp BgpConf and BgpPeers cannot be read/,
  ])
})

t.test('doctor: sessions that are down, settings that are not followed, ports that are taken', async (t) => {
  const told = bgp({
    peers: [downReport('frr'), peerReport('off', { adminDown: true, state: 'Idle' })],
    problems: [
      { peer: 'tor', code: 'no-secret-key', message: 'Secret openelb-bgp has no key tor', cure: 'add it' },
      { code: 'policy-not-honoured', message: 'policy-definitions[0]: no such action', cure: 'take it out' },
      { code: 'listen', message: 'port 179 is taken', cure: 'set spec.listenPort' },
      { peer: 'frr', code: 'bad-setting', message: 'holdTime is "1", so the default is used', cure: 'write "3"' },
      { peer: 'odd', code: 'bad-setting', message: 'localAddress is "x"', cure: 'write an address' },
      { peer: 'calico', code: 'foreign-cni', message: 'another speaks to it', cure: 'remove the label' },
    ],
  })
  t.same(await examine(settings, { pages: both(told) }), [
    'FAIL bgp frr on n1, n2: 10.251.0.31 refuses the connection -> start BGP there',
    'FAIL bgp tor on n1, n2: Secret openelb-bgp has no key tor -> add it',
    'WARN bgp BgpConf on n1, n2: policy-definitions[0]: no such action -> take it out',
    'FAIL bgp BgpConf on n1, n2: port 179 is taken -> set spec.listenPort',
    'WARN bgp frr on n1, n2: holdTime is "1", so the default is used -> write "3"',
    'FAIL bgp odd on n1, n2: localAddress is "x" -> write an address',
  ])
  const bfd = bgp({
    peers: [peerReport('frr', { bfd: bfdReport({ state: 'Down', diagnostic: 'no answer', lastDiscard: 'its digest is wrong' }) })],
  })
  t.match(await examine(settings, { pages: bgpPages({ n1: bfd, n2: bgp({ peers: [peerReport('frr')] }) }) }), [
    /^WARN bgp frr on n1: BFD is Down \(no answer; its digest is wrong\), and BGP is up -> /,
  ])
})

t.test('doctor: a session that came up before the second look is no finding', async (t) => {
  const pages = { ...both(bgp({ peers: [downReport('frr')] })) }
  const objects = [...base, ...settings]
  const cluster = fakeCluster({ objects, pages, afterwards: () => void Object.assign(pages, both(bgp({ peers: [peerReport('frr')] }))) })
  const { out } = await runVerb(doctor, [], cluster)
  t.notMatch(out, /refuses the connection/)
})

t.test('status has a line per router', async (t) => {
  const pages = bgpPages({
    n1: bgp({ peers: [peerReport('frr'), downReport('tor', { address: '10.251.0.32' })] }),
    n2: bgp({
      peers: [peerReport('frr'), peerReport('tor', { address: '10.251.0.32' })],
      problems: [{ code: 'x', message: 'port 179 is taken', cure: '' }],
    }),
  })
  const { out } = await runVerb(status, [], fakeCluster({ objects: [...base, ...settings, ...held], pages }))
  t.match(
    out,
    `BGP
PEER      ADDRESS       UP       ANNOUNCED   SAYS
BgpConf   <none>        <none>   <none>      n2: port 179 is taken
frr       10.251.0.31   2/2      2
tor       10.251.0.32   1/2      2           n1: 10.251.0.31 refuses the connection
`,
  )
  t.match(out, '1 address in use, 1 announced')
  const without = await runVerb(status, [], fakeCluster({ objects: base, pages: both(bgp({ configured: false })) }))
  t.notMatch(without.out, /^BGP$/m)
})

t.test('addresses: announced by all who announce it, since the first of them', async (t) => {
  const { out } = await runVerb(addresses, ['-o', 'wide'], fakeCluster({ objects: [...base, ...held] }))
  t.match(out, /^10\.99\.0\.1 +default\/web +pool +bgp +n1,n2 +24h +Announced +TCP\/80 +24h$/m)
})

t.test('explain: which routers are told by which nodes, and why others are not', async (t) => {
  const pages = {
    ...both(bgp({ peers: [peerReport('frr')] })),
    ...whyPages('10.99.0.1', {
      n1: {
        route: route('10.99.0.1/32'),
        verdicts: [verdict('frr', 'told', 'it was told'), verdict('tor', 'policy-rejected', 'statement 1')],
      },
      n2: { silent: 'the node has no ready endpoint', verdicts: [] },
    }),
  }
  const cluster = fakeCluster({ objects: [...base, ...settings, ...held], pages })
  const told = (await runVerb(explain, ['address', '10.99.0.1'], cluster)).out
  t.match(
    told,
    `Announced:   10.99.0.1 (bgp) by n1, n2
BGP:         + frr is told by n1
             - tor is not told by n1: statement 1
             - n2: the node has no ready endpoint
`,
  )
  t.notMatch(told, /^Members:/m, 'nobody owns it, so hearing one another is of no matter')
  t.match((await runVerb(explain, ['default/web'], cluster)).out, /^BGP: +\+ frr is told by n1$/m)
  const nothing = { ...both(bgp()), ...whyPages('10.99.0.1', { n1: { verdicts: [] }, n2: { verdicts: [] } }) }
  const silent = await runVerb(explain, ['address', '10.99.0.1'], fakeCluster({ objects: [...base, ...settings, ...held], pages: nothing }))
  t.match(silent.out, /^BGP: +none of the 2 speakers announces it$/m)
})
