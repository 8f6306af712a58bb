import t from 'tap'
import type { SessionTerms } from '../../../../src/speaker/bgp/outbound.ts'
import { createLineTable } from '../../../../src/speaker/bgp/rib-out/line-table.ts'
import { createRibOut } from '../../../../src/speaker/bgp/rib-out/rib-out.ts'
import type { BgpLine } from '../../../../src/speaker/bgp/route.ts'
import type { PeerSettings } from '../../../../src/speaker/bgp/settings.ts'
import { EXTENDED_MESSAGE_MAX } from '../../../../src/wire/bgp/header.ts'
import { AFI, COMMUNITY, SAFI_UNICAST } from '../../../../src/wire/bgp/iana.ts'
import { type Clock, pull } from './support/pulling.ts'
import { createReceiver } from './support/receiver.ts'
import { attributes, ip, line, lines, lines6, peer, SECOND, SELF, THIRD, terms } from './support/samples.ts'

const ADD_PATH = { IPv4: { pathIds: true, extendedNextHop: false } } as const

/** A session that is up, with a receiver at its other end. */
function open(announced: readonly BgpLine[] | undefined, settings: PeerSettings = peer(), session: SessionTerms = terms()) {
  const table = createLineTable()
  const ribOut = createRibOut(settings, table)
  const clock: Clock = { nowMs: 0 }
  if (announced !== undefined) table.follow(announced)
  ribOut.established(session, 0)
  const receiver = createReceiver(session)
  return {
    table,
    ribOut,
    clock,
    receiver,
    pull: () => pull(ribOut, receiver, clock),
    announce(next: readonly BgpLine[]) {
      ribOut.changed(table.follow(next))
      return pull(ribOut, receiver, clock)
    },
    /** What was written down since it was asked last. */
    heard: () => receiver.log.splice(0),
  }
}

t.test('a thousand prefixes of one attribute set are at most ten UPDATEs, in each family', async (t) => {
  for (const announced of [lines(1000), lines6(1000)]) {
    const session = open(announced)
    session.pull()
    t.equal(session.receiver.table.size, 1000)
    t.ok(session.receiver.updates() <= 10, `${session.receiver.updates()} UPDATEs`)
    t.same([...session.receiver.endOfRib], ['IPv4', 'IPv6'])
    t.same(session.receiver.needless, [])
  }
  const extended = open(lines(10_000), peer(), terms({ longest: EXTENDED_MESSAGE_MAX }))
  extended.pull()
  t.equal(extended.receiver.updates(), 1)
})

t.test('sets that alternate are packed as well as sets that follow one another', async (t) => {
  const sets = Array.from({ length: 4 }, (_, med) => attributes({ med }))
  const announced = lines(4000).map((one, index) => ({ ...one, attributes: sets[index % 4] ?? one.attributes }))
  const session = open(announced)
  session.pull()
  t.equal(session.receiver.table.size, 4000)
  t.ok(session.receiver.updates() <= 8, `${session.receiver.updates()} UPDATEs`)
})

t.test('very many lines of as many sets are judged in turns, and none is lost', async (t) => {
  const announced = lines(12_000).map((one, med) => ({ ...one, attributes: attributes({ med }) }))
  const session = open(announced, peer(), terms({ families: { IPv4: { pathIds: false, extendedNextHop: false } } }))
  t.equal(session.ribOut.next(0), undefined, 'too much for one turn')
  t.equal(session.ribOut.waitMs(0), 0)
  t.equal(session.ribOut.counts().pending, 12_000)
  session.pull()
  t.equal(session.receiver.table.size, 12_000)
  t.equal(session.ribOut.waitMs(0), undefined)
  t.same(session.receiver.needless, [])
})

t.test('of ten thousand lines one that changes, comes or goes is exactly one message', async (t) => {
  const all = lines(10_000)
  const session = open(all)
  session.pull()
  const changed = all.with(5000, { ...(all[5000] ?? line('198.18.0.0/32')), attributes: attributes({ med: 7 }) })
  t.equal(session.announce(changed), 1)
  t.equal(session.announce(changed.toSpliced(100, 1)), 1)
  t.equal(session.announce(changed), 1)
  t.equal(session.announce(changed), 0)
  t.equal(session.announce(structuredClone(changed)), 0, 'other objects with the same contents')
  t.equal(session.announce(changed.toReversed()), 0, 'another order')
  t.equal(session.receiver.table.size, 10_000)
  t.same(session.receiver.needless, [])
})

t.test('what changes while it waits is told once, what goes before it was told never', async (t) => {
  const session = open([])
  session.pull()
  session.heard()
  const [first, second] = [line('198.18.0.1/32'), line('198.18.0.2/32')]
  session.ribOut.changed(session.table.follow([first, second]))
  session.ribOut.changed(session.table.follow([{ ...first, attributes: attributes({ med: 1 }) }, second]))
  session.ribOut.changed(session.table.follow([{ ...first, attributes: attributes({ med: 2 }) }]))
  t.equal(session.ribOut.counts().pending, 1)
  session.pull()
  t.same(session.heard(), ['+198.18.0.1/32'])
  t.match(session.receiver.table.get('198.18.0.1/32'), '"med":2')
  session.ribOut.changed(session.table.follow([]))
  session.ribOut.changed(session.table.follow([{ ...first, attributes: attributes({ med: 2 }) }]))
  t.equal(session.pull(), 0, 'gone and back unseen')
})

t.test('withdrawals come before announcements of any family', async (t) => {
  const session = open([line('198.18.0.1/32'), line('2001:db8:1::1/128')])
  session.pull()
  session.heard()
  session.announce([line('198.18.0.2/32')])
  t.same(session.heard(), ['-198.18.0.1/32', '-2001:db8:1::1/128', '+198.18.0.2/32'].toSorted(byKind))
})
const byKind = (a: string, b: string) => (a[0] === b[0] ? 0 : a[0] === '-' ? -1 : 1)

t.test('no End-of-RIB before the first set of lines, and then one of each family, though it is empty', async (t) => {
  const session = open(undefined)
  t.equal(session.pull(), 0)
  session.announce([])
  t.same(session.heard(), ['EoR IPv4', 'EoR IPv6'])
  t.equal(session.pull(), 0)
})

t.test('a new session is told everything, and knows nothing of the last', async (t) => {
  const session = open(lines(3))
  session.pull()
  session.ribOut.ended()
  t.same(session.ribOut.counts(), { announced: 0, pending: 3, byFamily: { IPv4: 0, IPv6: 0 } })
  session.ribOut.changed(session.table.follow(lines(2)))
  t.equal(session.ribOut.next(0), undefined)
  session.ribOut.established(terms(), 0)
  t.equal(session.ribOut.counts().pending, 2)
  const again = createReceiver(terms())
  pull(session.ribOut, again)
  t.same(again.log, ['+198.18.0.0/32', '+198.18.0.1/32', 'EoR IPv4', 'EoR IPv6'])
  t.same(session.ribOut.counts(), { announced: 2, pending: 0, byFamily: { IPv4: 2, IPv6: 0 } })
})

t.test('a refresh is the whole family between BoRR and EoRR, after End-of-RIB; without the capability only the family', async (t) => {
  const request = { afi: AFI.IPv4, safi: SAFI_UNICAST, subtype: 'request' } as const
  const session = open([line('198.18.0.1/32'), line('2001:db8:1::1/128')])
  session.ribOut.refresh(request)
  session.pull()
  t.same(session.heard(), ['+198.18.0.1/32', 'EoR IPv4', 'BoRR IPv4', '+198.18.0.1/32', 'EoRR IPv4', '+2001:db8:1::1/128', 'EoR IPv6'])
  const plain = open([line('198.18.0.1/32')], peer(), terms({ enhanced: false }))
  plain.pull()
  plain.heard()
  plain.ribOut.refresh(request)
  plain.ribOut.refresh({ ...request, subtype: 'end' })
  plain.ribOut.refresh({ ...request, safi: 2 })
  plain.pull()
  t.same(plain.heard(), ['+198.18.0.1/32'])
  t.equal(plain.announce([line('198.18.0.1/32')]), 0, 'it is over')
})

t.test('other rules tell only what they change', async (t) => {
  const announced = lines(100)
  const session = open(announced)
  session.pull()
  session.heard()
  const odd: PeerSettings['policy'] = {
    text: 'odd',
    judge: (subject) =>
      subject.prefix.base % 2n === 1n ? { kind: 'accept', subject, statement: 'odd' } : { kind: 'reject', statement: 'even' },
  }
  session.ribOut.configure(peer({ policy: odd }))
  session.pull()
  t.equal(session.heard().length, 50)
  t.same(session.ribOut.counts().announced, 50)
  session.ribOut.configure(peer({ policy: { ...odd }, times: { ...peer().times, holdMs: 9000 } }))
  t.equal(session.pull(), 0, 'the same text is the same policy')
  session.ribOut.configure(peer())
  session.pull()
  t.equal(session.heard().length, 50)
  t.same(session.receiver.needless, [])
})

t.test('a line is told to the peers it names', async (t) => {
  const session = open([line('198.18.0.1/32', { peers: ['router'] }), line('198.18.0.2/32', { peers: ['other'] })])
  session.pull()
  t.same([...session.receiver.table.keys()], ['198.18.0.1/32'])
  session.announce([line('198.18.0.1/32', { peers: [] }), line('198.18.0.2/32')])
  t.same([...session.receiver.table.keys()], ['198.18.0.2/32'])
})

t.test('drain: told once more as the last choice, then withdrawn, whatever the interval is', async (t) => {
  const settings = peer({ times: { ...peer().times, advertisementMs: 30_000 } })
  const internal = terms({ peering: 'internal', families: { IPv4: { pathIds: false, extendedNextHop: false } } })
  const session = open(lines(3, { attributes: attributes({ communities: [1] }) }), settings, internal)
  session.pull()
  session.heard()
  session.ribOut.drain('shutdown-community')
  t.equal(session.pull(), 1)
  t.equal(session.heard().length, 3)
  for (const route of session.receiver.table.values()) {
    t.match(route, `"communities":[1,${COMMUNITY.gracefulShutdown}]`)
    t.match(route, '"localPref":0')
  }
  session.ribOut.drain('withdraw')
  t.equal(session.pull(), 1)
  t.equal(session.receiver.table.size, 0)
  t.equal(session.announce(lines(4)), 0, 'a line that comes now is not told')
  t.equal(session.ribOut.counts().pending, 0)
})

t.test('of a prefix whose ways all change, the new one comes before the old one goes; of a way among others it goes first', async (t) => {
  const session = open([line('198.18.0.1/32', { nextHops: [SECOND] })], peer(), terms({ families: ADD_PATH }))
  session.pull()
  const [second = ''] = session.receiver.table.keys()
  session.heard()
  session.announce([line('198.18.0.1/32', { nextHops: [THIRD] })])
  const [third = ''] = session.receiver.table.keys()
  t.not(third, second)
  t.same(session.heard(), [`+${third}`, `-${second}`])
  session.announce([line('198.18.0.1/32', { nextHops: [SELF, THIRD] })])
  const [self = ''] = session.heard()
  session.announce([line('198.18.0.1/32', { nextHops: [SELF, SECOND] })])
  t.same(session.heard(), [`-${third}`, `+${second}`])
  t.same([...session.receiver.table.keys()].toSorted(), [self.slice(1), second].toSorted())
})

t.test('attributes that no message has room for are not told, the others are, and what was told before is withdrawn', async (t) => {
  const long = attributes({ communities: Array.from({ length: 2000 }, (_, index) => index) })
  const session = open([line('198.18.0.1/32'), line('198.18.0.2/32', { attributes: long })])
  session.pull()
  t.same([...session.receiver.table.keys()], ['198.18.0.1/32'])
  t.equal(session.ribOut.oversized(), 1)
  session.announce([line('198.18.0.1/32', { attributes: long }), line('198.18.0.2/32')])
  t.same([...session.receiver.table.keys()], ['198.18.0.2/32'])
  t.equal(session.ribOut.oversized(), 1)
  session.announce([line('198.18.0.2/32')])
  t.equal(session.ribOut.oversized(), 0)
  const extended = open([line('198.18.0.1/32', { attributes: long })], peer(), terms({ longest: EXTENDED_MESSAGE_MAX }))
  extended.pull()
  t.equal(extended.receiver.table.size, 1, 'where messages may be long, it is told')
})

t.test('a peer is never its own next hop', async (t) => {
  const policy: PeerSettings['policy'] = {
    text: 'peer as next hop',
    judge: (subject) => ({ kind: 'accept', subject: { ...subject, nextHop: ip('192.0.2.254') }, statement: 'loop' }),
  }
  const session = open([line('198.18.0.1/32')], peer({ policy }))
  session.pull()
  t.equal(session.receiver.table.size, 0)
})
