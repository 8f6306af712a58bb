/** Our OPEN, and what is taken and refused of the peer's. */
import t from 'tap'
import { isRestarting } from '../../../src/speaker/bgp/restart-clock.ts'
import { capabilityWords } from '../../../src/speaker/bgp/session-capabilities.ts'
import { openOf, peerOpenOf, refusalOf } from '../../../src/speaker/bgp/session-open.ts'
import type { BgpRole, PeerSettings } from '../../../src/speaker/bgp/settings.ts'
import type { Capability } from '../../../src/wire/bgp/capabilities.ts'
import { negotiate } from '../../../src/wire/bgp/negotiate.ts'
import { type Open, parseOpen, serializeOpen } from '../../../src/wire/bgp/open.ts'
import { type PeerText, peerOf } from '../support/bgp-settings.ts'
import { createPaperSession } from './support/paper-session.ts'

const FRESH = { node: 'node-1', ageMs: 0, hadSession: false }
const settings = (over: Partial<PeerText> = {}): PeerSettings => peerOf({ remote: '192.0.2.1', ...over })
const kinds = (open: Open): readonly string[] => open.capabilities.map(({ kind }) => kind)
const find = <K extends Capability['kind']>(open: Open, kind: K) =>
  open.capabilities.find((capability): capability is Extract<Capability, { kind: K }> => capability.kind === kind)

t.test('all that we can is offered, and no more than the settings say', async (t) => {
  const plain = openOf(settings(), FRESH)
  t.same(kinds(plain), [
    'multiprotocol',
    'multiprotocol',
    'route-refresh',
    'enhanced-route-refresh',
    'extended-message',
    'four-octet-as',
    'extended-next-hop',
    'fqdn',
  ])
  t.match(plain, { as: 65_001, holdSeconds: 9, routerId: 0x0aff_0001 })
  const six = openOf(settings({ families: ['IPv6'], holdMs: 0 }), FRESH)
  t.notOk(kinds(six).includes('extended-next-hop'), 'of IPv4 alone')
  t.equal(six.holdSeconds, 0)
  const restart = { restartSec: 120, notification: true, longLivedSec: 3600 }
  const full = openOf(settings({ addPathSend: 4, role: 'customer', gracefulRestart: restart }), { ...FRESH, ageMs: 1000 })
  t.match(find(full, 'add-path')?.families, [{ mode: 'send' }, { mode: 'send' }], 'several paths are sent, and never taken')
  t.match(find(full, 'role'), { role: 3 })
  t.match(find(full, 'graceful-restart'), {
    restarting: true,
    notification: true,
    restartSeconds: 120,
    families: [{ preserved: true }, { preserved: true }],
  })
  t.match(find(full, 'long-lived-graceful-restart')?.families, [{ staleSeconds: 3600 }, { staleSeconds: 3600 }])
  const wire = parseOpen(serializeOpen(full).subarray(19))
  t.same(wire.ok && wire.value, full, 'it fits into a message')
  t.equal(find(openOf(settings(), { ...FRESH, node: 'x'.repeat(300) }), 'fqdn')?.host, '')
  t.equal(openOf(settings({ localAs: 4_200_000_001 }), FRESH).as, 4_200_000_001)
})

t.test('the R bit: in the first restart time of the process, until there was a session', async (t) => {
  const restart = { restartSec: 60, notification: false, longLivedSec: undefined }
  const cases: readonly [number, boolean, boolean][] = [
    [0, false, true],
    [59_999, false, true],
    [60_000, false, false],
    [1000, true, false],
  ]
  for (const [ageMs, hadSession, want] of cases) t.equal(isRestarting(restart, ageMs, hadSession), want, `${ageMs} ms, ${hadSession}`)
  t.equal(isRestarting({ ...restart, restartSec: 0 }, 0, false), false, 'who only helps does not restart')
})

const THEIRS: Open = { as: 65_000, holdSeconds: 90, routerId: 9, capabilities: [{ kind: 'multiprotocol', afi: 1, safi: 1 }] }
const refusal = (over: Partial<PeerText>, theirs: Partial<Open> = {}) => {
  const peer = settings(over)
  return refusalOf(peer, openOf(peer, FRESH), { ...THEIRS, ...theirs })?.subcode
}

t.test('what is refused', async (t) => {
  t.equal(refusal({}), undefined)
  t.equal(refusal({}, { as: 65_002 }), 2)
  t.equal(refusal({ expectedAs: 'external' }, { as: 65_002 }), undefined)
  t.equal(refusal({ expectedAs: 'external' }, { as: 65_001 }), 2)
  t.equal(refusal({ expectedAs: 'internal' }, { as: 65_001 }), undefined)
  t.equal(refusal({ expectedAs: 'internal' }), 2)
  t.equal(refusal({}, { as: 23_456 }), 2, 'AS_TRANS')
  t.equal(refusal({ expectedAs: 65_001 }, { as: 65_001, routerId: 0x0aff_0001 }), 3, 'our own identifier in our own AS')
  t.equal(refusal({}, { routerId: 0x0aff_0001 }), undefined, 'RFC 6286: unique within an AS only')
  t.equal(refusal({ families: ['IPv6'] }), 7, 'no family in common')
  t.equal(refusal({ families: ['IPv6'] }, { capabilities: [] }), 7, 'who says nothing speaks IPv4')
  t.equal(refusal({ families: ['IPv4'] }, { capabilities: [] }), undefined)
  const six = settings({ families: ['IPv6'] })
  const said = refusalOf(six, openOf(six, FRESH), THEIRS)
  t.same([...(said?.data ?? [])], [1, 4, 0, 2, 0, 1], 'RFC 5492 section 5: the capabilities that are missing, as in an OPEN')
})

t.test('RFC 9234 section 4.2: roles', async (t) => {
  const pairs: readonly [BgpRole, number][] = [
    ['provider', 3],
    ['customer', 0],
    ['route-server', 2],
    ['route-server-client', 1],
    ['peer', 4],
  ]
  for (const [role, fits] of pairs) {
    t.equal(refusal({ role }), undefined, `${role}: a peer without a role is taken`)
    for (let theirs = 0; theirs <= 5; theirs++) {
      const capabilities = [...THEIRS.capabilities, { kind: 'role', role: theirs } as const]
      t.equal(refusal({ role }, { capabilities }), theirs === fits ? undefined : 11, `${role} and ${theirs}`)
      t.equal(refusal({}, { capabilities }), undefined, 'we have none')
    }
    const two = [...THEIRS.capabilities, { kind: 'role', role: fits } as const, { kind: 'role', role: (fits + 1) % 5 } as const]
    t.equal(refusal({ role }, { capabilities: two }), 11, 'two that differ')
  }
})

t.test('the words for the status', async (t) => {
  const ours = openOf(settings({ addPathSend: 2, gracefulRestart: { restartSec: 60, notification: true, longLivedSec: 1 } }), FRESH)
  const both = (capability: Capability) => [...THEIRS.capabilities, capability]
  const words = (capability: Capability) => {
    const theirs = { ...THEIRS, capabilities: both(capability) }
    return capabilityWords(ours, theirs, negotiate(ours, theirs)).slice(1)
  }
  t.same(words({ kind: 'route-refresh' }), ['route-refresh'])
  t.same(words({ kind: 'four-octet-as', as: 65_000 }), ['four-octet-as'])
  t.same(words({ kind: 'extended-message' }), ['extended-message'])
  t.same(words({ kind: 'extended-next-hop', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }), ['extended-next-hop ipv4'])
  t.same(words({ kind: 'add-path', families: [{ afi: 1, safi: 1, mode: 'both' }] }), ['add-path ipv4 send'])
  const restart = { kind: 'graceful-restart', restarting: false, notification: true, restartSeconds: 120 } as const
  const family = { afi: 1, safi: 1, preserved: false }
  t.same(words({ ...restart, families: [family] }), ['graceful-restart 120 s ipv4', 'graceful-restart notification'])
  t.same(words({ ...restart, notification: false, families: [] }), ['graceful-restart 120 s helper'])
  t.same(words({ kind: 'long-lived-graceful-restart', families: [] }), ['long-lived-graceful-restart'])
  t.same(peerOpenOf({ ...THEIRS, capabilities: both({ ...restart, families: [family] }) }).gracefulRestart, {
    families: 1,
    notification: true,
  })
})

t.test('which sessions a restart may leave without a word', async (t) => {
  const gracefulRestart = { restartSec: 60, notification: false, longLivedSec: undefined }
  const theirs: Capability = { kind: 'graceful-restart', restarting: false, notification: false, restartSeconds: 60, families: [] }
  const cases: readonly [string, Partial<PeerText>, readonly Capability[], boolean][] = [
    ['both do, the router helps only', { gracefulRestart }, [theirs], true],
    ['the router does not', { gracefulRestart }, [], false],
    ['we do not', {}, [theirs], false],
    ['we help only', { gracefulRestart: { ...gracefulRestart, restartSec: 0 } }, [theirs], false],
    ['we name no family', { gracefulRestart, restarts: false }, [theirs], false],
  ]
  for (const [name, over, said, want] of cases) {
    const family: Capability = { kind: 'multiprotocol', afi: 1, safi: 1 }
    const session = createPaperSession({ peerAs: 65_002, localAs: 65_001, settings: over, capabilities: [family, ...said] })
    t.equal(session.survivesRestart(), false, `${name}: before there is one`)
    session.establish()
    t.equal(session.report().state, 'Established', name)
    t.equal(session.survivesRestart(), want, name)
  }
})
