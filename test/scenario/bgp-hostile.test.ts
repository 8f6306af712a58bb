/**
 * Routers that cannot or will not: a wrong password, a wrong AS, a wrong TTL, and floods of connections that say nothing. The cause is on the
 * status of the BgpPeer within ten seconds, the sessions of others are not disturbed, and memory is bounded.
 */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { NeighbourSpec } from '../../lab/peers/spec.ts'
import { type BgpWorld, buildBgpWorld, ROUTER_AS, routerSpec } from '../speaker/support/bgp-world.ts'
import { startLines } from '../speaker/support/process-lines.ts'
import { until } from '../support/until.ts'

const NODES = ['n1', 'n2', 'n3'] as const
const PASSWORD = 'the-right-password'
const GOOD: Partial<NeighbourSpec> = { password: PASSWORD, ttlSecurity: true }
const ADDRESS = '192.0.2.1'
/** The router's hold time, after which a session ends that the change alone did not end. */
const HOLD_MS = 9000
const NAMED_WITHIN_MS = 10_000

/** What is wrong in the router's settings for n2, and the codes of which one names it: who drops what is not for both sides to see. */
const CAUSES: readonly {
  readonly what: string
  readonly change: Partial<NeighbourSpec>
  readonly codes: readonly string[]
  readonly says: RegExp
}[] = [
  { what: 'another password', change: { password: 'another' }, codes: ['md5', 'timeout'], says: /password|MD5/i },
  { what: 'no password', change: { password: undefined }, codes: ['md5', 'timeout'], says: /password|MD5/i },
  { what: 'a low TTL', change: { ttlSecurity: false }, codes: ['ttl', 'timeout'], says: /TTL/i },
  { what: 'another AS of ours', change: { as: 65_099 }, codes: ['notification-received', 'as'], says: /AS/ },
]

t.setTimeout(300_000)
const world = await buildBgpWorld({ kind: 'bird', neighbour: GOOD })
t.teardown(world.close)
await Promise.all(NODES.map((node) => world.start(node)))
const conf = { neighborAddress: world.cluster.router.ip, peerAs: ROUTER_AS, authPassword: PASSWORD }
await world.configure({}, { conf, ttlSecurity: { enabled: true }, timers: { config: { holdTime: '9', connectRetry: '1' } } })
await world.claim(ADDRESS, { protocol: 'bgp' })
await world.hasRoute(`${ADDRESS}/32`, NODES)

for (const { what, change, codes, says } of CAUSES)
  await t.test(`${what}: named on the status of the BgpPeer within 10 s`, async (t) => {
    const spec = routerSpec(world, false, GOOD)
    const neighbours = spec.neighbours.map((one) => (one.name === 'n2' ? { ...one, ...change } : one))
    const changedMs = performance.now()
    const changedAt = Date.now()
    await world.router.reconfigure({ ...spec, neighbours })
    const error = await newError(t, 'n2', changedAt, ({ code, message, cure }) => codes.includes(code) && says.test(`${message} ${cure}`))
    const ms = Math.round(performance.now() - changedMs)
    t.comment(`after ${ms} ms: ${JSON.stringify(error)}`)
    t.ok(ms < NAMED_WITHIN_MS + HOLD_MS, `named ${ms} ms after the router was changed`)
    t.ok(error.message !== '' && error.cure !== '', 'with a sentence, and what to do')
    t.notMatch(JSON.stringify((await world.peer()).status), PASSWORD, 'and without the password')
    await world.router.reconfigure(spec)
    await world.established(NODES)
    await world.hasRoute(`${ADDRESS}/32`, NODES)
    for (const node of ['n1', 'n3'] as const) t.notOk((await ofNode(world, node))?.lastError, `${node} never lost its session`)
  })

// A RST that is not signed does not count for a connection with a password.
await t.test('a router that takes no calls: named, and the session is back with it', async (t) => {
  const startedMs = performance.now()
  const startedAt = Date.now()
  await world.router.kill()
  const error = await newError(t, 'n1', startedAt, ({ code }) => ['refused', 'md5', 'timeout'].includes(code))
  const ms = Math.round(performance.now() - startedMs)
  t.comment(`after ${ms} ms: ${JSON.stringify(error)}`)
  t.ok(ms < NAMED_WITHIN_MS)
  await world.router.start()
  await world.established(NODES)
  await world.hasRoute(`${ADDRESS}/32`, NODES)
})

await t.test('floods of connections from the router and from strangers: nobody is disturbed', async (t) => {
  // Without a password, or the kernel would drop the calls that say they are from the router.
  await world.router.reconfigure(routerSpec(world, false))
  await world.configure()
  await world.established(NODES)
  await world.hasRoute(`${ADDRESS}/32`, NODES)
  const child = fileURLToPath(new URL('./bgp/flood-child.ts', import.meta.url))
  const before = rssMb(world)
  const flaps = await flapsOf(world)
  const { cluster } = world
  const targets = cluster.nodes.map(({ ip }) => ip)
  const floods = [cluster.router, cluster.client].map(({ enter }) =>
    startLines<{ opened: number }>([...enter, process.execPath, child, '150', ...targets], 'stdout'),
  )
  try {
    await Promise.all(floods.map((flood) => flood.next('hundreds of calls', ({ opened }) => opened > 300)))
    await world.claim('192.0.2.9', { protocol: 'bgp' })
    await world.hasRoute('192.0.2.9/32', NODES)
    // Longer than the hold time: what a flood starves shows then.
    await delay(HOLD_MS + 1000)
  } finally {
    for (const flood of floods) t.comment(`${flood.lines.at(-1)?.opened} calls were taken`)
    for (const flood of floods) await flood.stop('SIGKILL')
  }
  t.same(await flapsOf(world), flaps, 'no session ended')
  await world.hasRoute(`${ADDRESS}/32`, NODES)
  const grown = rssMb(world).map((mb, at) => mb - (before[at] ?? 0))
  t.comment(`RSS grew by ${grown.join(', ')} MB`)
  t.ok(
    grown.every((mb) => mb < 60),
    'memory is bounded',
  )
})

type LastError = NonNullable<Awaited<ReturnType<typeof ofNode>>>['lastError']

/** The error of a node once it is one of after that time (whose second the status has) and as it shall be. What is there instead is told. */
async function newError(
  t: Test,
  node: string,
  sinceMs: number,
  isIt: (error: NonNullable<LastError>) => boolean,
): Promise<NonNullable<LastError>> {
  let seen = ''
  const found = async () => {
    const state = await ofNode(world, node)
    const error = state?.lastError
    seen = JSON.stringify({ error, session: state?.peerState?.sessionState })
    return error !== undefined && Date.parse(error.at ?? '') >= sinceMs - 1000 && isIt(error) && error
  }
  return until('the cause is on the status', found).catch((error: unknown) => {
    t.comment(`the status has ${seen}; the router: ${world.router.log()}`)
    throw error
  })
}

async function ofNode({ peer }: BgpWorld, node: string) {
  return (await peer()).status?.nodesPeerStatus?.[node]
}

/** How often each session went down, as the speakers themselves say. */
function flapsOf({ speaker }: BgpWorld): Promise<readonly string[]> {
  const lines = async (node: string): Promise<string> => {
    const { text } = await speaker(node).page('/metrics')
    return text
      .split('\n')
      .filter((line) => line.startsWith('openelb_bgp_session_flaps_total'))
      .join()
  }
  return Promise.all(NODES.map(lines))
}

function rssMb({ speaker }: BgpWorld): readonly number[] {
  return NODES.map((node) => {
    const status = readFileSync(`/proc/${speaker(node).child.pid}/status`, 'utf8')
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
  })
}
