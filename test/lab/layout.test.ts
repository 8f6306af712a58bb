import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { SEEDS, seedText } from '../../lab/demonstration.ts'
import { LAB_IDS, LAB_NAME, type Layout, labLayout, labPaths, MAX_NODES, STATE_ROOTS } from '../../lab/layout.ts'
import { namespacesOf } from '../../lab/network.ts'

const SOCKET_PATH_BYTES = 107
const all = LAB_IDS.map((id) => labLayout(id, `lab${id}`, `/var/lib/openelb-lab/lab${id}`, MAX_NODES))
const addressesOf = (layout: Layout) =>
  [layout.controlPlane, layout.host, layout.client, layout.router, layout.routerFar, layout.far, ...layout.nodes].flatMap(
    ({ ipv4, ipv6 }) => [ipv4, ipv6],
  )

t.test('ten labs share no name and no address', async (t) => {
  for (const list of [all.flatMap(namespacesOf), all.map(({ link }) => link), all.map(({ subnet }) => subnet), all.flatMap(addressesOf)]) {
    t.equal(new Set(list).size, list.length)
  }
})

t.test('no lab touches the networks of Pods and Services, nor another /16 of its own', async (t) => {
  for (const { subnet, farCidrs } of all) {
    t.notMatch(subnet, /^10\.(244|96)\./)
    t.ok(farCidrs.ipv4.startsWith(subnet.replace(/\.0$/, '.')), 'the second subnet is beside the first')
  }
})

t.test('names fit the kernel', async (t) => {
  for (const layout of all) {
    t.ok(layout.link.length <= 15)
    for (const root of STATE_ROOTS) {
      const { containerdSocket } = labPaths(`${root}/${'x'.repeat(24)}`).node('n5')
      t.ok(containerdSocket.length <= SOCKET_PATH_BYTES, `${containerdSocket.length} bytes`)
    }
  }
  t.throws(() => labLayout(10, 'x', '/x', 1), RangeError)
})

t.test('one known layout', async (t) => {
  const { nodes, ...layout } = labLayout(1, 'lab', '/var/lib/openelb-lab/lab', 2)
  t.match(layout, { link: 'elb1', subnet: '10.251.0', client: { namespace: 'elb1-client', ipv4: '10.251.0.30', ipv6: 'fd00:251::30' } })
  t.match(nodes, [
    { name: 'n1', namespace: 'elb1-n1', ipv4: '10.251.0.11', podCidr: '10.244.1.0/24' },
    { name: 'n2', namespace: 'elb1-n2', ipv4: '10.251.0.12', podCidr: '10.244.2.0/24' },
  ])
})

t.test('a name is a folder, and no other', async (t) => {
  for (const name of ['lab', 'a', 'x-1', '0']) t.match(name, LAB_NAME)
  for (const name of ['', '.', '..', '.ids', 'a/b', 'A', '-a', 'a-', 'a b']) t.notMatch(name, LAB_NAME)
})

t.test("the articles' manifests move to the lab's network, and each brings the Service that is looked at", async (t) => {
  const files = readdirSync(join(import.meta.dirname, '../../lab/manifests')).sort()
  // That of a router is shown by `npm start -- --router`.
  t.same([...SEEDS.map(({ manifest }) => manifest), 'bgp.yaml'].sort(), files, 'every manifest is shown')
  for (const seed of SEEDS) {
    const text = seedText(seed, '10.249.0')
    t.notMatch(text, /^ .*10\.250\./m)
    const objects = parseAllDocuments(text).map((document) => document.toJS() as { kind: string; metadata: { name: string } })
    t.same(
      objects.filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.name),
      [seed.service],
    )
    t.equal(objects.filter(({ kind }) => kind === 'Eip').length, 1)
  }
})
