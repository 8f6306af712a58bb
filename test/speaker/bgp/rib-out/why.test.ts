import t from 'tap'
import type { SessionTerms } from '../../../../src/speaker/bgp/outbound.ts'
import { createLineTable } from '../../../../src/speaker/bgp/rib-out/line-table.ts'
import { createRibOut } from '../../../../src/speaker/bgp/rib-out/rib-out.ts'
import type { BgpLine } from '../../../../src/speaker/bgp/route.ts'
import type { PeerSettings } from '../../../../src/speaker/bgp/settings.ts'
import { attributes, line, peer, SECOND, SELF, terms } from './support/samples.ts'

function open(one: BgpLine, settings: PeerSettings = peer(), session: SessionTerms | undefined = terms()) {
  const table = createLineTable()
  table.follow([one])
  const ribOut = createRibOut(settings, table)
  if (session !== undefined) ribOut.established(session, 0)
  return {
    table,
    ribOut,
    pull: () => {
      while (ribOut.next(0) !== undefined);
    },
    why: (asked = one) => {
      const { told, reason, message, paths } = ribOut.why(asked)
      return { told, reason, message, paths }
    },
  }
}
const TEXT = '198.18.0.1/32'

t.test('told and pending, with the path in words', async (t) => {
  const said = attributes({
    med: 5,
    communities: [0xffff_0000, 65_000 * 65_536 + 1],
    largeCommunities: [{ global: 1, local1: 2, local2: 3 }],
    extendedCommunities: [Uint8Array.of(0, 2, 253, 232, 0, 0, 0, 1)],
  })
  const words = 'via 192.0.2.1, AS path 65001, MED 5, communities graceful-shutdown 65000:1 large:1:2:3 rt:65000:1, OTC 65001'
  const session = open(line(TEXT, { attributes: said }), peer({ role: 'provider' }))
  t.match(session.why(), { told: false, reason: 'pending', paths: [words] })
  session.pull()
  t.match(session.why(), { told: true, reason: 'told', message: 'the peer has been told', paths: [words] })
  const changed = line(TEXT)
  session.ribOut.changed(session.table.follow([changed]))
  t.match(session.why(changed), { told: true, reason: 'pending', paths: ['via 192.0.2.1, AS path 65001, OTC 65001'] })
})

t.test('an internal session with several paths', async (t) => {
  const families = { IPv4: { pathIds: true, extendedNextHop: false } }
  const session = open(line(TEXT, { nextHops: [SELF, SECOND] }), peer(), terms({ peering: 'internal', families }))
  session.pull()
  const { paths } = session.why()
  t.equal(paths.length, 2)
  t.match(paths[0], /^via 192\.0\.2\.1, path \d+, an empty AS path, local preference 100$/)
})

t.test('every reason for which a line is not told', async (t) => {
  const reject: PeerSettings['policy'] = { text: 'none', judge: () => ({ kind: 'reject', statement: 'nothing-out' }) }
  const long = attributes({ communities: Array.from({ length: 2000 }, (_, index) => index) })
  const v6 = line('2001:db8:1::1/128')
  const onlyIpv4 = { IPv4: { pathIds: false, extendedNextHop: false } }
  const cases: readonly (readonly [string, ReturnType<typeof open>, RegExp])[] = [
    ['session-down', openDown(line(TEXT)), /no session/],
    ['peer-not-selected', open(line(TEXT, { peers: ['a', 'b'] })), /only a, b is told/],
    ['peer-not-selected', open(line(TEXT, { peers: [] })), /only nobody is told/],
    ['peer-not-selected', openDown(line(TEXT, { peers: ['a'] })), /only a is told/],
    ['family-not-negotiated', open(v6, peer(), terms({ families: onlyIpv4 })), /IPv6 unicast was not agreed/],
    ['family-not-negotiated', openDown(v6, peer({ families: [] })), /does not name IPv6 unicast/],
    ['other-nodes', open(line(TEXT, { nextHops: [SECOND] })), /goes to n2, and this peer is told of this node alone/],
    ['no-next-hop', open(line(TEXT), peer(), terms({ remote: '192.0.2.1' })), /no node/],
    ['policy-rejected', open(line(TEXT), peer({ policy: reject })), /by its statement nothing-out/],
    ['attributes-too-long', open(line(TEXT, { attributes: long })), /no room/],
  ]
  for (const [reason, session, message] of cases) {
    session.pull()
    const why = session.why()
    t.match({ ...why, message: undefined }, { told: false, reason })
    t.match(why.message, message, reason)
  }
})
function openDown(one: BgpLine, settings = peer()) {
  const session = open(one, settings)
  session.ribOut.ended()
  return session
}

t.test('of two paths one that is too long is left out, and said', async (t) => {
  const families = { IPv4: { pathIds: true, extendedNextHop: false } }
  const policy: PeerSettings['policy'] = {
    text: 'long second',
    judge: (subject) => ({
      kind: 'accept',
      subject:
        subject.nextHop === SECOND.IPv4
          ? { ...subject, attributes: { ...subject.attributes, communities: Array.from({ length: 2000 }, (_, index) => index) } }
          : subject,
      statement: undefined,
    }),
  }
  const session = open(line(TEXT, { nextHops: [SELF, SECOND] }), peer({ policy }), terms({ families }))
  session.pull()
  const why = session.why()
  t.match({ ...why, paths: why.paths.length }, { told: true, reason: 'attributes-too-long', paths: 1 })
  t.match(why.message, /one of its paths is not told/)
  t.equal(session.ribOut.oversized(), 1)
})

t.test('a policy that now rejects, before the peer heard; and a node that leaves', async (t) => {
  const session = open(line(TEXT))
  session.pull()
  session.ribOut.configure(peer({ policy: { text: 'none', judge: () => ({ kind: 'reject', statement: undefined }) } }))
  const why = session.why()
  t.match({ told: why.told, reason: why.reason }, { told: true, reason: 'policy-rejected' })
  t.match(why.message, /by default; the peer is about to be told/)
  session.ribOut.drain('withdraw')
  session.pull()
  t.match(session.why(), { told: false, reason: 'leaving' })
})
