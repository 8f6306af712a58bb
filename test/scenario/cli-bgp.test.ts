/** What people see of BGP by the command line: three speakers, FRR as their router, a real API server. */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { type CommandResult, run } from '../../lab/command.ts'
import { createObject } from '../../src/kube/objects.ts'
import { EIPS } from '../../src/kube/resources.ts'
import { buildBgpWorld, NODE_AS, PEER, ROUTER_AS } from '../speaker/support/bgp-world.ts'
import { until } from '../support/until.ts'

const BIN = fileURLToPath(new URL('../../bin', import.meta.url))
const NODES = ['n1', 'n2', 'n3']
const ADDRESS = '10.99.0.1'
const PREFIX = `${ADDRESS}/32`
/** A machine that is far too busy. */
const TIMEOUT_MS = 60_000

t.setTimeout(300_000)
const world = await buildBgpWorld()
t.teardown(() => world.close())
const openelb = (words: string): Promise<CommandResult> =>
  run([`${BIN}/openelb`, ...words.split(' ')], { env: { KUBECONFIG: world.cluster.kubeconfig, NO_COLOR: '1' }, timeoutMs: TIMEOUT_MS })
/** Waits until the command prints it, since a report is made anew four times a second, and statuses are written when there is time. */
async function shows(words: string, pattern: RegExp): Promise<string> {
  let last = ''
  const look = async (): Promise<boolean> => {
    last = (await openelb(words)).stdout
    return pattern.test(last)
  }
  await until(`openelb ${words} shows ${pattern}`, look, TIMEOUT_MS, 200).catch((error: unknown) => {
    throw new Error(`${String(error)}; it shows:\n${last}`)
  })
  return last
}

await t.test('before there are settings: what is missing', async (t) => {
  await Promise.all(NODES.map((node) => world.start(node)))
  const { code, stdout, stderr } = await openelb('bgp peers')
  t.equal(code, 0, stderr)
  t.match(stdout, /^There is no BgpConf default, so no node speaks BGP\.\n {2}-> create one/m)
  t.match(stderr, 'There are no sessions.')
  t.notMatch((await openelb('doctor')).stdout, /^\w+ +bgp /m, 'nobody wants BGP, so nothing is wrong with it')
})

await t.test('sessions, routes, reasons', async (t) => {
  const spec = { address: '10.99.0.0/28', protocol: 'bgp', bgp: { communities: ['65000:7', 'no-export'], med: 5 } }
  await createObject(world.api, EIPS, { metadata: { name: 'pool' }, spec })
  await world.configure()
  await world.claim(ADDRESS, { protocol: 'bgp' })
  await world.hasRoute(PREFIX, NODES, TIMEOUT_MS)
  const peers = await shows('bgp peers', /^n3 .* Established .* 1 *$/m)
  t.comment(peers)
  const rows = peers.split('\n').slice(1, 4)
  t.same(
    rows.map((row) => row.split(/ {3,}/).slice(0, 5).join(' ')),
    NODES.map((node) => `${node} ${PEER} ${world.cluster.router.ip} ${ROUTER_AS} Established`),
  )
  const routes = await openelb('bgp routes n1')
  t.comment(routes.stdout)
  t.match(routes.stdout, new RegExp(`^${PREFIX} +n1,n2,n3 +${PEER} +med 5 65000:7 no-export$`, 'm'), routes.stderr)
  for (const asked of [ADDRESS, PREFIX]) {
    const why = await openelb(`bgp why ${asked}`)
    if (asked === ADDRESS) t.comment(why.stdout)
    for (const node of NODES)
      t.match(why.stdout, new RegExp(`^${node} +${PEER} +yes +.*via ${world.cluster.node(node).ip}`, 'm'), why.stderr)
  }
  t.match((await openelb('bgp why 10.99.0.9')).stdout, 'Nobody holds it, so no node announces it.')
  t.match(await openelb('bgp routes n9'), { code: 1, stderr: /there is no speaker on n9; there are n1, n2, n3/ })
})

await t.test('messages, those that were and those that come', async (t) => {
  const all = await openelb('bgp capture n1')
  t.comment(all.stdout)
  t.match(all.stdout, new RegExp(`^\\S+ -> ${PEER} OPEN \\d+ bytes\\n +.*AS ${NODE_AS}`, 'm'))
  t.match(all.stdout, new RegExp(`^\\S+ <- ${PEER} OPEN \\d+ bytes\\n +.*AS ${ROUTER_AS}`, 'm'))
  t.match(all.stdout, new RegExp(`^\\S+ -> ${PEER} UPDATE \\d+ bytes\\n(  .*\\n)*  .*${PREFIX}`, 'm'))
  // The hold time is 9 s, so each side says something every 3 s.
  const { code, stdout, stderr } = await openelb(`bgp capture n1 --peer ${PEER} --follow 7s`)
  t.equal(code, 0, stderr)
  const before = all.stdout.split('\n').length
  t.ok(stdout.split('\n').length >= before + 2, stdout.split('\n').slice(-5).join('\n'))
  const lines = stdout.split('\n').filter((line) => /^\S+ (->|<-) /.test(line))
  t.equal(new Set(lines).size, lines.length, 'each once')
})

await t.test('status, explain, doctor and metrics agree', async (t) => {
  t.match(await shows('status', /^BGP$/m), new RegExp(`^${PEER} +${world.cluster.router.ip} +3/3 +1 *$`, 'm'))
  const told = await shows(`explain address ${ADDRESS}`, /by n1, n2, n3/)
  t.match(told, new RegExp(`^BGP: +\\+ ${PEER} is told by n1, n2, n3$`, 'm'))
  t.match((await openelb('doctor')).stdout, /^OK +bgp +3 sessions up, 3 prefixes told in all$/m)
  const { text } = await world.speaker('n1').page('/metrics')
  const peerIP = world.cluster.router.ip
  for (const line of [
    `session_up{nodeName="n1",peerIP="${peerIP}"} 5`,
    `announced_prefixes_total{nodeName="n1",peerIP="${peerIP}"} 1`,
    `pending_prefixes_total{nodeName="n1",peerIP="${peerIP}"} 0`,
    `openelb_bgp_session_state{peer="${PEER}",state="Established"} 1`,
    `openelb_bgp_messages_total{peer="${PEER}",direction="sent",type="open"} 1`,
    'openelb_bgp_rib_prefixes{family="IPv4"} 1',
  ])
    t.ok(text.split('\n').includes(line), line)
  t.match(text, new RegExp(`^openelb_bgp_hold_timer_slack_seconds\\{peer="${PEER}"\\} \\d`, 'm'))
})

await t.test('a wrong AS is named, with the cure, wherever people look', async (t) => {
  await world.configure({}, { conf: { neighborAddress: world.cluster.router.ip, peerAs: 65_009 } })
  const peers = await shows('bgp peers', /^router on n1, n2, n3: .*65000.*65009.*\n {2}-> /m)
  t.comment(peers)
  t.match(await shows('doctor', /^FAIL +bgp +router on n1, n2, n3: .*65009/m), /conf\.peerAs/)
  const why = await shows(`bgp why ${ADDRESS}`, /^n1 +router +no +there is no session/m)
  t.match(why, '-> openelb bgp peers NODE has the cause, and what to do')
  t.match((await world.speaker('n1').page('/metrics')).text, new RegExp(`^openelb_bgp_session_error\\{peer="${PEER}",code="as"\\} 1$`, 'm'))
  t.match(await shows('status', /0\/3/), /n1, n2, n3: .*65009/)
  const explained = await shows(`explain address ${ADDRESS}`, /Announced=False/)
  t.comment(explained)
  t.match(explained, /^BGP: +- router is not told by n1, n2, n3: there is no session/m)
})
