/** `openelb bgp`: sessions, routes, reasons and messages, from what speakers say. */
import t from 'tap'
import type { KubernetesObject } from '../../src/api/core-objects.ts'
import { messagesAfter } from '../../src/cli/bgp/capture.ts'
import { bgp as verb } from '../../src/cli/verbs/bgp.ts'
import type { CapturedMessage } from '../../src/speaker/bgp/peer-report.ts'
import { BGP_PATHS } from '../../src/speaker/bgp-report.ts'
import { bfdReport, downReport, peerReport } from '../speaker/bgp/support/report-samples.ts'
import { bgp, bgpClaim, bgpConf, bgpPages, bgpPeer, route, routesPage, verdict, whyPages } from './support/bgp-objects.ts'
import { type FakeOptions, fakeCluster, runVerb } from './support/fake-cluster.ts'
import { claim, report, speakerPod } from './support/objects.ts'

const world: readonly KubernetesObject[] = [bgpConf(), bgpPeer('frr'), speakerPod('n1'), speakerPod('n2')]
const run = (words: string, options: FakeOptions = {}) => runVerb(verb, words.split(' '), fakeCluster({ objects: world, ...options }))

t.test('wrong words are told what is right', async (t) => {
  for (const [words, says] of [
    ['', /write: openelb bgp peers, routes, capture, why/],
    ['pears', /did you mean peers/],
    ['routes', /write: openelb bgp routes NODE/],
    ['why', /PREFIX or ADDRESS/],
    ['why 10.99.0', /10\.99\.0 is neither an address nor a prefix/],
    ['peers n1 n2', /takes one word, not n1 n2/],
    ['peers --peer frr', /takes no --peer/],
    ['capture n1 --follow soon', /--follow/],
  ] as const) {
    const { code, err } = await runVerb(
      verb,
      words.split(' ').filter((word) => word !== ''),
      fakeCluster({ objects: world }),
    )
    t.equal(code, 2, words)
    t.match(err, says, words)
  }
})

t.test('peers: each session on a line, and below it causes with cures, nodes of one cause together', async (t) => {
  const down = downReport('tor', { address: '10.251.0.32', downSinceMs: Date.parse('2026-11-21T00:00:30Z') })
  const pages = bgpPages({
    n1: bgp({ peers: [peerReport('frr', { bfd: bfdReport() }), down] }),
    n2: bgp({
      peers: [peerReport('frr'), down, peerReport('off', { state: 'Idle', adminDown: true })],
      problems: [{ peer: 'bad', code: 'no-peer-address', message: 'it names no router', cure: 'set spec.conf.neighborAddress' }],
    }),
  })
  const { out, code } = await run('peers', { pages })
  t.equal(code, 0)
  t.equal(
    out,
    `NODE   PEER   ADDRESS       AS       STATE         SINCE    ANNOUNCED   BFD
n1     frr    10.251.0.31   65000    Established   60s      2           Up
n2     frr    10.251.0.31   65000    Established   60s      2
n2     off    10.251.0.31   65000    AdminDown     <none>   2
n1     tor    10.251.0.32   <none>   Active        30s      0
n2     tor    10.251.0.32   <none>   Active        30s      0

tor on n1, n2: 10.251.0.31 refuses the connection
  -> start BGP there
bad on n2: it names no router
  -> set spec.conf.neighborAddress
`,
  )
  t.match((await run('peers -o wide', { pages })).out, /^n1 +frr .* 7 +90s +0 +Up +ipv4-unicast, route-refresh$/m)
  const one = await run('peers n1', { pages })
  t.notMatch(one.out, /^n2/m)
  t.match(JSON.parse((await run('peers n1 -o json', { pages })).out), {
    sessions: [
      { node: 'n1', name: 'frr', state: 'Established', upSince: '2026-11-21T00:00:00.000Z', bfd: { upSince: /^2026/ } },
      { name: 'tor', downSince: '2026-11-21T00:00:30.000Z', lastError: { code: 'refused', at: '2026-11-21T00:00:00.000Z' } },
    ],
    nodes: [{ node: 'n1', port: 179 }],
  })
  t.match(await run('peers n9', { pages }), { code: 1, err: /no speaker on n9; there are n1, n2/ })
})

t.test('peers: what is missing before any session, and who could not be asked', async (t) => {
  const nobody = bgpPages({ n1: bgp(), n2: bgp() })
  t.match((await run('peers', { pages: nobody })).out, /^frr: no node speaks with it\.\n {2}-> its spec\.nodeSelector selects none/m)
  const pods = [speakerPod('n1'), speakerPod('n2')]
  const bare = await run('peers', { objects: pods, pages: bgpPages({ n1: bgp({ configured: false }), n2: bgp({ configured: false }) }) })
  t.match(bare.out, /There is no BgpConf default, so no node speaks BGP\.\n {2}-> create one/)
  t.match(bare.out, /There is no BgpPeer, so no router is told anything\./)
  t.equal(bare.err, 'There are no sessions.')
  const old = await run('peers', { pages: { ...bgpPages({ n1: bgp({ peers: [peerReport('frr')] }) }), 'speaker-n2': report('n2', []) } })
  t.match(old.out, /^n2: its speaker is of a version without BGP$/m)
  t.notMatch(old.out, /no node speaks with it/)
  t.match((await run('peers', { forbidden: ['pods/proxy'] })).out, /^n1, n2: you may not get pods\/proxy/m)
  t.match(await run('peers', { forbidden: ['bgppeers.network.kubesphere.io'] }), { code: 1, err: /bgppeers/ })
  const strange = await run('peers', {
    pages: { 'speaker-n1': { ...report('n1', []), bgp: { configured: 'yes' } }, ...bgpPages({ n2: bgp() }) },
  })
  t.match(strange.out, /^n1: its speaker is of a version without BGP$/m, 'a part that cannot be read hides no more than itself')
})

t.test('peers: where a speaker cannot be asked, what it wrote into the status', async (t) => {
  const entry = {
    peerState: { neighborAddress: '10.251.0.31', peerAs: 65_000, sessionState: 'ESTABLISHED' },
    timersState: { uptime: '2026-11-21T00:00:00Z', negotiatedHoldTime: '90' },
    prefixes: { announced: 4, pending: 0 },
    capabilities: ['ipv4-unicast'],
    bfd: { state: 'Up', detectionTime: 900 },
  }
  const lost = {
    peerState: { neighborAddress: '10.251.0.31', sessionState: 'ACTIVE', flops: 3 },
    timersState: { downtime: '2026-11-21T00:00:30Z' },
    lastError: { code: 'refused', message: 'it refuses the connection', cure: 'start BGP there' },
  }
  const shut = { peerState: { sessionState: 'nonsense', adminState: 'DOWN' } }
  const frr = { ...bgpPeer('frr'), status: { nodesPeerStatus: { n1: entry, n2: lost, n3: shut } } }
  const objects = [bgpConf(), frr, speakerPod('n1'), speakerPod('n2')]
  const { out } = await run('peers -o wide', { objects, forbidden: ['pods/proxy'] })
  t.match(out, /^n1 +frr +10\.251\.0\.31 +65000 +Established +60s +4 +0 +0 +90s +0 +Up +ipv4-unicast$/m)
  t.match(out, /^n2 +frr +10\.251\.0\.31 +<none> +Active +30s +0 .* 3 +<none>$/m)
  t.match(out, /^n3 +frr +<none> +<none> +AdminDown /m)
  t.match(out, /^frr on n2: it refuses the connection\n {2}-> start BGP there$/m)
  t.match(out, /^n1, n2, n3: the sessions are as the status of the BgpPeers has them/m)
  const mixed = await run('peers', { objects, pages: bgpPages({ n1: bgp({ peers: [peerReport('frr')] }) }) })
  t.match(mixed.out, /^n1 +frr .* 60s +2$/m, 'the word of a speaker that can be asked counts more')
  t.match(mixed.out, /^n2, n3: the sessions are as/m)
  t.match(await run('peers n2', { objects, forbidden: ['pods'] }), { code: 0, out: /^n2 +frr .* Active/m })
})

t.test('routes: all pages of a node, with whom it told', async (t) => {
  const reports = bgpPages({ n1: bgp(), n2: bgp() })
  const pages = {
    ...reports,
    ...routesPage('n1', 0, [route('10.99.0.1/32', { attributes: ['local-pref 200', '65000:1'] })], 2),
    ...routesPage('n1', 1, [route('fd00::1/128', { told: [], peers: ['tor'] })], 2),
    ...routesPage('n2', 0, [], 0),
  }
  const { out, err } = await run('routes n1', { pages })
  t.equal(
    out,
    `PREFIX         NEXT HOPS   TOLD                ATTRIBUTES
10.99.0.1/32   n1,n2       frr                 local-pref 200 65000:1
fd00::1/128    n1,n2       nobody (only tor)
`,
  )
  t.equal(err, '2 prefixes')
  t.match(JSON.parse((await run('routes n1 -o json', { pages })).out), { node: 'n1', items: [{ prefix: '10.99.0.1/32' }, {}] })
  t.match(await run('routes n2', { pages }), { code: 0, err: 'n2 announces nothing: openelb bgp why ADDRESS says why.' })
  t.match(await run('routes n1', { pages: reports }), { code: 1, err: /n1: its speaker cannot be asked/ })
  t.match(await run('routes n1', { pages: { ...reports, [`speaker-n1${BGP_PATHS.routes}`]: {} } }), { code: 1, err: /another version/ })
})

const WHY = {
  n1: { route: route('10.99.0.1/32'), verdicts: [verdict('frr', 'told', 'it was told', ['via 10.251.0.11'])] },
  n2: { route: route('10.99.0.1/32'), verdicts: [verdict('frr', 'session-down', 'there is no session')] },
}

t.test('why: each node and peer, the reason, and what to do', async (t) => {
  const pages = { ...bgpPages({ n1: bgp(), n2: bgp() }), ...whyPages('10.99.0.1', WHY) }
  const objects = [...world, bgpClaim('10.99.0.1', 'web', ['n1'])]
  for (const asked of ['10.99.0.1', '10.99.0.1/32']) {
    const { out, code } = await run(`why ${asked}`, { objects, pages })
    t.equal(code, 0)
    t.equal(
      out,
      `10.99.0.1 of Eip pool (bgp), held by default/web
10.99.0.1/32 by n1 (10.251.0.11), n2 (10.251.0.12)

NODE   PEER   TOLD   SAYS
n1     frr    yes    it was told; via 10.251.0.11
n2     frr    no     there is no session

-> openelb bgp peers NODE has the cause, and what to do
`,
      asked,
    )
  }
})

t.test('why, for programs', async (t) => {
  const pages = { ...bgpPages({ n1: bgp(), n2: bgp() }), ...whyPages('10.99.0.1', WHY) }
  t.match(JSON.parse((await run('why 10.99.0.1/32 -o json', { pages })).out), {
    asked: '10.99.0.1',
    answers: [
      { node: 'n1', peer: 'frr', told: true, reason: 'told' },
      { node: 'n2', peer: 'frr', told: false, reason: 'session-down' },
    ],
    routes: [{ node: 'n1', route: { prefix: '10.99.0.1/32' }, verdicts: [{ paths: ['via 10.251.0.11'] }] }, { node: 'n2' }],
  })
})

t.test('why: nodes that are silent, addresses that nobody holds, and those of layer 2', async (t) => {
  const pages = bgpPages({ n1: bgp(), n2: bgp() })
  const silent = whyPages('10.99.0.1', {
    n1: { silent: 'no node has a ready endpoint', verdicts: [] },
    n2: { route: route('10.99.0.1/32', { told: [] }), verdicts: [] },
  })
  const held = [...world, bgpClaim('10.99.0.1', 'web', [])]
  const told = (await run('why 10.99.0.1', { objects: held, pages: { ...pages, ...silent } })).out
  t.match(told, /^n1 +<none> +no +no node has a ready endpoint$/m)
  t.match(told, /^n2 +<none> +no +it would announce it, and no BgpPeer is served here$/m)
  t.match(told, /-> spec\.nodeSelector of the BgpPeers/)
  const bare = [speakerPod('n1'), speakerPod('n2'), bgpClaim('10.99.0.1', 'web', [])]
  const { out } = await run('why 10.99.0.1', { objects: bare, pages: { ...pages, ...silent } })
  t.match(out, /-> There is no BgpConf default, .* Create one with spec\.as.*\n-> There is no BgpPeer/)
  t.notMatch(out, /nodeSelector/)
  const empty = (asked: string) => whyPages(asked, { n1: { verdicts: [] }, n2: { verdicts: [] } })
  t.equal((await run('why 10.99.0.9', { pages: { ...pages, ...empty('10.99.0.9') } })).out, 'Nobody holds it, so no node announces it.\n')
  const layer2 = [...world, claim('10.0.0.2', 'web', { owner: 'n1' })]
  t.match((await run('why 10.0.0.2', { objects: layer2, pages: { ...pages, ...empty('10.0.0.2') } })).out, /by layer2, not by BGP/)
  const canonical = empty('fd00::1')
  t.match((await run('why FD00:0::1/128', { pages: { ...pages, ...canonical } })).out, /Nobody holds it/, 'asked in canonical text')
  t.match((await run('why 10.99.0.1', { objects: held, pages })).out, /^n1 +<none> +no +its speaker cannot be asked/m)
})

const message = (atMs: number, some: Partial<CapturedMessage> = {}): CapturedMessage => ({
  peer: 'frr',
  direction: 'sent',
  atMs: Date.parse('2026-11-21T00:00:00Z') + atMs,
  type: 'KEEPALIVE',
  text: '',
  bytes: 19,
  ...some,
})

t.test('capture: the last messages with their decoded lines', async (t) => {
  const messages = [
    message(1, { type: 'OPEN', text: 'AS 65001, hold time 90 s\nipv4-unicast, \u001b[31mroute-refresh', bytes: 53 }),
    message(2, { direction: 'received', type: 'NOTIFICATION', text: 'Cease 6/4', bytes: 21 }),
  ]
  const pages = {
    ...bgpPages({ n1: bgp({ peers: [peerReport('frr')] }), n2: bgp() }),
    [`speaker-n1${BGP_PATHS.capture}`]: { node: 'n1', messages },
  }
  t.equal(
    (await run('capture n1', { pages })).out,
    `2026-11-21T00:00:00.001 -> frr OPEN 53 bytes
  AS 65001, hold time 90 s
  ipv4-unicast, \\x1b[31mroute-refresh
2026-11-21T00:00:00.002 <- frr NOTIFICATION 21 bytes
  Cease 6/4
`,
  )
  t.match(JSON.parse((await run('capture n1 -o json', { pages })).out), {
    node: 'n1',
    messages: [{ at: '2026-11-21T00:00:00.001Z', direction: 'sent', type: 'OPEN', bytes: 53 }, {}],
  })
  t.match(await run('capture n1 --peer tor', { pages }), { code: 1, err: 'n1 has no session with tor: it has frr' })
  t.match(await run('capture n2', { pages }), { code: 1, err: /^n2: its speaker cannot be asked/ })
  const none = { ...pages, [`speaker-n1${BGP_PATHS.capture}`]: { node: 'n1', messages: [] } }
  t.match(await run('capture n1', { pages: none }), { code: 0, out: '', err: 'No message has been sent or received.' })
})

t.test('capture --follow shows each message once, for so long', async (t) => {
  let looks = 0
  const all = Array.from({ length: 8 }, (_, at) => message(at * 100))
  const printed: string[] = []
  const cluster = fakeCluster({
    objects: world,
    pages: {
      ...bgpPages({ n1: bgp({ peers: [peerReport('frr')] }) }),
      // A window of three that moves on by one message at each look.
      [`speaker-n1${BGP_PATHS.capture}?peer=frr`]: () => ({ node: 'n1', messages: all.slice(looks, looks++ + 3) }),
    },
  })
  const ran = await runVerb(verb, ['capture', 'n1', '--peer', 'frr', '--follow', '2s'], cluster, {
    print: (text) => void printed.push(text),
  })
  t.equal(ran.out, '')
  t.equal(cluster.waitedMs, 2000)
  t.same(
    printed.map((line) => /\.(\d+) -> frr/.exec(line)?.[1]),
    ['000', '100', '200', '300', '400', '500', '600'],
  )
})

t.test('what is new in a window', async (t) => {
  const [a, b, c, d] = [message(1), message(2), message(3), message(4)] as const
  for (const [before, now, news] of [
    [[], [a, b], [a, b]],
    [[a, b], [a, b], []],
    [
      [a, b],
      [b, c, d],
      [c, d],
    ],
    [[a], [c, d], [c, d]],
    [[a, a], [a, a, a], [a]],
    [[a, b, b], [b, b, c], [c]],
  ] as const)
    t.same(messagesAfter([...before], [...now]), [...news])
})
