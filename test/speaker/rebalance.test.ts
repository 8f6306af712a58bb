import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { electionOrder } from '../../src/speaker/election.ts'
import { type Holding, nextMove, REBALANCE_INTERVAL_MS, type Spread } from '../../src/speaker/rebalance.ts'

const NODES = ['n1', 'n2', 'n3', 'n4']
const ADDRESSES = Array.from({ length: 40 }, (_, at) => `192.0.2.${at}`)
const NOW_MS = 1_000_000
const everyoneMay = () => ({ eligible: true, weight: 0 })

const owned = (owner: string, addresses: readonly string[], over: Partial<Holding> = {}): readonly Holding[] =>
  addresses.map((address) => ({ address, owner, sinceMs: 0, group: 'pool', ...over }))

const spreadOf = (holdings: readonly Holding[], over: Partial<Spread> = {}): Spread => ({
  nodes: NODES,
  holdings,
  standing: everyoneMay,
  nowMs: NOW_MS,
  intervalMs: REBALANCE_INTERVAL_MS,
  ...over,
})

/** Carries moves out, each by its target, until there are none; gives the holdings and the moves. */
function settle(spread: Spread, limit = 2000) {
  let { holdings, nowMs } = spread
  const moves: string[] = []
  for (let round = 0; round < limit; round++) {
    nowMs += spread.intervalMs
    const move = nextMove({ ...spread, holdings, nowMs })
    if (move === undefined) return { holdings, moves, isAtRest: true }
    moves.push(`${move.address} ${move.from} ${move.to}`)
    const sinceMs = nowMs
    holdings = holdings.map((each) => (each.address === move.address ? { ...each, owner: move.to, sinceMs } : each))
  }
  return { holdings, moves, isAtRest: false }
}

const loadsOf = (holdings: readonly Holding[], nodes: readonly string[] = NODES) =>
  nodes.map((node) => holdings.filter(({ owner }) => owner === node).length)

t.test('one node has all: the others get their share, and nothing moves twice', async (t) => {
  const { holdings, moves, isAtRest } = settle(spreadOf(owned('n1', ADDRESSES)))
  t.ok(isAtRest)
  t.ok(Math.max(...loadsOf(holdings)) <= 13, `${loadsOf(holdings)}`)
  t.equal(new Set(moves.map((move) => move.split(' ')[0])).size, moves.length)
  t.equal(moves.length, 27, 'no more moves than the bound asks for')
})

t.test('the spread of the order itself is left alone', async (t) => {
  const many = Array.from({ length: 1000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`)
  t.equal(nextMove(spreadOf(many.flatMap((address) => owned(electionOrder(NODES, address)[0] ?? '', [address])))), undefined)
})

t.test('a few addresses are not worth a move', async (t) => {
  t.equal(nextMove(spreadOf([])), undefined)
  t.equal(nextMove(spreadOf(owned('n1', ADDRESSES.slice(0, 1)))), undefined)
  t.equal(nextMove(spreadOf([...owned('n1', ADDRESSES.slice(0, 2)), ...owned('n2', ADDRESSES.slice(2, 4))])), undefined)
})

t.test('of those that may go, the address that the order would rather give to the target', async (t) => {
  const move = nextMove(spreadOf(owned('n1', ADDRESSES)))
  t.match(move, { from: 'n1', to: 'n2' })
  t.equal(electionOrder(NODES, move?.address ?? '')[0], 'n2')
})

t.test('one change of owner in an interval, whoever made it and why', async (t) => {
  const holdings = [...owned('n1', ADDRESSES), ...owned('n3', ['198.51.100.1'], { sinceMs: NOW_MS - 4000 })]
  t.equal(nextMove(spreadOf(holdings)), undefined)
  t.equal(nextMove(spreadOf(holdings, { nowMs: NOW_MS + 5999 })), undefined)
  t.not(nextMove(spreadOf(holdings, { nowMs: NOW_MS + 6000 })), undefined)
})

t.test('a clock that is far ahead does not stop it', async (t) => {
  const ahead = (byMs: number) =>
    nextMove(spreadOf([...owned('n1', ADDRESSES), ...owned('n3', ['198.51.100.1'], { sinceMs: NOW_MS + byMs })]))
  t.equal(ahead(9_999), undefined, 'one that is a little ahead is believed')
  t.not(ahead(3_600_000), undefined)
})

t.test('a target that does not act gives way to the next one', async (t) => {
  const holdings = owned('n1', ADDRESSES)
  const targets = [1, 2, 3, 4].map((turn) => nextMove(spreadOf(holdings, { nowMs: turn * REBALANCE_INTERVAL_MS }))?.to)
  t.same(targets, ['n2', 'n3', 'n4', 'n2'])
})

t.test('only nodes that may own the address, and the average is theirs', async (t) => {
  const standing: Spread['standing'] = (_, node) => ({ eligible: node === 'n1' || node === 'n4', weight: 0 })
  const { holdings } = settle(spreadOf(owned('n1', ADDRESSES), { standing }))
  t.same(loadsOf(holdings), [25, 0, 0, 15])
})

t.test('an owner that may not own its addresses is left to those that take over', async (t) => {
  const standing: Spread['standing'] = (_, node) => ({ eligible: node !== 'n1', weight: 0 })
  t.equal(nextMove(spreadOf(owned('n1', ADDRESSES), { standing })), undefined)
})

t.test('addresses go to the nodes that their pool prefers, and stay there', async (t) => {
  const weights: Readonly<Record<string, number>> = { n2: 100, n3: 100, n4: 10 }
  const standing: Spread['standing'] = (group, node) => ({ eligible: true, weight: group === 'pool' ? (weights[node] ?? 0) : 0 })
  const { holdings, isAtRest } = settle(
    spreadOf([...owned('n1', ADDRESSES.slice(0, 20)), ...owned('n4', ADDRESSES.slice(20))], { standing }),
  )
  t.ok(isAtRest)
  t.same(loadsOf(holdings), [0, 20, 20, 0])
})

const worlds = fc.record({
  owners: fc.array(fc.nat(5), { minLength: 1, maxLength: 60 }),
  groups: fc.array(fc.nat(3), { minLength: 60, maxLength: 60 }),
  eligible: fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }),
  weights: fc.array(fc.constantFrom(0, 0, 0, 10, 50), { minLength: 24, maxLength: 24 }),
})

t.test('whatever the pools say: it comes to rest, the same for all, within the bound where everybody is equal', async (t) => {
  const nodes = ['a', 'b', 'c', 'd', 'e', 'f']
  fc.assert(
    fc.property(worlds, ({ owners, groups, eligible, weights }) => {
      const standing: Spread['standing'] = (group, node) => {
        const at = Number(group) * nodes.length + nodes.indexOf(node)
        return { eligible: eligible[at] === true, weight: weights[at] ?? 0 }
      }
      const start = owners.flatMap((owner, at) => owned(nodes[owner] ?? 'a', [`192.0.2.${at}`], { group: String(groups[at]) }))
      const spread = spreadOf(start, { nodes, standing })
      assert.deepEqual(nextMove(spread), nextMove({ ...spread, nodes: nodes.toReversed(), holdings: start.toReversed() }))
      const { isAtRest, moves } = settle(spread)
      assert(isAtRest, 'it ends')
      assert(moves.length <= 3 * start.length, `${moves.length} moves of ${start.length} addresses`)
      const equal = settle(spreadOf(start, { nodes }))
      assert(Math.max(...loadsOf(equal.holdings, nodes)) <= Math.ceil((1.25 * start.length) / nodes.length))
      assert(equal.moves.length <= start.length)
    }),
    { numRuns: 200 },
  )
  t.pass('200 worlds')
})

t.test('10,000 addresses are looked at in a moment', async (t) => {
  const nodes = Array.from({ length: 50 }, (_, at) => `node-${at}`)
  const holdings = Array.from({ length: 10_000 }, (_, at) => owned(nodes[at % 10] ?? '', [`10.1.${at >> 8}.${at & 255}`])).flat()
  const beganMs = performance.now()
  t.not(nextMove(spreadOf(holdings, { nodes })), undefined)
  const tookMs = performance.now() - beganMs
  t.ok(tookMs < 1000, `${tookMs.toFixed(0)} ms`)
})
