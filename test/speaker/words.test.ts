import t from 'tap'
import type { AddressClaimStatus } from '../../src/api/address-claim.ts'
import { addressKey } from '../../src/speaker/layer2/address-key.ts'
import type { AddressWord } from '../../src/speaker/membership/message.ts'
import { claimOfKey, createWords, MOST_RETRACTIONS } from '../../src/speaker/words.ts'
import { claimObject, ipOf } from './support/objects.ts'

const ADDRESS = '10.251.0.240'
const KEY = addressKey(ipOf(ADDRESS))
const word = (epoch: number, over: Partial<AddressWord> = {}): AddressWord => ({
  address: KEY,
  epoch,
  state: 'held',
  recorded: false,
  ...over,
})
const RETRACTION = word(0, { state: 'released' })
const owned = (node: string, epoch: number): AddressClaimStatus => ({
  owner: { node, interface: 'eth0', epoch, since: '2026-01-01T00:00:00Z' },
})
const claim = (status?: AddressClaimStatus) => claimObject(ADDRESS, {}, status)

t.test('the claim, this node and the peers: the highest epoch is right', async (t) => {
  const words = createWords('n1')
  t.equal(words.present(claim()), undefined)
  t.match(words.present(claim(owned('n2', 4))), { node: 'n2', epoch: 4, state: 'held', recorded: true })
  words.say(ADDRESS, ADDRESS, { epoch: 5, state: 'held', recorded: false })
  t.match(words.present(claim(owned('n2', 4))), { node: 'n1', epoch: 5, recorded: false })
  t.same(words.hear('n3', [word(6)]), [ADDRESS])
  t.match(words.present(claim(owned('n2', 4))), { node: 'n3', epoch: 6, recorded: false })
  t.match(words.present(claim(owned('n2', 7))), { node: 'n2', epoch: 7, recorded: true })
})

t.test("a node's words come in any order; what it said before counts no more", async (t) => {
  const words = createWords('n1')
  t.same(words.hear('n2', [word(6, { state: 'released' })]), [ADDRESS])
  t.same(words.hear('n2', [word(6), word(5), word(6, { state: 'released' })]), [], 'nothing new')
  t.match(words.present(claim(owned('n2', 5))), { node: 'n2', epoch: 6, state: 'released' })
  t.same(words.hear('n2', [word(7)]), [ADDRESS])
  t.match(words.present(claim(owned('n2', 5))), { epoch: 7, state: 'held' })
  t.same(words.hear('n1', [word(9)]), [], 'nobody speaks for this node')
})

t.test('a word that adds nothing to the claim is forgotten, as is every word about no claim', async (t) => {
  const words = createWords('n1')
  words.hear('n2', [word(6)])
  t.match(words.present(claim(owned('n2', 6))), { recorded: true })
  t.match(words.present(claim(owned('n3', 5))), { node: 'n3', epoch: 5 }, 'it is not there any more')
  words.hear('n2', [word(6)])
  words.say(ADDRESS, ADDRESS, { epoch: 7, state: 'held', recorded: false })
  t.same(words.change()?.upsert, [word(7)])
  words.prune(() => true)
  t.match(words.present(claim()), { epoch: 7 })
  words.prune(() => false)
  t.equal(words.present(claim()), undefined)
  t.same(words.change(), { upsert: [RETRACTION], remove: [] })
  words.hear('n2', [word(6)])
  words.forget(ADDRESS)
  t.equal(words.present(claim()), undefined, 'a claim that is made anew begins anew')
})

t.test('a word about the claim before does not bind who has the claim that was made anew, once its speaker knows', async (t) => {
  const [former, owner] = [createWords('n1'), createWords('n2')]
  former.say(ADDRESS, ADDRESS, { epoch: 7, state: 'held', recorded: true })
  former.change()
  owner.forget(ADDRESS)
  const anew = claim(owned('n2', 1))
  owner.say(ADDRESS, ADDRESS, { epoch: 1, state: 'held', recorded: true })
  owner.hear('n1', [word(7, { recorded: true })])
  t.match(owner.present(anew), { node: 'n1', epoch: 7 }, 'n1 does not see the API server, and says it once more')
  former.forget(ADDRESS)
  const change = former.change()
  t.same(change, { upsert: [RETRACTION], remove: [] })
  t.same(owner.hear('n1', change?.upsert ?? []), [ADDRESS])
  t.match(owner.present(anew), { node: 'n2', epoch: 1 })
  t.same(owner.hear('n1', [RETRACTION]), [], 'it says nothing new')
  former.forget(ADDRESS)
  t.equal(former.change(), undefined, 'said once')
  former.say(ADDRESS, ADDRESS, { epoch: 2, state: 'held', recorded: false })
  t.same(former.change(), { upsert: [word(2)], remove: [] })
})

t.test('what was taken back is not told for ever', async (t) => {
  const words = createWords('n1')
  const addresses = Array.from({ length: MOST_RETRACTIONS + 2 }, (_, at) => `10.1.${at >> 8}.${at & 255}`)
  for (const address of addresses) words.say(address, address, { epoch: 1, state: 'held', recorded: true })
  words.change()
  words.prune(() => false)
  const change = words.change()
  t.equal(change?.upsert.length, addresses.length)
  t.same(
    change?.remove,
    addresses.slice(0, 2).map((address) => addressKey(ipOf(address))),
  )
})

t.test('the peers are told what is new, once', async (t) => {
  const words = createWords('n1')
  t.equal(words.change(), undefined)
  words.say(ADDRESS, ADDRESS, { epoch: 1, state: 'held', recorded: false })
  t.same(words.change(), { upsert: [word(1)], remove: [] })
  words.say(ADDRESS, ADDRESS, { epoch: 1, state: 'held', recorded: false })
  t.equal(words.change(), undefined, 'the same again')
  words.say(ADDRESS, ADDRESS, { epoch: 1, state: 'held', recorded: true })
  t.same(words.change(), { upsert: [word(1, { recorded: true })], remove: [] })
  words.say(ADDRESS, ADDRESS, { epoch: 2, state: 'held', recorded: false })
  words.yieldTo(claim(owned('n2', 1)))
  t.same(words.change()?.remove, [], 'the claim does not say anything better yet')
  words.yieldTo(claim(owned('n2', 2)))
  t.same(words.change(), { upsert: [], remove: [KEY] })
  words.say(ADDRESS, ADDRESS, { epoch: 3, state: 'held', recorded: false })
  words.forget(ADDRESS)
  t.equal(words.change(), undefined, 'they never knew')
  words.say('none', 'no address', { epoch: 3, state: 'held', recorded: false })
  t.equal(words.change(), undefined, 'nothing is said about what is no address')
})

t.test('the claims of both families are found by the address', async (t) => {
  t.equal(claimOfKey(addressKey(ipOf('10.0.0.1'))), '10.0.0.1')
  t.equal(claimOfKey(addressKey(ipOf('fd00::1'))), 'fd00-0000-0000-0000-0000-0000-0000-0001')
})

t.test('a speaker that starts anew is not bound by what it said before', async (t) => {
  const words = createWords('n1')
  t.same(words.reborn('n2', 1n), [])
  words.hear('n2', [word(6)])
  t.same(words.reborn('n2', 1n), [], 'the same one')
  t.match(words.present(claim(owned('n3', 5))), { node: 'n2' })
  t.same(words.reborn('n2', 2n), [ADDRESS])
  t.match(words.present(claim(owned('n3', 5))), { node: 'n3' })
})
