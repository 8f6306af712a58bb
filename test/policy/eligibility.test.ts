import t from 'tap'
import type { NodeObject, PodObject } from '../../src/api/core-objects.ts'
import {
  explainIneligibility,
  type Ineligibility,
  type NodeFacts,
  nodeEligibility,
  type SpeakerSigns,
} from '../../src/policy/eligibility.ts'

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
const facts = (over: Partial<NodeFacts>): NodeFacts => ({
  node: node(),
  speakerPods: [pod()],
  member: undefined,
  selected: true,
  avoidCordoned: false,
  endpoints: 'any',
  ...over,
})
const WELL: SpeakerSigns = { alive: true, serving: true, leaving: false }
const heard = (over: Partial<SpeakerSigns> = {}, pods = [pod()]) => facts({ member: { ...WELL, ...over }, speakerPods: pods })
const withConditions = (...conditions: readonly { type: string; status: 'True' | 'False' | 'Unknown' }[]): NodeObject => ({
  ...node(),
  status: { conditions },
})
const tainted = (key: string): NodeObject => ({ ...node(), spec: { taints: [{ key, effect: 'NoExecute' }] } })
const READY = { type: 'Ready', status: 'True' } as const

const TABLE: readonly { readonly name: string; readonly given: NodeFacts; readonly want: Ineligibility | 'eligible' }[] = [
  { name: 'a ready node, cordoned', given: facts({}), want: 'eligible' },
  { name: 'a cordoned node where that counts', given: facts({ avoidCordoned: true }), want: 'node-cordoned' },
  { name: 'a node that is not cordoned', given: facts({ avoidCordoned: true, node: { ...node(), spec: {} } }), want: 'eligible' },
  { name: 'out of service', given: facts({ node: tainted('node.kubernetes.io/out-of-service') }), want: 'node-out-of-service' },
  { name: 'another taint', given: facts({ node: tainted('node.kubernetes.io/unreachable') }), want: 'eligible' },
  { name: 'not selected', given: facts({ selected: false }), want: 'node-not-selected' },
  {
    name: 'no network',
    given: facts({ node: withConditions(READY, { type: 'NetworkUnavailable', status: 'True' }) }),
    want: 'network-unavailable',
  },
  {
    name: 'a network',
    given: facts({ node: withConditions(READY, { type: 'NetworkUnavailable', status: 'False' }) }),
    want: 'eligible',
  },
  { name: 'no conditions at all', given: facts({ node: withConditions() }), want: 'node-not-ready' },
  { name: 'heard, whatever the kubelet thinks', given: heard({}, [pod('False')]), want: 'eligible' },
  { name: 'not heard, whatever the kubelet thinks', given: heard({ alive: false }), want: 'speaker-silent' },
  { name: 'heard, and it cannot serve', given: heard({ serving: false }), want: 'speaker-not-serving' },
  { name: 'heard, and it leaves', given: heard({ leaving: true }), want: 'speaker-leaving' },
  { name: 'it left, and is not heard any more', given: heard({ leaving: true, alive: false }), want: 'speaker-leaving' },
  { name: 'heard, and its Pod is being deleted', given: heard({}, [pod('True', leaving)]), want: 'speaker-leaving' },
  { name: 'heard, and its Pod is gone', given: heard({}, []), want: 'no-speaker' },
  { name: 'heard on a node that is not ready', given: { ...heard(), node: node('Unknown') }, want: 'node-not-ready' },
  { name: 'heard, and no endpoint here', given: { ...heard(), endpoints: 'none-here' }, want: 'no-ready-endpoint' },
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
]

t.test('eligibility', async (t) => {
  for (const { name, given, want } of TABLE) {
    const answer = nodeEligibility(given)
    t.equal(answer.eligible ? 'eligible' : answer.reason, want, name)
    if (!answer.eligible) t.match(explainIneligibility(answer.reason), /\w+ \w+/)
  }
})

/** Makes each reason true on top of all that come after it. */
const ORDER: readonly (readonly [Ineligibility, Partial<NodeFacts>])[] = [
  ['no-ready-endpoint', { endpoints: 'none-here' }],
  ['speaker-not-ready', { speakerPods: [pod('False')] }],
  ['speaker-not-serving', { member: { ...WELL, serving: false } }],
  ['speaker-silent', { member: { alive: false, serving: false, leaving: false } }],
  ['speaker-leaving', { member: { alive: false, serving: false, leaving: true } }],
  ['no-speaker', { speakerPods: [] }],
  ['network-unavailable', { node: withConditions(READY, { type: 'NetworkUnavailable', status: 'True' }) }],
  ['node-not-ready', { node: withConditions({ type: 'NetworkUnavailable', status: 'True' }) }],
  ['node-not-selected', { selected: false }],
]

t.test('the first reason in the order of the union wins', async (t) => {
  let given = facts({ node: { ...node(), spec: {} } })
  t.same(nodeEligibility(given), { eligible: true })
  for (const [reason, more] of ORDER) {
    given = { ...given, ...more }
    t.same(nodeEligibility(given), { eligible: false, reason })
  }
  const bad = { ...tainted('node.kubernetes.io/out-of-service'), status: {} }
  const excluded = { ...bad.metadata, labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } }
  const cordoned = { ...given, avoidCordoned: true, node: { ...bad, spec: { unschedulable: true } } }
  t.match(nodeEligibility(cordoned), { reason: 'node-cordoned' })
  t.match(nodeEligibility({ ...cordoned, node: { ...bad, spec: { ...bad.spec, unschedulable: true } } }), { reason: 'node-out-of-service' })
  t.match(nodeEligibility({ ...cordoned, node: { ...bad, metadata: excluded } }), { reason: 'node-excluded' })
  t.match(nodeEligibility({ ...cordoned, node: { ...bad, metadata: { ...excluded, ...leaving } } }), { reason: 'node-deleting' })
})
