import t from 'tap'
import type { EipSpec } from '../../src/api/eip.ts'
import { validateEip } from '../../src/policy/validate-eip.ts'
import type { Verdict } from '../../src/policy/verdict.ts'
import { eipObject } from '../support/policy-objects.ts'

const told = (verdict: Verdict): string => (verdict.allowed ? ['allowed', ...verdict.warnings].join(' | ') : verdict.message)
const judge = (spec: Partial<EipSpec>): string =>
  told(validateEip(eipObject('e', { address: '10.9.0.0/24', protocol: 'bgp', ...spec }), undefined, []))

t.test('spec.bgp of an Eip', async (t) => {
  const table: readonly (readonly [Partial<EipSpec>, RegExp])[] = [
    [{ bgp: {} }, /^allowed$/],
    [{ bgp: { communities: ['65000:1', 'large:1:2:3', 'no-export'], peers: ['tor-1'], localPref: 200, med: 0 } }, /^allowed$/],
    [{ bgp: { communities: ['65000:1', 'no-exprt'] } }, /^spec\.bgp\.communities\[1\] is "no-exprt", which is no community: write /],
    [
      { bgp: { communities: ['no-export', '65535:65281'] } },
      /^allowed \| spec\.bgp\.communities\[1\] says what spec\.bgp\.communities\[0\] does/,
    ],
    [{ bgp: { peers: ['Tor'] } }, /^spec\.bgp\.peers\[0\] is "Tor", which is no name: /],
    [{ bgp: { aggregationLength: 24 } }, /^allowed$/],
    [{ bgp: { aggregationLength: 28 } }, /^allowed$/],
    [
      { bgp: { aggregationLength: 23 } },
      /^spec\.bgp\.aggregationLength is 23, and such a prefix of spec\.address .*\(10\.9\.1\.0-10\.9\.1\.255\): use a greater/,
    ],
    [{ bgp: { aggregationLength: 23 }, addresses: ['10.9.1.0/24'] }, /^allowed$/],
    [{ bgp: { aggregationLength: 32 }, address: '10.9.0.3-10.9.0.9' }, /^allowed$/],
    [{ bgp: { aggregationLength: 31 }, address: '10.9.0.3-10.9.0.9' }, /^spec\.bgp\.aggregationLength is 31, .*\(10\.9\.0\.2\): /],
    [
      { bgp: { aggregationLengthV6: 120 }, addresses: ['fd00::/121'] },
      /^spec\.bgp\.aggregationLengthV6 is 120, .* of spec\.addresses\[0\] /,
    ],
    [{ bgp: { aggregationLengthV6: 121, aggregationLength: 24 }, addresses: ['fd00::/121'] }, /^allowed$/],
  ]
  for (const [spec, want] of table) t.match(judge(spec), want, JSON.stringify(spec))
})

t.test('a change of the block, or of the ranges under it, is judged; others are not', async (t) => {
  const bad = eipObject('e', { address: '10.9.0.0/24', protocol: 'bgp', bgp: { aggregationLength: 23 } })
  const change = (spec: Partial<EipSpec>): string => told(validateEip({ ...bad, spec: { ...bad.spec, ...spec } }, bad, []))
  t.equal(change({ disable: true }), 'allowed')
  t.match(change({ bgp: { aggregationLength: 22 } }), /^spec\.bgp\.aggregationLength is 22/)
  t.match(change({ addresses: ['10.9.2.0/24'] }), /^spec\.bgp\.aggregationLength is 23/)
})
