/** Wrong UPDATEs within a session: RFC 7606 keeps it, and what comes next counts, or it ends with the right NOTIFICATION. */
import t from 'tap'
import { serializeFrame } from '../../../src/wire/bgp/header.ts'
import { notificationName, parseNotification } from '../../../src/wire/bgp/notification.ts'
import { serializeRouteRefresh } from '../../../src/wire/bgp/route-refresh.ts'
import { attribute, hex, updateBody } from '../../wire/bgp/build.ts'
import { attributesOf, ROWS, SENTINEL } from '../../wire/bgp/rfc7606-rows.ts'
import { createPaperSession, type PaperSession } from './support/paper-session.ts'

const PEER_AS = 65_001
const OTHER = '20 c6336401'
const CAPABILITIES = [
  { kind: 'multiprotocol', afi: 1, safi: 1 },
  { kind: 'multiprotocol', afi: 2, safi: 1 },
] as const

const update = (attributes: readonly string[], nlri: string): Uint8Array => serializeFrame('update', updateBody({ attributes, nlri }))

/** A route that is sound whatever the session is. */
const sentinel = (peering: 'external' | 'internal', twoOctets: boolean): Uint8Array =>
  update(
    attributesOf({ name: '', code: 0, with: [], external: 'keep', internal: 'keep', ...(twoOctets ? { twoOctets } : {}) }, peering),
    OTHER,
  )

function sessionFor(peering: 'external' | 'internal', twoOctets: boolean): PaperSession {
  const peerAs = peering === 'external' ? PEER_AS : 64_999
  const session = createPaperSession({
    peerAs,
    localAs: peering === 'external' ? 64_999 : peerAs,
    ...(twoOctets ? { capabilities: CAPABILITIES } : {}),
  })
  session.establish()
  return session
}

for (const peering of ['external', 'internal'] as const) {
  t.test(`RFC 7606, ${ROWS.length} cases, ${peering}: the sentinel is counted, or the session ends as it has to`, async (t) => {
    for (const row of ROWS) {
      const session = sessionFor(peering, row.twoOctets === true)
      const want = row[peering]
      session.receive(update(attributesOf(row, peering), SENTINEL))
      const afterRow = session.report()
      session.receive(sentinel(peering, row.twoOctets === true))
      const report = session.report()
      if (typeof want !== 'string') {
        const sent = parseNotification(session.lastSent()?.subarray(19) ?? hex(''))
        t.equal(report.state, 'Idle', row.name)
        t.match(sent.ok && sent.value, { code: 3, subcode: want[1] }, `${row.name}: ${sent.ok ? notificationName(sent.value) : 'nothing'}`)
        t.equal(report.lastError?.code, 'message', row.name)
        continue
      }
      t.equal(report.state, 'Established', row.name)
      t.equal(report.prefixes.received, afterRow.prefixes.received + 1, `${row.name}: the sentinel`)
      // The codec takes an empty path; of a neighbour in another AS it is as good as a wrong one.
      const isUseless = want === 'withdraw' || (peering === 'external' && row.name === 'AS_PATH: empty')
      t.equal(afterRow.received.discarded, isUseless ? 1 : 0, `${row.name}: ${want}`)
      if (want === 'withdraw') t.equal(afterRow.prefixes.received, 0, `${row.name}: its routes do not count`)
    }
  })
}

const ROUTE = [attribute(0x40, 1, '00'), attribute(0x40, 3, 'c0000209')]
const path = (...ases: number[]): string =>
  attribute(
    0x40,
    2,
    ases.length === 0 ? '' : `02${ases.length.toString(16).padStart(2, '0')}${ases.map((as) => as.toString(16).padStart(8, '0')).join('')}`,
  )
const otc = (as: number): string => attribute(0xc0, 35, as.toString(16).padStart(8, '0'))

t.test('routes that are no use: not from the peer, through us, or leaked', async (t) => {
  const roled = (role: 'provider' | 'peer' | 'customer' | 'route-server' | 'route-server-client') => ({ role })
  const cases: readonly [string, { role?: ReturnType<typeof roled>['role'] }, readonly string[], number][] = [
    ['sound', {}, [path(PEER_AS, 3)], 1],
    ['another AS is the first', {}, [path(3, PEER_AS)], 0],
    ['an empty path', {}, [path()], 0],
    ['our AS in it', {}, [path(PEER_AS, 64_999)], 0],
    ['of a route server, which is not in the path', roled('route-server-client'), [path(3)], 1],
    ['marked, from a customer', roled('provider'), [path(PEER_AS), otc(3)], 0],
    ['marked, from a client of our route server', roled('route-server'), [path(PEER_AS), otc(PEER_AS)], 0],
    ['marked by itself, from a peer', roled('peer'), [path(PEER_AS), otc(PEER_AS)], 1],
    ['marked by another, from a peer', roled('peer'), [path(PEER_AS), otc(3)], 0],
    ['marked, from a provider', roled('customer'), [path(PEER_AS), otc(3)], 1],
    ['marked, and no role', {}, [path(PEER_AS), otc(3)], 1],
  ]
  for (const [name, settings, attributes, want] of cases) {
    const session = createPaperSession({ peerAs: PEER_AS, localAs: 64_999, settings })
    session.establish()
    session.receive(update([...ROUTE, ...attributes], OTHER))
    const { state, prefixes, received } = session.report()
    t.same([state, prefixes.received, received.discarded], ['Established', want, 1 - want], name)
  }
})

t.test('a peer asks for its routes again', async (t) => {
  const session = sessionFor('external', false)
  const { sent } = session.report()
  t.equal(sent.update, 3, 'three prefixes in one UPDATE, and two End-of-RIBs')
  const ask = (subtype: 'request' | 'begin' | 'end', afi = 1): void => {
    session.receive(serializeRouteRefresh({ afi, safi: 1, subtype }))
    session.later(10)
  }
  ask('request')
  const asked = session.report()
  t.equal(asked.sent.update, sent.update + 1)
  t.equal(asked.sent.refresh, sent.refresh + 2, 'between BoRR and EoRR')
  ask('begin')
  ask('end')
  ask('request', 25)
  session.receive(serializeFrame('routeRefresh', hex('00010901')))
  t.match(session.report(), { state: 'Established', sent: asked.sent }, 'nothing else is answered')
})

t.test('a bug of ours ends one session, which is tried again; the process goes on', async (t) => {
  let bugs = 1
  const beforeNext = (): void => {
    if (bugs-- > 0) throw new Error('a bug')
  }
  const session = createPaperSession({ peerAs: PEER_AS, localAs: 64_999, beforeNext })
  session.establish()
  t.match(session.report(), { state: 'Idle', flaps: 1, lastError: { code: 'internal', message: /a bug/ } })
  session.later(60_000)
  session.establish()
  t.match(session.report(), { state: 'Established', prefixes: { announced: 3 } })
  const restart = { restartSec: 99_999, notification: true, longLivedSec: undefined }
  const wrong = createPaperSession({ peerAs: PEER_AS, localAs: 64_999, settings: { gracefulRestart: restart } })
  wrong.establish()
  t.match(wrong.report(), { state: 'Idle', lastError: { code: 'internal', message: /99999/ } }, 'an OPEN that cannot be written')
})

t.test('bytes come as they like: one by one, and many messages at once', async (t) => {
  const session = sessionFor('external', false)
  const message = sentinel('external', false)
  for (const byte of message) session.receive(Uint8Array.of(byte))
  session.receive(new Uint8Array(Buffer.concat(Array.from({ length: 500 }, () => message))))
  t.equal(session.report().prefixes.received, 501)
  const half = message.length >>> 1
  for (let at = 0; at < 100; at++) {
    session.receive(new Uint8Array(Buffer.concat([message.subarray(half * (at % 2)), message.subarray(0, half * ((at + 1) % 2))])))
  }
  t.equal(session.report().state, 'Established')
})
