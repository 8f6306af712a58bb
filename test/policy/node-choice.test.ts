import t from 'tap'
import { ANY_NODE, nodeChoiceOf, nodeStanding } from '../../src/policy/node-choice.ts'

const rack = (value: string) => ({ matchLabels: { rack: value } })

t.test('any of the selectors selects, and weights add up', async (t) => {
  const choice = nodeChoiceOf({
    nodeSelectors: [rack('a'), { matchExpressions: [{ key: 'zone', operator: 'In', values: ['x', 'y'] }] }],
    preferredNodes: [
      { weight: 100, selector: rack('a') },
      { weight: 1, selector: {} },
    ],
  })
  t.same(nodeStanding(choice, { rack: 'a' }), { selected: true, weight: 101 })
  t.same(nodeStanding(choice, { rack: 'b', zone: 'y' }), { selected: true, weight: 1 })
  t.same(nodeStanding(choice, {}), { selected: false, weight: 1 })
  t.same(nodeStanding({ nodeSelectors: [{}] }, {}), { selected: true, weight: 0 }, 'an empty selector means all')
  const broken = { matchExpressions: [{ key: 'rack', operator: 'In' as const }] }
  t.same(nodeStanding({ nodeSelectors: [broken] }, { rack: 'a' }), { selected: false, weight: 0 }, 'what admission refuses selects nothing')
})

t.test('an Eip that says nothing about nodes costs nothing', async (t) => {
  t.equal(nodeChoiceOf({}), ANY_NODE)
  t.equal(nodeChoiceOf({ nodeSelectors: [], preferredNodes: [] }), ANY_NODE)
  t.same(nodeStanding(ANY_NODE, {}), { selected: true, weight: 0 })
})
