/** Which node and which of its links announce an address: three speakers, a real API server, and links that come and go. */
import t, { type Test } from 'tap'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import { createObject, deleteObject, patchObject } from '../../src/kube/objects.ts'
import { EIPS, NODES } from '../../src/kube/resources.ts'
import { EXCLUDE_LABEL } from '../../src/policy/eligibility.ts'
import { electionOrder } from '../../src/speaker/election.ts'
import { buildWorld } from '../speaker/support/layer2-world.ts'
import { type SpeakerProcess, startSpeaker } from '../speaker/support/speaker-process.ts'

const NAMES = ['n1', 'n2', 'n3']
const NODE_ANNOTATION = 'layer2.openelb.kubesphere.io/v1alpha1'

t.setTimeout(300_000)
const world = await buildWorld()
const { api, cluster, client, macs } = world
const speakers: SpeakerProcess[] = []
t.teardown(async () => {
  for (const speaker of speakers) await speaker.stop('SIGKILL')
  await world.close()
})
speakers.push(...(await Promise.all(NAMES.map((node) => startSpeaker(cluster.node(node), world.kubeconfig)))))

const ip = (node: string, line: string) => cluster.node(node).exec(['ip', ...line.split(' ')])
const answeredBy = (address: string, node: string) => client.answeredBy(address, macs.get(node) ?? '')
const eip = (name: string, spec: object) =>
  createObject(api, EIPS, { metadata: { name }, spec: { address: '10.251.0.240', protocol: 'layer2', interface: 'eth0', ...spec } })
const patchNode = (name: string, patch: object, subresource?: 'status') =>
  patchObject(api, NODES, { name }, patch, { type: 'merge', ...(subresource !== undefined && { subresource }) })
const label = (name: string, labels: Readonly<Record<string, string | null>>) => patchNode(name, { metadata: { labels } })

/** Waits until somebody owns the address, on this link where one is given. */
const owner = async (address: string, on?: string): Promise<NonNullable<NonNullable<AddressClaimObject['status']>['owner']>> => {
  const { status } = await world.until(`an owner on ${on ?? 'any link'}`, address, ({ status }) =>
    on === undefined ? status?.owner !== undefined : status?.owner?.interface === on,
  )
  if (status?.owner === undefined) throw new Error(`nobody owns ${address}`)
  return status.owner
}

/** Waits until another node owns the address than the given one, which the history names with the reason. */
async function movedFrom(t: Test, address: string, from: string, reason: RegExp): Promise<string> {
  const moved = ({ status }: AddressClaimObject) => status?.owner !== undefined && status.owner.node !== from
  const { status } = await world.until(`another owner than ${from}`, address, moved)
  t.match(status?.history?.at(-1), { node: from, reason })
  return status?.owner?.node ?? ''
}

/** A second link of a node, whose other end nobody listens on. */
async function addLink(node: string, name: string, address: string): Promise<void> {
  await ip(node, `link add ${name} type veth peer name ${name}-end`)
  await ip(node, `link set ${name}-end up`)
  await ip(node, `addr add ${address} dev ${name}`)
  await ip(node, `link set ${name} up`)
}

await t.test('nodeSelectors of the Eip: any of them selects, labels are followed, and an Eip that is gone selects nothing', async (t) => {
  const address = '10.251.0.240'
  const [first = '', second = '', third = ''] = electionOrder(NAMES, address)
  await label(third, { edge: 'yes' })
  await eip('edge', { nodeSelectors: [{ matchLabels: { edge: 'yes' } }, { matchExpressions: [{ key: 'spare', operator: 'Exists' }] }] })
  await world.claim(address, { eip: 'edge' })
  t.equal((await owner(address)).node, third, `the only one that is selected, and not ${first}`)
  await answeredBy(address, third)
  await label(second, { spare: '' })
  await label(third, { edge: null })
  t.equal(await movedFrom(t, address, third, /^NodeNotSelected: /), second)
  await answeredBy(address, second)
  await deleteObject(api, EIPS, { name: 'edge' })
  await label(second, { spare: null })
  await answeredBy(address, second)
  t.equal((await owner(address)).node, second, 'nobody moves because the Eip is gone')
})

await t.test('preferredNodes of the Eip: the heaviest is the first owner, and one that comes later takes nothing from it', async (t) => {
  const address = '10.251.0.242'
  const [first = '', second = '', third = ''] = electionOrder(NAMES, address)
  await label(third, { rack: 'a', nic: '25g' })
  await label(second, { rack: 'b' })
  const wish = (weight: number, key: string, values: readonly string[]) => ({
    weight,
    selector: { matchExpressions: [{ key, operator: 'In', values }] },
  })
  await eip('wish', { preferredNodes: [wish(60, 'rack', ['b']), wish(50, 'rack', ['a']), wish(20, 'nic', ['25g', '40g'])] })
  await world.claim(address, { eip: 'wish' })
  t.equal((await owner(address)).node, third, '70 goes before 60')
  await label(first, { rack: 'b', nic: '40g' })
  await label(third, { [EXCLUDE_LABEL]: '' })
  t.equal(await movedFrom(t, address, third, /^NodeExcluded: /), first, '80 goes before 60')
  await label(third, { [EXCLUDE_LABEL]: null, rack: 'b' })
  await label(first, { rack: null, nic: null })
  await answeredBy(address, first)
  t.equal((await owner(address)).node, first, 'it has no weight any more, and it is well')
  for (const node of NAMES) await label(node, { rack: null, nic: null })
})

await t.test('what is wrong with a node moves its addresses, each with its reason', async (t) => {
  const address = '10.251.0.241'
  await world.claim(address)
  const { node } = await owner(address)
  const taint = { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }
  await patchNode(node, { spec: { taints: [taint] } })
  const next = await movedFrom(t, address, node, /^NodeOutOfService: /)
  await patchNode(node, { spec: { taints: null } })
  const conditions = (unavailable: boolean) => ({
    status: {
      conditions: [
        { type: 'Ready', status: 'True', reason: 'Test', lastTransitionTime: new Date().toISOString() },
        {
          type: 'NetworkUnavailable',
          status: unavailable ? 'True' : 'False',
          reason: 'Test',
          lastTransitionTime: new Date().toISOString(),
        },
      ],
    },
  })
  await patchNode(next, conditions(true), 'status')
  await movedFrom(t, address, next, /^NetworkUnavailable: /)
  await patchNode(next, conditions(false), 'status')
  const { node: last } = await owner(address)
  await patchNode(last, { spec: { unschedulable: true } })
  await label('n1', { wake: 'up' })
  await answeredBy(address, last)
  t.equal((await owner(address)).node, last, 'a cordoned node stays the owner')
  await patchNode(last, { spec: { unschedulable: null } })
})

await t.test('the link with the subnet of the address is used, on the node that has one, and the next when it goes', async (t) => {
  const address = '10.77.0.9'
  await addLink('n2', 'up0', '10.77.0.2/24')
  await world.claim(address, { interface: 'nosuch0,eth*,up?' })
  const before = await owner(address)
  t.match(before, { node: 'n2', interface: 'up0' }, 'eth0 is up on every node and has not the subnet')
  await ip('n3', 'route add 10.77.0.0/24 dev eth0')
  await addLink('n3', 'up9', '10.79.0.3/24')
  await ip('n2', 'addr del 10.77.0.2/24 dev up0')
  t.equal(await movedFrom(t, address, 'n2', /^SubnetMissing: no subnet of the interface contains the address/), 'n3')
  t.match(await owner(address), { interface: 'eth0' }, 'a route without a gateway is a subnet too')
  await answeredBy(address, 'n3')
})

await t.test('nobody has the subnet: the claim says so, and how it is cured', async (t) => {
  const address = '10.78.0.9'
  await world.claim(address)
  const { status } = await world.until('a report', address, ({ status }) => (status?.conditions ?? []).length > 0)
  t.match(status?.conditions, [
    { type: 'Announced', status: 'False', message: /no subnet of the interface contains the address: add an address/ },
  ])
})

await t.test('a node names its own link by the annotation, behind those of the Eip', async (t) => {
  const address = '10.78.0.9'
  await addLink('n1', 'odd0', '10.78.0.1/24')
  await patchNode('n1', { metadata: { annotations: { [NODE_ANNOTATION]: '10.78.0.0/24' } } })
  t.match(await owner(address, 'odd0'), { node: 'n1' })
  await patchNode('n3', { metadata: { annotations: { [NODE_ANNOTATION]: 'eth0' } } })
  for (const speaker of speakers) {
    t.match(await speaker.said('an annotation of a node is ignored'), { node: 'n3', problem: /write an address of the node/ })
  }
})
