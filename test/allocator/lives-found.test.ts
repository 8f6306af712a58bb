/** What random lives against the model found, each as the few facts that it takes. */
import t from 'tap'
import { decide } from '../../src/allocator/decide.ts'
import { claim, eip, facts, service } from '../support/allocator-objects.ts'
import { brief } from '../support/decision-brief.ts'

const both = { ipFamilies: ['IPv4', 'IPv6'] } as const
const shown = (...ingress: string[]) => ({ label: 'p', ingress, condition: { status: 'True', reason: 'Allocated', message: '' } as const })

t.test('an address that another Eip has by now, the one that is named, is amended and not joined for ever', async (t) => {
  const of = service('s', { eip: 'p', address: '10.0.0.3', ...shown('10.0.0.3') })
  const eips = [
    eip('p', 'fd00::/127', { addresses: ['10.0.0.0/30'], created: '2026-01-01T00:00:00Z' }),
    eip('q', '10.0.0.2-10.0.0.5', { created: '2026-01-01T00:00:01Z' }),
  ]
  const decision = decide(facts(of, { eips, claims: [claim('10.0.0.3', 'q', 's')] }))
  t.match(decision, { kind: 'amend', spec: { eip: 'p', address: '10.0.0.3' } })
})

t.test('RequireDualStack takes nothing from a quota that has room for one', async (t) => {
  const dual = eip('p', '10.0.0.0/30', { addresses: ['fd00::/126'], isDefault: true, quota: { perNamespace: 2 } })
  const given = { eips: [dual], claims: [claim('10.0.0.0', 'p', 'other')] }
  const required = decide(facts(service('s', { ...both, ipFamilyPolicy: 'RequireDualStack' }), given))
  t.equal(brief(required), 'nothing, refused IPv6:QuotaExceeded')
  const preferred = decide(facts(service('s', { ...both, ipFamilyPolicy: 'PreferDualStack' }), given))
  t.equal(brief(preferred), 'claim 10.0.0.1 of p (free)')
})

t.test('what an Eip noted of a Service is no address on show: both or nothing', async (t) => {
  const of = service('s', { ...both, ipFamilyPolicy: 'RequireDualStack' })
  const decision = decide(facts(of, { eips: [eip('p', '10.0.0.0/30', { isDefault: true })], remembered: ['10.0.0.1'] }))
  t.equal(brief(decision), 'nothing, refused IPv6:FamilyMismatch')
})

t.test('a claim that was never on show is not shown for a request that cannot be read', async (t) => {
  const eips = [eip('p', '10.0.0.0/30', { isDefault: true })]
  const held = claim('10.0.0.0', 'p', 's')
  const unread = decide(facts(service('s', { address: 'nonsense' }), { eips, claims: [held] }))
  t.equal(brief(unread), 'nothing, refused AddressInvalid, drop 10.0.0.0')
  const kept = decide(facts(service('s', { address: 'nonsense', ...shown('10.0.0.0') }), { eips, claims: [held] }))
  t.equal(brief(kept), 'keep 10.0.0.0 of p, refused AddressInvalid')
})

t.test('PreferDualStack with an address of an Eip that it does not name is not content', async (t) => {
  const of = service('s', { ...both, ipFamilyPolicy: 'PreferDualStack', eip: 'r', ...shown('10.0.0.0') })
  const decision = decide(facts(of, { eips: [eip('p', '10.0.0.0/30')], claims: [claim('10.0.0.0', 'p', 's')] }))
  t.match(decision, { kind: 'settle', desired: { ingress: ['10.0.0.0'], condition: { status: 'False', reason: 'PoolNotFound' } } })
})

t.test('a Service that names several Eips waits for all of them', async (t) => {
  const decision = decide(facts(service('s', { eip: 'p,q' }), { eips: [eip('q', '10.0.0.0/30', { disable: true })] }))
  t.match(decision, { kind: 'settle', refusals: [{ code: 'PoolNotFound', pool: 'p' }] })
  t.match('others' in decision && decision.others.map(({ code }) => code), ['PoolNotFound', 'PoolDisabled'])
})

t.test('a move within one family is finished, although RequireDualStack lacks the other', async (t) => {
  const of = service('s', { ...both, ipFamilyPolicy: 'RequireDualStack', address: '10.0.0.1', ...shown('10.0.0.0') })
  const claims = [claim('10.0.0.0', 'p', 's'), claim('10.0.0.1', 'p', 's')]
  const decision = decide(facts(of, { eips: [eip('p', '10.0.0.0/30', { isDefault: true })], claims }))
  t.equal(brief(decision), 'keep 10.0.0.1 of p, refused IPv6:FamilyMismatch, drop 10.0.0.0')
})

t.test('whoever is refused waits for the addresses that are reserved for it too', async (t) => {
  const reservations = [{ address: '10.0.0.0', namespace: 'default', name: 's' }]
  const given = { eips: [eip('p', '10.0.0.0/30', { reservations })], claims: [claim('10.0.0.0', 'p', 'other')] }
  const decision = decide(facts(service('s'), given))
  t.equal(brief(decision), 'nothing, refused NoDefaultPool')
  t.match('others' in decision && decision.others, [{ address: '10.0.0.0' }])
})

t.test('a key leads to no address that is one of a node by now', async (t) => {
  const sharing = decide(facts(service('other', { sharingKey: 'k', eip: 'p' }), { eips: [eip('p', '10.0.0.0')] }))
  t.equal(brief(sharing), 'claim 10.0.0.0 of p (free)')
  const held = 'spec' in sharing ? claim('10.0.0.0', 'p', 'other', sharing.spec) : undefined
  const of = service('s', { sharingKey: 'k', eip: 'p', ports: [{ port: 443 }] })
  const given = { eips: [eip('p', '10.0.0.0')], claims: held === undefined ? [] : [held] }
  t.match(brief(decide(facts(of, given))), /^join 10\.0\.0\.0/)
  t.equal(brief(decide(facts(of, { ...given, obstacles: { nodeOf: () => 'n' } }))), 'nothing, refused PoolExhausted')
})
