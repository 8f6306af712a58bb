import fc from 'fast-check'
import t from 'tap'
import { eipRoutes, mergedWishes, NO_WISHES, PLAIN_EIP, serviceWishes } from '../../../src/speaker/routes/wishes.ts'

t.test('who asks for nothing is one object', async (t) => {
  t.equal(serviceWishes(undefined), NO_WISHES)
  t.equal(serviceWishes({ other: 'x' }), NO_WISHES)
  t.equal(eipRoutes(undefined), PLAIN_EIP)
  t.equal(mergedWishes(PLAIN_EIP, [NO_WISHES, NO_WISHES]), PLAIN_EIP)
})

const bad: readonly { readonly annotations: Record<string, string>; readonly want: RegExp }[] = [
  { annotations: { 'openelb.io/bgp-communities': '65000:1,hello' }, want: /^openelb\.io\/bgp-communities: "hello" is no community/ },
  { annotations: { 'openelb.io/bgp-med': 'low' }, want: /^openelb\.io\/bgp-med: "low" is no number from 0 to 4294967295$/ },
  { annotations: { 'openelb.io/bgp-local-pref': '4294967296' }, want: /^openelb\.io\/bgp-local-pref: "4294967296" is no number/ },
  { annotations: { 'openelb.io/bgp-local-pref': '-1' }, want: /^openelb\.io\/bgp-local-pref: "-1" is no number/ },
]
for (const { annotations, want } of bad) {
  t.test(`a value that cannot be read is left out and said: ${JSON.stringify(annotations)}`, async (t) => {
    const { problems, attributes } = serviceWishes(annotations)
    t.equal(problems.length, 1)
    t.match(problems[0], want)
    t.match(attributes, { localPref: undefined, med: undefined })
  })
}

t.test('the rest of a list with one bad word counts', async (t) => {
  t.same(serviceWishes({ 'openelb.io/bgp-communities': ' 65000:1 , x,65000:1,, ' }).attributes.communities, [65_000 * 65_536 + 1])
  t.same(serviceWishes({ 'openelb.io/bgp-peers': 'b, a,b' }).peers, ['a', 'b'])
  t.equal(serviceWishes({ 'openelb.io/bgp-peers': ' , ' }).peers, undefined)
})

t.test('lengths outside of the family are not followed', async (t) => {
  t.same(eipRoutes({ aggregationLength: 24, aggregationLengthV6: 64 }).lengths, { IPv4: 24, IPv6: 64 })
  t.same(eipRoutes({ aggregationLength: 0, aggregationLengthV6: 129 }).lengths, { IPv4: 32, IPv6: 128 })
})

t.test('no text throws, and numbers stay within 32 bits', async () => {
  const names = ['openelb.io/bgp-communities', 'openelb.io/bgp-med', 'openelb.io/bgp-local-pref', 'openelb.io/bgp-peers']
  const annotations = fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.string(), fc.bigInt().map(String)))
  const isU32 = (value: number | undefined) => value === undefined || (Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff)
  fc.assert(
    fc.property(annotations, (texts) => {
      const { attributes } = serviceWishes(texts)
      return isU32(attributes.med) && isU32(attributes.localPref) && attributes.communities.every(isU32)
    }),
  )
})
