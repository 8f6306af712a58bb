import t from 'tap'
import { formatIp, type Ip, parseIp } from '../../../../src/addr/ip.ts'
import { type Prefix, parsePrefix } from '../../../../src/addr/prefix.ts'
import {
  type Community,
  communitiesOf,
  formatCommunity,
  largeText,
  parseCommunity,
  standardText,
} from '../../../../src/api/bgp-community.ts'
import type { PolicySubject } from '../../../../src/speaker/bgp/export-policy.ts'
import { readPolicyBook } from '../../../../src/speaker/bgp/policy/book.ts'
import { exportPolicyOf } from '../../../../src/speaker/bgp/policy/export.ts'
import { createRandom } from '../../../soak/support/random.ts'
import { type GivenRoute, judgeByGobgp, LOCAL_AS, obstacle, PEER_ADDRESS, type PolicyCase, type ToldRoute } from './gobgp-judge.ts'
import { randomCases } from './random-policies.ts'
import { CASES, ROUTES } from './vectors.ts'

/** Any other will do as well. */
const SEED = 4_289_964_239
const RANDOM_CASES = 12

const ip = (text: string): Ip => {
  const read = parseIp(text)
  if (!read.ok) throw new TypeError(text)
  return read.value
}
const prefix = (text: string): Prefix => {
  const read = parsePrefix(text)
  if (!read.ok) throw new TypeError(text)
  return read.value
}
const community = (text: string): Community => {
  const read = parseCommunity(text)
  if (!read.ok) throw new TypeError(text)
  return read.value
}

const subjectOf = ({ prefix: text, nextHop, med, localPref, communities = [], large = [] }: GivenRoute): PolicySubject => ({
  prefix: prefix(text),
  nextHop: ip(nextHop),
  attributes: { localPref, med, ...communitiesOf([...communities, ...large.map((one) => `large:${one}`)].map(community)) },
  prepend: 0,
})

/** What we tell, in the form in which GoBGP's table is read. */
function toldByUs({ policy, isExternal }: PolicyCase, route: GivenRoute): ToldRoute | undefined {
  const { book, faults } = readPolicyBook(policy)
  if (book === undefined) throw new TypeError(JSON.stringify(faults))
  const localAs = isExternal ? LOCAL_AS : 65_002
  const ownAsCount = isExternal ? 1 : 0
  const self = { IPv4: ip('127.0.1.1'), IPv6: undefined }
  const verdict = exportPolicyOf(book, policy, { address: ip(PEER_ADDRESS), localAs, ownAsCount, self }).judge(subjectOf(route))
  if (verdict.kind === 'reject') return undefined
  const { nextHop, prepend, attributes } = verdict.subject
  return {
    nextHop: formatIp(nextHop),
    asPath: Array.from({ length: ownAsCount + prepend }, () => localAs),
    med: attributes.med,
    // An external peer is told none.
    localPref: isExternal ? undefined : (attributes.localPref ?? 100),
    communities: attributes.communities.map(standardText).sort(),
    large: attributes.largeCommunities.map(largeText).sort(),
    extended: attributes.extendedCommunities.map((value) => formatCommunity({ kind: 'extended', value })).sort(),
  }
}

const reason = obstacle()

t.test('GoBGP and we judge the same routes alike', { skip: reason ?? false, timeout: 240_000 }, async (t) => {
  const cases = [...CASES, ...randomCases(createRandom(SEED), RANDOM_CASES)]
  const judged = await judgeByGobgp(cases, ROUTES)
  for (const [at, one] of cases.entries()) {
    for (const route of ROUTES) {
      const told = toldByUs(one, route)
      const detail = { policy: one.policy }
      t.same(told, judged[at]?.get(route.prefix), `${one.name}: ${route.prefix}`, one.name.startsWith('random') ? detail : {})
    }
  }
  t.equal(judged[0]?.size, ROUTES.length, 'the judge tells everything without a policy')
  const told = judged.slice(1).reduce((sum, table) => sum + table.size, 0)
  t.ok(told > 0 && told < (cases.length - 1) * ROUTES.length, `and with one some: ${told}`)
})
