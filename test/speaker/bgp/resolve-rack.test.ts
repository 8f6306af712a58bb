/** What a node is told that has no AS because it has no rack. */
import t from 'tap'
import { resolveBgp } from '../../../src/speaker/bgp/resolve.ts'
import { confOf, FACTS } from './support/resolve-facts.ts'

const problemsOf = (labels: Readonly<Record<string, string>>) =>
  resolveBgp({ ...FACTS, conf: confOf({ asPerRack: { r2: 65_012 } }), node: { ...FACTS.node, labels } }).problems

t.test('with an AS per rack alone, a node without a rack is told to get its label', async (t) => {
  t.match(problemsOf({}), [{ code: 'no-as', message: /no label openelb\.kubesphere\.io\/rack/, cure: /label the node/ }])
  const other = problemsOf({ 'openelb.kubesphere.io/rack': 'r1' })
  t.match(other, [{ code: 'no-as', message: /asPerRack has no rack "r1"/, cure: /label the node/ }])
  t.same(problemsOf({ 'openelb.kubesphere.io/rack': 'r2' }), [])
})
