/** Addresses by the hundred that one node owns and every node may take, for faults that move them all at once. */
import { setTimeout as delay } from 'node:timers/promises'
import { type AddressClaimObject, claimName } from '../../src/api/address-claim.ts'
import { createObject, deleteObject, listObjects } from '../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, ENDPOINT_SLICES } from '../../src/kube/resources.ts'
import { createServices, moveEndpoints } from '../../test/scenario/failover/services.ts'
import { FAMILIES, type FailoverWorld, NODE_NAMES } from '../../test/scenario/failover/world.ts'
import { serviceName } from '../../test/speaker/support/layer2-world.ts'
import { ipOf } from '../../test/speaker/support/objects.ts'
import { inParallel, until } from './waiting.ts'

export interface Fleet {
  readonly all: readonly string[]
  /** Those that the prober asks for; of the others the announcements are seen. */
  readonly probed: readonly string[]
  readonly probeEveryMs: number
  /** Makes this node the owner of all, and lets every node take them again. */
  gather(owner: string): Promise<void>
  /** The claims, in the order of `all`. */
  claims(): Promise<readonly AddressClaimObject[]>
  /** Releases them all. */
  remove(): Promise<void>
}

/** Gives the Service of the fleet its name; nobody claims these. */
const SERVICE = { IPv4: '10.99.0.200', IPv6: 'fd00:99::200' } as const
/** A second network on eth0 of each node: the lab's own has too few addresses. */
const PROBED = 5
const ALONE_EVERY_MS = 1
const EVERY_MS = 5
/** Until every speaker has seen that all nodes may own the addresses. */
const SEEN_MS = 600

/** Half of each family; a single one is of IPv4. */
const addressesOf = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => (at % 2 === 0 ? `10.99.${1 + (at >> 8)}.${at & 255}` : `fd00:99::a:${(1 + at).toString(16)}`))

/** Once per world. */
export async function joinFleetNetwork(world: FailoverWorld): Promise<void> {
  for (const [at, { exec }] of world.cluster.nodes.entries()) {
    await exec(['ip', 'addr', 'add', `10.99.0.${1 + at}/16`, 'dev', 'eth0'])
    await exec(['ip', 'addr', 'add', `fd00:99::${1 + at}/64`, 'dev', 'eth0', 'nodad'])
  }
}

/** Claims `count` addresses and asks for some of them. They belong to nobody before the first gather(). */
export async function createFleet(world: FailoverWorld, count: number): Promise<Fleet> {
  const all = addressesOf(count)
  const probed = all.slice(0, PROBED)
  const probeEveryMs = count === 1 ? ALONE_EVERY_MS : EVERY_MS
  const names = all.map((address) => claimName(ipOf(address)))
  await createServices(world, SERVICE, 'Local', [])
  const holder = { namespace: 'default', name: serviceName(SERVICE.IPv4), uid: 'uid-fleet', ports: [] }
  await inParallel(all, async (address) => {
    const spec = { address, eip: 'pool', protocol: 'layer2', interface: 'eth0', holders: [holder] }
    await createObject(world.api, ADDRESS_CLAIMS, { metadata: { name: claimName(ipOf(address)) }, spec })
  })
  for (const address of probed) world.wire.probe(address, probeEveryMs)
  const claims = async () => {
    const byName = new Map((await listObjects<AddressClaimObject>(world.api, ADDRESS_CLAIMS)).map((claim) => [claim.metadata.name, claim]))
    return names.flatMap((name) => byName.get(name) ?? [])
  }
  return {
    all,
    probed,
    probeEveryMs,
    claims,
    async gather(owner) {
      await moveEndpoints(world, SERVICE, [owner])
      await until(`${owner} owns all`, async () => (await claims()).every(({ status }) => status?.owner?.node === owner), 100)
      await moveEndpoints(world, SERVICE, NODE_NAMES)
      await delay(SEEN_MS)
    },
    async remove() {
      for (const address of probed) world.wire.still(address)
      await inParallel(all, (address) => deleteObject(world.api, ADDRESS_CLAIMS, { name: claimName(ipOf(address)) }))
      for (const family of FAMILIES)
        await deleteObject(world.api, ENDPOINT_SLICES, { namespace: 'default', name: `${serviceName(SERVICE[family])}-x` })
      await world.release(FAMILIES.map((family) => SERVICE[family]))
    },
  }
}
