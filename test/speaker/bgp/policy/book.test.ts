import fc from 'fast-check'
import t from 'tap'
import { communitiesOf } from '../../../../src/api/bgp-community.ts'
import type { PolicySubject } from '../../../../src/speaker/bgp/export-policy.ts'
import { readPolicyBook } from '../../../../src/speaker/bgp/policy/book.ts'
import { exportPolicyOf } from '../../../../src/speaker/bgp/policy/export.ts'
import { asPathPattern, communityPattern, compilePattern, largePattern } from '../../../../src/speaker/bgp/policy/pattern.ts'
import { ip } from '../support/resolve-facts.ts'
import { CASES } from './vectors.ts'

const PEER = { address: ip('10.0.0.254'), localAs: 65_001, ownAsCount: 1, self: { IPv4: ip('10.0.0.1'), IPv6: undefined } }
const SUBJECT: PolicySubject = {
  prefix: { family: 'IPv4', base: ip('10.1.1.1').value, length: 32 },
  nextHop: ip('10.0.0.2'),
  attributes: { localPref: 200, med: 7, ...communitiesOf([{ kind: 'standard', value: 65_001 * 65_536 + 1 }]) },
  prepend: 0,
}
/** A statement of the policy `p`, which is the only one for export. */
const withStatement = (body: string): string =>
  `[global.apply-policy.config]\nexport-policy-list = ["p"]\n[[policy-definitions]]\nname = "p"\n[[policy-definitions.statements]]\n${body.replaceAll('@', 'policy-definitions.statements')}`
const judge = (text: string, subject = SUBJECT, peer = PEER) => {
  const { book, faults } = readPolicyBook(text)
  if (book === undefined) throw new TypeError(JSON.stringify(faults))
  return exportPolicyOf(book, text, peer).judge(subject)
}
const said = (text: string): readonly string[] =>
  readPolicyBook(text).faults.map(({ kind, path, message }) => `${kind}: ${path} ${message}`)

t.test('a text that GoBGP would not start with is refused as a whole, and each place is named', async (t) => {
  const table: readonly [text: string, want: RegExp][] = [
    ['[global', /^refused: line 1 is no TOML: /],
    ['a = 1\na = 2', /^refused: line 2 is no TOML: /],
    [
      withStatement('[@.conditions.match-prefix-set]\nprefix-set = "x"'),
      /^refused: policy-definitions\[0\]\.statements\[0\]\.conditions\.match-prefix-set\.prefix-set names "x", which is not defined$/,
    ],
    [
      withStatement('[@.actions]\nroute-dispositon = "reject-route"'),
      /^refused: .*actions\.route-dispositon is no setting of this section$/,
    ],
    [withStatement('[@.actions]\nroute-disposition = "drop"'), /route-disposition is "drop": write accept-route or reject-route$/],
    [withStatement('[@.actions.bgp-actions]\nset-med = "*2"'), /set-med is "\*2": write 100, "\+100" or "-100"$/],
    [withStatement('[@.actions.bgp-actions]\nset-med = 4294967296'), /set-med is "4294967296"/],
    [withStatement('[@.actions.bgp-actions]\nset-next-hop = "router"'), /set-next-hop is "router": write self, unchanged or an address$/],
    [withStatement('[@.actions.bgp-actions.set-as-path-prepend]\nas = "x"\nrepeat-n = 1'), /set-as-path-prepend\.as is "x"/],
    [
      withStatement(
        '[@.actions.bgp-actions.set-community]\noptions = "add"\n[@.actions.bgp-actions.set-community.set-community-method]\ncommunities-list = ["no-exprt"]',
      ),
      /communities-list\[0\] is "no-exprt", which cannot be followed$/,
    ],
    [
      withStatement('[@.conditions.bgp-conditions.as-path-length]\noperator = "gt"'),
      /as-path-length\.operator is "gt": write eq, ge or le$/,
    ],
    ['[global.apply-policy.config]\nexport-policy-list = ["x"]', /export-policy-list\[0\] names "x", which is not defined$/],
    ['[global.apply-policy.config]\ndefault-export-policy = "deny"', /default-export-policy is "deny"/],
    [
      '[[defined-sets.prefix-sets]]\nprefix-set-name = "a"\n[[defined-sets.prefix-sets.prefix-list]]\nip-prefix = "10.0.0.0"',
      /prefix-list\[0\]\.ip-prefix is "10\.0\.0\.0", which is no prefix$/,
    ],
    [
      '[[defined-sets.prefix-sets]]\nprefix-set-name = "a"\n[[defined-sets.prefix-sets.prefix-list]]\nip-prefix = "10.0.0.0/8"\nmasklength-range = "24"',
      /masklength-range is "24": write two lengths/,
    ],
    [
      '[[defined-sets.prefix-sets]]\nprefix-set-name = "a"\nprefix-list = [{ip-prefix = "10.0.0.0/8"}, {ip-prefix = "fd00::/8"}]',
      /has prefixes of both families/,
    ],
    [
      '[[defined-sets.bgp-defined-sets.community-sets]]\ncommunity-set-name = "a"\ncommunity-list = ["(1"]',
      /community-list\[0\] is "\(1", which cannot be followed$/,
    ],
    ['[defined-sets]\nneighbor-sets = 7', /defined-sets\.neighbor-sets is no table$/],
  ]
  for (const [text, want] of table) {
    t.match(said(text)[0], want, text)
    t.equal(readPolicyBook(text).book, undefined, text)
  }
})

t.test('what is left out or has no meaning is said, and the rest is followed', async (t) => {
  const table: readonly [text: string, want: RegExp][] = [
    [
      '[global.config]\nas = 65001\nrouter-id = "1.1.1.1"',
      /^no-meaning: config has no meaning here: BgpConf and BgpPeers say the rest$|^no-meaning: global\.config /,
    ],
    ['[zebra.config]\nenabled = true', /^no-meaning: zebra has no meaning here/],
    [
      '[[neighbors]]\n[neighbors.config]\nneighbor-address = "10.0.0.254"',
      /^no-meaning: neighbors\[0\] has no meaning: peers are BgpPeers$/,
    ],
    [
      '[global.apply-policy.config]\ndefault-import-policy = "reject-route"',
      /^no-meaning: .*default-import-policy has no meaning without an import-policy-list/,
    ],
    [
      withStatement('[@.conditions.bgp-conditions]\nrpki-validation-result = "valid"\n[@.actions]\nroute-disposition = "reject-route"'),
      /^no-meaning: .*rpki-validation-result never holds/,
    ],
    [withStatement('[@.actions.bgp-actions]\nset-route-origin = "egp"'), /^not-honoured: .*set-route-origin is not followed/],
    [withStatement('[@.actions.bgp-actions]\nset-next-hop = "peer-address"'), /^not-honoured: .*set-next-hop is not followed/],
  ]
  for (const [text, want] of table) {
    t.match(said(text), [want], text)
    t.match(judge(text), { kind: 'accept', subject: SUBJECT }, text)
  }
})

t.test('conditions that GoBGP 3.10 reads and does not look at', async (t) => {
  const holds = (line: string): boolean =>
    judge(withStatement(`[@.conditions.bgp-conditions${line}\n[@.actions]\nroute-disposition = "reject-route"`)).kind === 'reject'
  const table: readonly [string, boolean][] = [
    ['.community-count]\noperator = "eq"\nvalue = 1', true],
    ['.community-count]\noperator = "ge"\nvalue = 2', false],
    ['.community-count]\noperator = "attribute-le"\nvalue = 1', true],
    [']\nmed-eq = 7', true],
    [']\nmed-eq = 8', false],
    [']\nlocal-pref-eq = 200', true],
    [']\nlocal-pref-eq = 100', false],
    [']\norigin-eq = "igp"', true],
    [']\norigin-eq = "egp"', false],
  ]
  for (const [line, want] of table) t.equal(holds(line), want, line)
  t.match(judge(withStatement('name = "s"\n[@.actions]\nroute-disposition = "reject-route"')), { kind: 'reject', statement: 'p/s' })
})

t.test('next hops and prepended numbers are those that a router can take', async (t) => {
  const set = (line: string, subject = SUBJECT) => judge(withStatement(`[@.actions.bgp-actions${line}`), subject)
  const six: PolicySubject = { ...SUBJECT, prefix: { family: 'IPv6', base: ip('fd00::').value, length: 128 }, nextHop: ip('fd00::2') }
  t.match(set(']\nset-next-hop = "self"'), { subject: { nextHop: ip('10.0.0.1') } })
  t.match(set(']\nset-next-hop = "self"', six), { subject: { nextHop: ip('fd00::2') } }, 'the node has no address of that family')
  t.match(
    set(']\nset-next-hop = "10.9.9.9"', six),
    { subject: { nextHop: ip('fd00::2') } },
    'an address of the other family is no next hop',
  )
  t.match(set(']\nset-next-hop = "unchanged"'), { subject: { nextHop: SUBJECT.nextHop } })
  t.match(set('.set-as-path-prepend]\nas = "65001"\nrepeat-n = 3'), { subject: { prepend: 3 } })
  t.match(set('.set-as-path-prepend]\nas = "65100"\nrepeat-n = 3'), { subject: { prepend: 0 } }, 'only our own AS')
  t.same(readPolicyBook(withStatement('[@.actions.bgp-actions.set-as-path-prepend]\nas = "65100"\nrepeat-n = 3')).book?.prepends, [
    { path: 'policy-definitions[0].statements[0].actions.bgp-actions.set-as-path-prepend.as', as: '65100' },
  ])
})

t.test('a neighbour with policies of its own has those instead of the global ones', async (t) => {
  const text = `${withStatement('[@.actions]\nroute-disposition = "reject-route"')}
[[neighbors]]
  [neighbors.config]
    neighbor-address = "10.0.0.254"
  [neighbors.apply-policy.config]
    default-export-policy = "accept-route"
`
  t.equal(judge(text).kind, 'accept')
  t.equal(judge(text, SUBJECT, { ...PEER, address: ip('10.0.0.253') }).kind, 'reject')
})

t.test('routes that shared their attributes still do', async (t) => {
  const text = withStatement('[@.actions.bgp-actions]\nset-med = "+1"\nset-local-pref = 300')
  const { book } = readPolicyBook(text)
  if (book === undefined) throw new TypeError('refused')
  const policy = exportPolicyOf(book, text, PEER)
  const attributes = [1n, 2n].map((host) => {
    const verdict = policy.judge({ ...SUBJECT, prefix: { ...SUBJECT.prefix, base: host } })
    return verdict.kind === 'accept' ? verdict.subject.attributes : undefined
  })
  t.match(attributes[0], { med: 8, localPref: 300 })
  t.equal(attributes[0], attributes[1])
})

t.test('patterns', async (t) => {
  t.ok(communityPattern('65001:.*')?.test('65001:7'))
  t.notOk(communityPattern('5001:1')?.test('65001:1'), 'what looks like a community must fit as a whole')
  t.ok(communityPattern('NO_EXPORT')?.test('65535:65281'))
  t.ok(communityPattern('4259905537')?.test('65001:1'))
  t.ok(largePattern('65001:1:[0-9]')?.test('65001:1:7'))
  t.ok(asPathPattern('_65001_')?.test('65001'))
  t.notOk(asPathPattern('_6500_')?.test('65001'))
  for (const bad of ['(', '(a+)+', '((a|b)*c){3}', '(?i)a', '[[:digit:]]', '\\pN', 'x'.repeat(513)])
    t.equal(compilePattern(bad), undefined, bad)
  for (const good of ['(a|b)*', '(?:1|2){2}', '[(]+', '\\(a+\\)+', '[0-9]+:[0-9]+']) t.ok(compilePattern(good), good)
})

t.test('whatever a text holds, nothing throws', async (t) => {
  const texts = CASES.map(({ policy }) => policy)
  const cut = fc
    .tuple(fc.constantFrom(...texts), fc.nat(), fc.nat({ max: 40 }), fc.string({ maxLength: 8 }))
    .map(([text, at, length, put]) => {
      const from = text.length === 0 ? 0 : at % text.length
      return text.slice(0, from) + put + text.slice(from + length)
    })
  let read = 0
  fc.assert(
    fc.property(fc.oneof(cut, fc.string()), (text) => {
      const { book, faults } = readPolicyBook(text)
      if (book === undefined) return faults.some(({ kind }) => kind === 'refused')
      read++
      return ['accept', 'reject'].includes(exportPolicyOf(book, text, PEER).judge(SUBJECT).kind)
    }),
    { numRuns: 2000 },
  )
  t.ok(read > 50, `${read} were read`)
})
