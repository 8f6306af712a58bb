import t from 'tap'
import { communitiesOf } from '../../../src/api/bgp-community.ts'
import type { BgpConfSpec } from '../../../src/api/bgp-conf.ts'
import { EXPORT_OWN, type PolicySubject } from '../../../src/speaker/bgp/export-policy.ts'
import { resolveBgp } from '../../../src/speaker/bgp/resolve.ts'
import type { BgpFacts } from '../../../src/speaker/bgp/resolve-facts.ts'
import { confOf, FACTS, ip, peerOf, ROUTER } from './support/resolve-facts.ts'

const REJECT = '[global.apply-policy.config]\ndefault-export-policy = "reject-route"\n'
const ACCEPT = '[global.apply-policy.config]\ndefault-export-policy = "accept-route"\n'
const SUBJECT: PolicySubject = {
  prefix: { family: 'IPv4', base: 1n, length: 32 },
  nextHop: ip('10.0.0.1'),
  attributes: { localPref: undefined, med: undefined, ...communitiesOf([]) },
  prepend: 0,
}

/** What becomes of one route to the first peer, the problems, and the text that runs. */
function outcome(facts: Partial<BgpFacts>, spec: BgpConfSpec = { as: 65_001, policy: 'routes' }) {
  const { settings, problems, goodPolicyText } = resolveBgp({ ...FACTS, conf: confOf(spec), ...facts })
  const policy = settings?.peers[0]?.policy
  return { told: policy?.judge(SUBJECT).kind, policy, codes: problems.map(({ code }) => code), problems, goodPolicyText }
}

t.test('which policy runs', async (t) => {
  const bad = 'not TOML'
  const table: readonly [name: string, facts: Partial<BgpFacts>, told: string, codes: readonly string[], good: string | undefined][] = [
    ['one that can be read', { policyText: REJECT }, 'reject', [], REJECT],
    ['it wins over the one before', { policyText: ACCEPT, lastPolicyText: REJECT }, 'accept', [], ACCEPT],
    ['one that cannot leaves that before', { policyText: bad, lastPolicyText: REJECT }, 'reject', ['policy-unreadable'], REJECT],
    ['so does one before that accepts', { policyText: bad, lastPolicyText: ACCEPT }, 'accept', ['policy-unreadable'], ACCEPT],
    ['without one before, nothing is told (RFC 8212)', { policyText: bad }, 'reject', ['policy-unreadable'], undefined],
    ['a ConfigMap that is not there yet', {}, 'accept', ['policy-missing'], undefined],
    ['one that went away', { lastPolicyText: REJECT }, 'reject', ['policy-missing'], REJECT],
    ['one before that cannot be read', { policyText: bad, lastPolicyText: bad }, 'reject', ['policy-unreadable'], undefined],
  ]
  for (const [name, facts, told, codes, good] of table) {
    const result = outcome(facts)
    t.equal(result.told, told, name)
    t.same(result.codes, codes, name)
    t.equal(result.goodPolicyText, good, name)
  }
})

t.test('without a name in BgpConf no text is followed, and none is kept', async (t) => {
  const result = outcome({ policyText: REJECT, lastPolicyText: REJECT }, { as: 65_001 })
  t.equal(result.policy, EXPORT_OWN)
  t.equal(result.goodPolicyText, undefined)
})

t.test('equal texts are one policy, and another text, AS or peer is another', async (t) => {
  const text = (facts: Partial<BgpFacts>, spec?: BgpConfSpec) => outcome(facts, spec).policy?.text
  const peers = [peerOf('tor', { conf: { ...ROUTER, neighborAddress: '10.0.0.253' } })]
  t.equal(text({ policyText: REJECT }), text({ policyText: REJECT }))
  t.not(text({ policyText: REJECT }), text({ policyText: `${REJECT}#` }))
  t.not(text({ policyText: REJECT }), text({ policyText: REJECT, peers }))
  t.not(text({ policyText: REJECT }), text({ policyText: REJECT }, { as: 65_002, policy: 'routes' }))
})

t.test('however long a key is, what is said of it fits a status', async (t) => {
  const [problem] = outcome({ policyText: `[global.apply-policy.config]\n${'x'.repeat(5000)} = 1` }).problems
  t.match(problem?.message, /apply-policy\.config\.x+…$/)
  t.ok((problem?.message.length ?? 0) <= 1024)
})

t.test('what is not honoured names its place and its ConfigMap', async (t) => {
  const policyText = `${REJECT}[[policy-definitions]]
name = "p"
[[policy-definitions.statements]]
[policy-definitions.statements.actions.bgp-actions.set-as-path-prepend]
as = "65100"
repeat-n = 1
[zebra.config]
enabled = true`
  const [zebra, prepend] = outcome({ policyText }).problems
  t.match(zebra, { peer: undefined, code: 'policy-no-meaning', message: /^the policy in ConfigMap routes: zebra has no meaning here/ })
  t.match(prepend, {
    code: 'policy-not-honoured',
    message: /statements\[0\]\.actions\.bgp-actions\.set-as-path-prepend\.as is 65100/,
    cure: 'write last-as',
  })
})
