/**
 * The product as its users meet it: a real cluster, our image, `kubectl apply`, packets. One cluster serves all chapters, in this
 * order, because the last ones judge what the others did (which rights were used) and take the installation away.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Cluster, startCluster } from '../../lab/cluster.ts'
import { buildImage } from '../../lab/image/build.ts'
import { PRODUCT_IMAGE } from '../../lab/image/tag.ts'
import { contractEip } from './cluster/contract-eip.ts'
import { contractService } from './cluster/contract-service.ts'
import { dualStack } from './cluster/dual-stack.ts'
import { install } from './cluster/install.ts'
import { overlap } from './cluster/overlap.ts'
import { rbac } from './cluster/rbac.ts'
import { recovery } from './cluster/recovery.ts'
import { seeds } from './cluster/seeds.ts'
import type { Chapter, Suite } from './cluster/suite.ts'
import { uninstall } from './cluster/uninstall.ts'
import { upgrade } from './cluster/upgrade.ts'
import { wire } from './cluster/wire.ts'

const OTHER_IMAGE = `${PRODUCT_IMAGE}-other`
const INSTALL = 'install by manifest'

const CHAPTERS: readonly (readonly [string, Chapter])[] = [
  [INSTALL, install],
  ['the seeds', seeds],
  ['upgrade', upgrade],
  ['contract: Eips', contractEip],
  ['contract: Services', contractService],
  ['overlap', overlap],
  ['the wire', wire],
  ['dual stack', dualStack],
  ['recovery', recovery],
  ['least privilege', rbac],
  ['uninstall', uninstall],
]

/** A hang ends the suite; every wait inside has its own, shorter bound. */
const SUITE_TIMEOUT_MS = 900_000

t.setTimeout(SUITE_TIMEOUT_MS)
const work = mkdtempSync(join(tmpdir(), 'openelb-cluster-'))
let cluster: Cluster | undefined
t.teardown(async () => {
  await cluster?.down()
  rmSync(work, { recursive: true, force: true })
})

const log = (line: string): void => t.comment(line)

async function suiteOf(lab: Cluster): Promise<Suite> {
  const nodes = await Promise.all(
    lab.nodes.map(async (node) => {
      // Not from /sys: entering a network namespace does not remount it, so it shows the host's.
      const { stdout } = await node.exec(['ip', '-o', 'link', 'show', 'eth0'])
      const mac = /link\/ether (\S+)/.exec(stdout)?.[1] ?? ''
      return { name: node.name, address: node.ip, mac }
    }),
  )
  return {
    kubectl: (args, input) => lab.tryKubectl(args, { timeoutMs: 150_000, ...(input === undefined ? {} : { input }) }),
    client: (program, args) => lab.client.exec([program, ...args], { timeoutMs: 10_000 }),
    nodes,
    segment: lab.subnet,
    segmentIpv6: `fd00:${lab.subnet.split('.')[1]}::`,
    auditLog: lab.auditLog,
    kubeconfig: lab.kubeconfig,
    otherImage: OTHER_IMAGE,
    work,
  }
}

t.test('cluster', { timeout: SUITE_TIMEOUT_MS }, async (t) => {
  const image = join(work, 'openelb.tar')
  const other = join(work, 'other.tar')
  const built = buildImage({ output: image, log }).then(() => buildImage({ output: other, tag: OTHER_IMAGE, log }))
  const [started] = await Promise.all([startCluster({ nodes: 3, dualStack: true, log }), built])
  cluster = started
  for (const archive of [image, other]) await cluster.loadImage(archive)
  const suite = await suiteOf(cluster)
  for (const [name, chapter] of CHAPTERS) {
    await t.test(name, { timeout: SUITE_TIMEOUT_MS }, (t) => chapter(t, suite))
    if (name === INSTALL && !t.passing()) return t.comment('not installed: the other chapters would say nothing')
  }
})
