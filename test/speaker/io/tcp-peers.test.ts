/** Keys and TTLs with FRR over IPv4 and BIRD over IPv6: what is right comes up, what is wrong is never read, and a key changes. */
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { must } from '../../../lab/command.ts'
import { missingRouters } from '../../../lab/peers/packages.ts'
import type { Router } from '../../../lab/peers/router.ts'
import { type NeighbourSpec, PLAIN_NEIGHBOUR, type RouterSpec } from '../../../lab/peers/spec.ts'
import { startRouter } from '../../../lab/peers/start.ts'
import { createWire, type Wire } from '../../../lab/peers/wire.ts'
import { until } from '../../support/until.ts'
import { type BgpNode, startBgpNode } from '../support/bgp-node.ts'
import type { PeerText } from '../support/bgp-settings.ts'

t.setTimeout(600_000)

const missing = new Set(missingRouters())
const skipOf = (kind: 'frr' | 'bird'): string | false =>
  process.getuid?.() !== 0 ? 'needs root for network namespaces' : missing.has(kind) ? `${kind} is not installed` : false
/** Both sides try each second. */
const SOME_TRIES_MS = 4000

interface World {
  readonly node: BgpNode
  readonly router: Router
  readonly wire: Wire
  spec(neighbour: Partial<NeighbourSpec>): RouterSpec
  configure(ours: Partial<PeerText>): Promise<void>
}

async function createWorld(test: Test, kind: 'frr' | 'bird', neighbour: Partial<NeighbourSpec>): Promise<World> {
  const wire = await createWire(['node', 'router', 'stranger'])
  const [place, other] = [wire.place('node'), wire.place('router')]
  const [ours, theirs] = kind === 'bird' ? [place.ipv6, other.ipv6] : [place.ipv4, other.ipv4]
  const plain = { ...PLAIN_NEIGHBOUR, name: 'node', remote: { address: ours }, as: 65_001, families: ['IPv4', 'IPv6'] as const }
  const spec = (more: Partial<NeighbourSpec>): RouterSpec => ({
    as: 65_000,
    routerId: '10.255.0.9',
    port: 179,
    originates: [],
    neighbours: [{ ...plain, ...more }],
  })
  const node = await startBgpNode(place.enter)
  const router = await startRouter(kind, { namespace: other.namespace, folder: other.folder, spec: spec(neighbour) })
  test.teardown(async () => {
    await node.stop()
    await router.stop()
    await wire.close()
  })
  return { node, router, wire, spec, configure: (more) => node.configure({ peers: [{ remote: theirs, expectedAs: 65_000, ...more }] }) }
}

const GTSM = { ttl: 255, leastTtl: 255 }
const WRONG_KEYS: readonly (readonly [string, Partial<NeighbourSpec>, Partial<PeerText>])[] = [
  ['another password', { password: 'one' }, { password: 'other' }],
  ['no password of ours', { password: 'one' }, {}],
  ['no password of theirs', {}, { password: 'other' }],
]

for (const kind of ['frr', 'bird'] as const) {
  t.test(`${kind}: password and TTL security, right and wrong`, { skip: skipOf(kind) }, async (t) => {
    const { node, router, spec, configure } = await createWorld(t, kind, { password: 'one', ttlSecurity: true })
    /** Never what is right on both sides while one is changed after the other. */
    const change = async (theirs: Partial<NeighbourSpec>, ours: Partial<PeerText>): Promise<void> => {
      await configure({ adminDown: true })
      await router.reconfigure(spec(theirs))
      await configure(ours)
    }
    for (const [what, theirs, ours] of WRONG_KEYS) {
      await change(theirs, ours)
      const report = await node.cause('md5', 10_000)
      t.match(report, { flaps: 0, received: { open: 0, keepalive: 0, notification: 0 } }, what)
      t.equal((await router.session('node')).established, false)
    }
    await change({ ttlSecurity: false }, GTSM)
    await delay(SOME_TRIES_MS)
    t.match(await node.peer(), { flaps: 0, received: { open: 0, keepalive: 0, notification: 0 } }, 'nothing with a lower TTL is read')
    await change({ password: 'one', ttlSecurity: true }, { password: 'one', ...GTSM })
    t.match(await node.established(undefined, 60_000), { flaps: 0, received: { discarded: 0 } })
  })

  t.test(`${kind}: the password changes, ours after theirs and theirs after ours`, { skip: skipOf(kind) }, async (t) => {
    const { node, router, spec, configure } = await createWorld(t, kind, { password: 'one' })
    const both = (): Promise<unknown> =>
      until('a session', async () => (await router.session('node')).established && (await node.peer()).state === 'Established', 60_000, 100)
    await configure({ password: 'one' })
    await node.established()
    await router.reconfigure(spec({ password: 'two' }))
    await configure({ password: 'two' })
    await both()
    const { flaps, sent } = await node.peer()
    await configure({ password: 'three' })
    await delay(SOME_TRIES_MS)
    t.match(await node.peer(), { state: 'Established', flaps, sent: { notification: sent.notification } }, 'we end nothing')
    t.equal((await router.session('node')).established, true, 'nor do they, within the hold time')
    await configure({ password: 'two' })
    await delay(SOME_TRIES_MS)
    t.match(await node.peer(), { state: 'Established', flaps }, 'back in time: the session has lived through it')
    await configure({ password: 'three' })
    await router.reconfigure(spec({ password: 'three' }))
    await delay(1000)
    await both()
    t.pass('a router that begins anew at a change gets a new session')
  })
}

const SPOOFER = fileURLToPath(new URL('../support/spoof-child.ts', import.meta.url))
const SPOOFED = 20_000

for (const [what, theirs, ours, counter] of [
  ['TTL security', { ttlSecurity: true }, GTSM, 'TCPMinTTLDrop'],
  ['a password', { password: 'one' }, { password: 'one' }, 'TCPMD5NotFound'],
] as const) {
  t.test(`a session with ${what} lives on while another sends in the name of the router`, { skip: skipOf('frr') }, async (t) => {
    const { node, router, wire, configure } = await createWorld(t, 'frr', theirs)
    const [us, them, stranger] = ['node', 'router', 'stranger'].map((name) => wire.place(name))
    if (us === undefined || them === undefined || stranger === undefined) throw new Error('a place is missing')
    const drops = async (): Promise<number> => {
      const text = await must('test', [...us.enter, 'cat', '/proc/self/net/netstat'])
      const [names = [], values = []] = text.split('\n').map((line) => line.split(' '))
      return Number(values[names.indexOf(counter)])
    }
    await configure(ours)
    await node.established()
    const { flaps } = await node.peer()
    const ends = /\S+:(\d+)\s+\S+:(\d+)\s*$/m.exec(
      await must('test', [...us.enter, 'ss', '-Htn', 'state', 'established', 'dst', them.ipv4]),
    )
    t.ok(ends, 'the connection')
    const before = await drops()
    const sent = await must('test', [
      ...stranger.enter,
      ...[process.execPath, SPOOFER, them.ipv4, ends?.[2] ?? '', us.ipv4, ends?.[1] ?? '', String(SPOOFED)],
    ])
    t.same(JSON.parse(sent), { sent: SPOOFED })
    t.ok((await drops()) - before >= SPOOFED / 2, 'the kernel has dropped them')
    await delay(SOME_TRIES_MS)
    t.match(await node.peer(), { state: 'Established', flaps, received: { discarded: 0 } })
    t.equal((await router.session('node')).established, true)
  })
}
