import t from 'tap'
import type { PodObject } from '../../src/api/core-objects.ts'
import { createPeers, REPLACED_WITHIN_MS } from '../../src/speaker/peers.ts'
import { speakerPod } from './support/objects.ts'

interface Shape {
  readonly ip?: string
  readonly leaving?: boolean
  readonly phase?: string
  readonly created?: string
}
const pod = (node: string, { ip, leaving = false, phase = 'Running', created = '2026-01-01T00:00:00Z' }: Shape = {}): PodObject => {
  const base = speakerPod(node, { leaving })
  return {
    ...base,
    metadata: { ...base.metadata, creationTimestamp: created },
    status: { ...base.status, phase, ...(ip !== undefined && { podIP: ip }) },
  }
}
const byNode = (...pods: readonly PodObject[]) => Map.groupBy(pods, ({ spec }) => spec?.nodeName ?? '')
const NODES = new Map(['n1', 'n2', 'n3'].map((node) => [node, {}]))
const peersOf = (pods: readonly PodObject[], alive: readonly string[] = []) =>
  createPeers('n1', (node) => alive.includes(node)).update(byNode(...pods), NODES, 0)

t.test('the other speakers whose Pods run', async (t) => {
  t.same(peersOf([pod('n1', { ip: '10.0.0.1' }), pod('n3', { ip: '10.0.0.3' }), pod('n2', { ip: '10.0.0.2' })]), [
    { node: 'n2', ip: '10.0.0.2' },
    { node: 'n3', ip: '10.0.0.3' },
  ])
  t.same(peersOf([pod('n2'), pod('n3', { ip: '10.0.0.3', phase: 'Failed' })]), [], 'no address yet, or over')
})

t.test('a Pod that is being deleted counts for as long as it is heard: it may own addresses', async (t) => {
  const leaving = pod('n2', { ip: '10.0.0.2', leaving: true })
  t.same(peersOf([leaving], ['n2']), [{ node: 'n2', ip: '10.0.0.2' }])
  t.same(peersOf([leaving]), [])
  const next = pod('n2', { ip: '10.0.0.9', created: '2026-01-02T00:00:00Z' })
  t.same(peersOf([next, leaving], ['n2']), [{ node: 'n2', ip: '10.0.0.9' }], 'the one that stays')
  const newest = pod('n2', { ip: '10.0.0.8', created: '2026-01-03T00:00:00Z' })
  t.same(peersOf([newest, next]), [{ node: 'n2', ip: '10.0.0.8' }])
})

t.test('a node stays known while its Pod is replaced, and not when the node is gone', async (t) => {
  const peers = createPeers('n1', () => false)
  const both = byNode(pod('n2', { ip: '10.0.0.2' }), pod('n3', { ip: '10.0.0.3' }))
  t.equal(peers.update(both, NODES, 0)?.length, 2)
  t.equal(peers.update(both, NODES, 20_000), undefined, 'nothing new')
  const one = byNode(pod('n3', { ip: '10.0.0.3' }))
  t.equal(peers.update(one, NODES, 40_000), undefined)
  t.same(peers.update(one, NODES, 20_000 + REPLACED_WITHIN_MS), [{ node: 'n3', ip: '10.0.0.3' }])
  t.same(peers.update(byNode(), new Map([['n1', {}]]), 51_000), [], 'its node is deleted')
})
