import t from 'tap'
import type { NodeObject, PodObject } from '../../src/api/core-objects.ts'
import { explainIneligibility, type NodeFacts, nodeEligibility } from '../../src/policy/eligibility.ts'

const metadata = (name: string, extra: object = {}) => ({
  name,
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...extra,
})
const condition = (status: 'True' | 'False' | 'Unknown') => ({ conditions: [{ type: 'Ready', status }] })
const node = (status: 'True' | 'False' | 'Unknown' = 'True', extra: object = {}): NodeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: metadata('n1', extra),
  spec: { unschedulable: true },
  status: condition(status),
})
const pod = (status: 'True' | 'False' = 'True', extra: object = {}): PodObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata('speaker', extra),
  status: condition(status),
})
const leaving = { deletionTimestamp: '2026-01-02T00:00:00Z' }
const facts = (over: Partial<NodeFacts>): NodeFacts => ({ node: node(), speakerPods: [pod()], endpoints: 'any', ...over })

const TABLE = [
  { name: 'a ready node, cordoned', given: facts({}), want: 'eligible' },
  { name: 'no such node', given: facts({ node: undefined }), want: 'node-unknown' },
  { name: 'a node that goes', given: facts({ node: node('True', leaving) }), want: 'node-deleting' },
  {
    name: 'an excluded node, whatever the value',
    given: facts({ node: node('True', { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } }) }),
    want: 'node-excluded',
  },
  { name: 'a node that is not ready', given: facts({ node: node('False') }), want: 'node-not-ready' },
  { name: 'a node that is silent', given: facts({ node: node('Unknown') }), want: 'node-not-ready' },
  { name: 'no speaker', given: facts({ speakerPods: [] }), want: 'no-speaker' },
  { name: 'a speaker that goes', given: facts({ speakerPods: [pod('True', leaving)] }), want: 'speaker-leaving' },
  { name: 'a speaker that goes and a new one', given: facts({ speakerPods: [pod('True', leaving), pod()] }), want: 'eligible' },
  { name: 'a speaker that is not ready', given: facts({ speakerPods: [pod('False')] }), want: 'speaker-not-ready' },
  { name: 'Local, endpoint here', given: facts({ endpoints: 'ready-here' }), want: 'eligible' },
  { name: 'Local, no endpoint here', given: facts({ endpoints: 'none-here' }), want: 'no-ready-endpoint' },
] as const

t.test('eligibility', async (t) => {
  for (const { name, given, want } of TABLE) {
    const answer = nodeEligibility(given)
    t.equal(answer.eligible ? 'eligible' : answer.reason, want, name)
    if (!answer.eligible) t.match(explainIneligibility(answer.reason), /\w+ \w+/)
  }
})
