import t from 'tap'
import { createLineTable } from '../../../../src/speaker/bgp/rib-out/line-table.ts'
import { createRibOut } from '../../../../src/speaker/bgp/rib-out/rib-out.ts'
import type { RouteAttributes } from '../../../../src/speaker/bgp/route.ts'
import type { BgpRole, PeerSettings } from '../../../../src/speaker/bgp/settings.ts'
import { COMMUNITY } from '../../../../src/wire/bgp/iana.ts'
import { pull } from './support/pulling.ts'
import { createReceiver } from './support/receiver.ts'
import { attributes, LOCAL_AS, line, peer, type TermsOptions, terms } from './support/samples.ts'

/** What the peer reads of one route, as an object. */
function told(said: Partial<RouteAttributes>, options: TermsOptions = {}, over: Partial<PeerSettings> = {}): Record<string, unknown> {
  const table = createLineTable()
  table.follow([line('198.18.0.1/32', { attributes: attributes(said) })])
  const session = terms(options)
  const ribOut = createRibOut(peer(over), table)
  const receiver = createReceiver(session)
  ribOut.established(session, 0)
  pull(ribOut, receiver)
  const words = receiver.table.get('198.18.0.1/32') ?? ''
  return JSON.parse(words.slice(words.indexOf('{')))
}
const internal = { peering: 'internal' } as const
const ours = [{ kind: 'sequence', ases: [LOCAL_AS] }]

t.test(
  'to an external peer: our AS, no local preference; to an internal one no AS and a local preference (RFC 4271 section 5.1)',
  async (t) => {
    t.same(told({}), { origin: 'igp', asPath: ours })
    t.same(told({ localPref: 300, med: 0 }), { origin: 'igp', asPath: ours, med: 0 })
    t.same(told({}, internal), { origin: 'igp', asPath: [], localPref: 100 })
    t.same(told({ localPref: 0, med: 9 }, internal), { origin: 'igp', asPath: [], localPref: 0, med: 9 })
  },
)

t.test('communities of all three kinds, well-known ones among them, are passed on as they are', async (t) => {
  const said = {
    communities: [65_000 * 65_536 + 1, COMMUNITY.noAdvertise, COMMUNITY.noExport],
    largeCommunities: [{ global: 4_200_000_000, local1: 1, local2: 2 }],
    extendedCommunities: [Uint8Array.of(0, 2, 253, 232, 0, 0, 0, 1)],
  }
  t.same(told(said), { origin: 'igp', asPath: ours, ...said, extendedCommunities: [[0, 2, 253, 232, 0, 0, 0, 1]] })
})

t.test('a policy prepends our AS to external peers only: to internal ones it would be a loop', async (t) => {
  const policy: PeerSettings['policy'] = {
    text: 'prepend',
    judge: (subject) => ({ kind: 'accept', subject: { ...subject, prepend: 300 }, statement: 'prepend' }),
  }
  t.same(told({}, {}, { policy }).asPath, [
    { kind: 'sequence', ases: Array(255).fill(LOCAL_AS) },
    { kind: 'sequence', ases: Array(46).fill(LOCAL_AS) },
  ])
  t.same(told({}, internal, { policy }).asPath, [])
})

t.test('OTC goes down and sideways, to external peers (RFC 9234 section 5)', async (t) => {
  const marked: readonly BgpRole[] = ['provider', 'peer', 'route-server']
  for (const role of ['provider', 'peer', 'route-server', 'customer', 'route-server-client'] as const) {
    t.equal(told({}, {}, { role }).onlyToCustomer, marked.includes(role) ? LOCAL_AS : undefined, role)
    t.equal(told({}, internal, { role }).onlyToCustomer, undefined, `${role}, internal`)
  }
})

t.test('a policy may set a next hop of the family that the session carries', async (t) => {
  const table = createLineTable()
  table.follow([line('198.18.0.1/32'), line('2001:db8:1::1/128')])
  const table4 = (options: TermsOptions) => {
    const address = { family: 'IPv6', value: 0x2001_0db8n << 96n } as const
    const policy: PeerSettings['policy'] = {
      text: 'next hop',
      judge: (subject) => ({ kind: 'accept', subject: { ...subject, nextHop: { ...address, value: address.value + 9n } }, statement: 's' }),
    }
    const session = terms(options)
    const ribOut = createRibOut(peer({ policy }), table)
    const receiver = createReceiver(session)
    ribOut.established(session, 0)
    pull(ribOut, receiver)
    return [...receiver.table].map(([key, words]) => `${key} ${words.split(' ')[0]}`).toSorted()
  }
  const plain = { pathIds: false, extendedNextHop: false }
  t.same(table4({}), ['2001:db8:1::1/128 2001:db8::9'], 'none of IPv6 for IPv4')
  t.same(
    table4({ families: { IPv4: { ...plain, extendedNextHop: true }, IPv6: plain } }),
    ['198.18.0.1/32 2001:db8::9', '2001:db8:1::1/128 2001:db8::9'],
    'but with RFC 8950',
  )
})
