/** What OpenELB 0.6 wrote of a session, and what we add. */
import t from 'tap'
import { BgpPeerStatusSchema } from '../../src/api/bgp-peer-status.ts'
import type { PeerReport } from '../../src/speaker/bgp/peer-report.ts'
import { confStatus, isCovered, peerStatus, promptPart, tryPart } from '../../src/speaker/bgp-status.ts'

const NO_MESSAGES = { open: 0, update: 0, notification: 0, keepalive: 0, refresh: 0, withdrawUpdate: 0, withdrawPrefix: 0, discarded: 0 }
const AT = Date.parse('2026-11-20T17:52:05.700Z')
const report: PeerReport = {
  name: 'router',
  address: '10.251.0.31',
  interface: undefined,
  state: 'Established',
  adminDown: false,
  localAs: 65_001,
  routerId: '10.251.0.11',
  peerAs: 65_000,
  peerRouterId: '10.251.0.31',
  negotiated: ['ipv4-unicast'],
  holdMs: 9000,
  keepaliveMs: 3000,
  upSinceMs: AT,
  downSinceMs: AT,
  flaps: 0,
  lastError: undefined,
  received: { ...NO_MESSAGES, keepalive: 9, open: 1, update: 1 },
  sent: { ...NO_MESSAGES, keepalive: 9, open: 1, update: 3, withdrawUpdate: 1, withdrawPrefix: 2 },
  prefixes: { announced: 2, pending: 0, received: 5 },
  unwrittenBytes: 0,
  bfd: undefined,
}
const known = { report, settings: undefined, problem: undefined }
const problem = { peer: 'router', code: 'no-peer-as', message: 'spec.conf.peerAs is missing', cure: 'set it' } as const

t.test('an established session, as OpenELB writes it', async (t) => {
  const status = peerStatus(known)
  t.match(status.peerState, { neighborAddress: '10.251.0.31', peerAs: 65_000, peerType: 1, queues: {}, routerId: '10.251.0.31' })
  t.equal(status.peerState?.sessionState, 'ESTABLISHED')
  t.same(status.peerState?.messages?.received, { keepalive: '9', open: '1', total: '11', update: '1' })
  t.same(status.peerState?.messages?.sent, {
    keepalive: '9',
    open: '1',
    total: '13',
    update: '3',
    withdrawUpdate: '1',
    withdrawPrefix: '2',
  })
  const at = '2026-11-20T17:52:05Z'
  t.same(status.timersState, { keepaliveInterval: '3', negotiatedHoldTime: '9', uptime: at, downtime: at })
  t.same(status.prefixes, { announced: 2, pending: 0, received: 5 })
  t.notOk(JSON.stringify(status).includes('authPassword'))
  t.ok(BgpPeerStatusSchema.safeParse({ nodesPeerStatus: { n1: status } }).success)
})

t.test('states and types in the words of OpenELB', async (t) => {
  const stateOf = (state: PeerReport['state']) => peerStatus({ ...known, report: { ...report, state } }).peerState?.sessionState
  t.same((['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm'] as const).map(stateOf), [
    'IDLE',
    'CONNECT',
    'ACTIVE',
    'OPENSENT',
    'OPENCONFIRM',
  ])
  t.equal(peerStatus({ ...known, report: { ...report, peerAs: 65_001 } }).peerState?.peerType, 0)
  t.equal(peerStatus({ ...known, report: { ...report, adminDown: true } }).peerState?.adminState, 'DOWN')
  t.equal(peerStatus({ ...known, report: { ...report, address: undefined, interface: 'eth1' } }).peerState?.neighborAddress, 'eth1')
})

t.test('why there is no session: what the session says, or what is wrong with the settings', async (t) => {
  const lastError = { code: 'as', message: 'the peer is AS 65009, not 65000', cure: 'correct it', atMs: AT }
  t.match(peerStatus({ ...known, report: { ...report, lastError }, problem }).lastError, { code: 'as', at: '2026-11-20T17:52:05Z' })
  const left = peerStatus({ report: undefined, settings: undefined, problem })
  t.same(left, { peerState: { sessionState: 'IDLE' }, lastError: { code: problem.code, message: problem.message, cure: problem.cure } })
})

t.test('a change of state cannot wait; counters can', async (t) => {
  const base = promptPart(peerStatus(known))
  const of = (over: Partial<PeerReport>) => promptPart(peerStatus({ ...known, report: { ...report, ...over } }))
  t.equal(of({ received: { ...NO_MESSAGES, keepalive: 10 } }), base)
  t.equal(of({ prefixes: { announced: 3, pending: 1, received: 0 } }), base)
  t.not(of({ state: 'Idle' }), base)
  t.not(of({ lastError: { code: 'tcp', message: 'm', cure: 'c', atMs: AT } }), base)
})

t.test('a router that is away is no change at each try', async (t) => {
  const entry = (state: PeerReport['state'], atMs: number) =>
    peerStatus({ ...known, report: { ...report, state, lastError: { code: 'timeout', message: 'm', cure: 'c', atMs } } })
  t.equal(promptPart(entry('Connect', AT)), promptPart(entry('Active', AT + 5000)))
  t.not(tryPart(entry('Connect', AT)), tryPart(entry('Active', AT)))
  t.not(tryPart(entry('Connect', AT)), tryPart(entry('Connect', AT + 5000)))
  t.equal(tryPart(peerStatus(known)), tryPart(peerStatus({ ...known, report: { ...report, flaps: 1 } })))
})

t.test('BgpConf: what the node uses, and what it cannot follow', async (t) => {
  const nothing = { settings: undefined, identity: undefined, problems: [], goodPolicyText: undefined }
  t.same(confStatus(nothing, undefined), {})
  const identity = { as: 65_001, routerId: 0x0afb_000b }
  t.same(confStatus({ ...nothing, identity }, undefined), { as: 65_001, routerId: '10.251.0.11' }, 'without any peer too')
  t.same(confStatus(nothing, { port: 17_900, problem: undefined }), { listenPort: 17_900 })
  const told = confStatus(
    { ...nothing, problems: [{ ...problem, peer: undefined }, problem] },
    { port: undefined, problem: '179 is taken' },
  )
  t.match(told.problems, [{ code: 'no-peer-as' }, { code: 'listen', message: '179 is taken' }])
  t.equal(told.problems?.length, 2, 'what is wrong with a peer is said there')
})

t.test('what somebody else left in an entry is seen', async (t) => {
  const entry = peerStatus(known)
  t.ok(isCovered(JSON.parse(JSON.stringify(entry)), entry))
  t.ok(isCovered(undefined, entry), 'nothing was there')
  t.notOk(isCovered({ ...entry, peerState: { ...entry.peerState, authPassword: 'secret' } }, entry))
  t.notOk(isCovered({ ...entry, other: {} }, entry))
})

t.test('what a peer makes us say fits the status, however much it is', async (t) => {
  const error = { code: 'role', message: 'role 1 and '.repeat(300), cure: 'c'.repeat(2000), atMs: AT } as const
  const flooded = { ...report, lastError: error, prefixes: { announced: 1, pending: 0, received: 2 ** 40 } }
  const status = peerStatus({ ...known, report: flooded })
  t.ok(BgpPeerStatusSchema.safeParse({ nodesPeerStatus: { n1: status } }).success)
  t.equal(status.lastError?.message.length, 1024)
  t.equal(status.prefixes?.received, 2 ** 32 - 1)
  const [problem] =
    confStatus(
      { settings: undefined, problems: [], goodPolicyText: undefined, identity: undefined },
      { port: undefined, problem: 'x'.repeat(5000) },
    ).problems ?? []
  t.equal(problem?.message.length, 1024)
})
