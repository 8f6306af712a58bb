/** Addresses for which nobody answers, as the doctor tells them. */
import t from 'tap'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import { auditOwners } from '../../src/cli/doctor/check-owners.ts'
import { claim, condition, report, speakerPod } from './support/objects.ts'

const N1 = { all: [{ node: 'n1', pod: speakerPod('n1'), report: report('n1', ['n1']) }] }

t.test('an address for which nobody answers, with the reason of its claim', async (t) => {
  const says = (status: 'True' | 'False', owner?: string) =>
    claim('10.0.0.7', 'a', {
      ...(owner !== undefined && { owner }),
      conditions: [condition('Announced', status, 'NobodyAnswers', 'no link')],
    })
  const tell = (one: AddressClaimObject) => auditOwners([one], N1)
  const told = (one: AddressClaimObject) => tell(one).map((found) => `${found.level} ${found.says}`)
  t.match(tell(says('False')), [
    { level: 'WARN', says: '10.0.0.7: nobody answers: no link', cure: /^openelb explain address 10\.0\.0\.7 / },
  ])
  t.same(told(says('False', 'n3')), ['WARN 10.0.0.7: nobody answers: no link'], 'its owner is gone')
  t.same(told(says('False', 'n1')), ['FAIL 10.0.0.7: recorded for n1, which does not answer for it'], 'said once')
  t.same(told(says('True')), [], 'it will be recorded in a moment')
  t.same(told(claim('10.0.0.7', 'a')), [], 'nobody has spoken of it yet')
})
