/** Certificates that change under load (the short form of `npm run soak -- certificates`), and a cluster whose webhooks are dead. */
import t from 'tap'
import type { ServiceObject } from '../../src/api/core-objects.ts'
import { CONTROLLER_NAME } from '../../src/api/names.ts'
import { EIP_NAME } from '../../src/api/service-annotations.ts'
import { getObject, listObjects } from '../../src/kube/objects.ts'
import { EIPS, SERVICES } from '../../src/kube/resources.ts'
import { rotate } from '../soak/certificates.ts'
import { recordHistory } from '../soak/support/history.ts'
import { conclude } from '../soak/support/rest.ts'
import { OWN, startAdmissionWorld } from '../support/admission-world.ts'
import { type AllocatorProcess, startAllocator } from '../support/allocator-process.ts'
import { createClusterActions, refOf, shownText } from '../support/cluster-actions.ts'
import { until } from '../support/until.ts'

t.setTimeout(540_000)
const world = await startAdmissionWorld()
const { api, cluster } = world
const allocators: AllocatorProcess[] = []
t.teardown(async () => {
  for (const each of allocators) await each.stop('SIGKILL')
  await world.close()
})
const { makeEip, removeEip, makeNamespace, makeService, annotate, patchService, removeService } = createClusterActions(api)

async function allocator(identity: string): Promise<AllocatorProcess> {
  const process = await startAllocator(await cluster.serviceAccountKubeconfig(OWN, CONTROLLER_NAME), identity, ['--leader-elect=false'])
  allocators.push(process)
  return process
}
const service = (key: string) => getObject<ServiceObject>(api, SERVICES, refOf(key))
const addressOf = (key: string) => until(`${key} has an address`, async () => shownText(await service(key)) || false)
const shows = (key: string, address: string) => until(`${key} shows "${address}"`, async () => shownText(await service(key)) === address)
const admits = (name: string, address: string) =>
  until(`Eip ${name} is admitted`, () =>
    makeEip(name, address).then(
      () => true,
      () => false,
    ),
  )

await t.test('CA and certificate are exchanged under 100 admissions a second, and none fails', async (t) => {
  await world.apply()
  const result = await rotate(world, { durationMs: 180_000, enough: 4, everyMs: 5000, rate: 100, progress: (line) => t.comment(line) })
  t.comment(JSON.stringify(result))
  t.same(result.failed, [])
  t.ok(result.certificates >= 4, `${result.certificates} certificates were met`)
  t.ok(result.asked > 100, `${result.asked} admissions`)
  t.ok(result.handshakes > 20, `${result.handshakes} fresh connections`)
})

t.test('certgen renew --force rotates from outside, in the safe order', async (t) => {
  // These renew nothing by themselves before months are over.
  await world.serve(2)
  const before = await cluster.kubectl(['get', 'secret', '-n', OWN, 'openelb-admission', '-o', 'jsonpath={.data.cert}'])
  t.match(await world.certgen('renew', '--force', '--settle-time=1s'), /the new certificate is served/)
  t.not(await cluster.kubectl(['get', 'secret', '-n', OWN, 'openelb-admission', '-o', 'jsonpath={.data.cert}']), before)
  await admits('dead-p', '10.60.1.0/29')
  await admits('dead-q', '10.60.2.0/29')
  await admits('dead-gone', '10.60.3.0/29')
})

t.test('with the webhooks dead, Services change, allocation follows, and nothing else of the cluster stands still', async (t) => {
  const process = await allocator('alive')
  await makeNamespace('dead')
  await makeService('dead/before', { eip: 'dead-p' })
  await shows('dead/before', '10.60.1.0')
  await world.silence()
  await makeNamespace('dead-too')
  await makeService('dead/new', { eip: 'dead-p' })
  await shows('dead/new', '10.60.1.1')
  await makeService('dead-too/bare', { bare: true })
  t.match(await addressOf('dead-too/bare'), /^192\.0\.2\./, 'the allocator adopts what the webhook would have filled in')
  await annotate('dead/before', { [EIP_NAME]: 'dead-q' })
  await shows('dead/before', '10.60.2.0')
  await patchService('dead/new', { spec: { type: 'ClusterIP' } })
  await shows('dead/new', '')
  await removeService('dead/new')
  await t.rejects(makeEip('refused', '10.60.9.0/29'), /failed calling webhook "validate\.eip\.network\.kubesphere\.io"/)
  t.equal(await removeEip('dead-gone'), 'deleted', 'an Eip can be deleted')
  for (const kind of ['configmap', 'serviceaccount']) await cluster.kubectl(['create', kind, 'meanwhile', '-n', 'dead'])
  await process.stop()
})

t.test('a reinstallation works while the webhooks are dead, and no address moves', async (t) => {
  const history = await recordHistory(api)
  const before = await listObjects<ServiceObject>(api, SERVICES, { namespace: 'dead' })
  await world.removeAdmission()
  // What is left of the old installation is in the way of nothing: the manifest goes over it, and its Jobs certify anew.
  await world.apply()
  await world.certify()
  await world.apply()
  await world.serve(2)
  await admits('again', '10.60.9.0/29')
  await t.rejects(makeEip('again-too', '10.60.9.1'), /eip address overlap with again/)
  await allocator('reinstalled')
  await makeService('dead/after', { eip: 'again' })
  await shows('dead/after', '10.60.9.0')
  for (const { metadata, ...rest } of before)
    t.equal(shownText(await service(`dead/${metadata.name}`)), shownText({ metadata, ...rest }), metadata.name)
  t.same((await conclude(history)).violations, [])
  t.equal((await listObjects(api, EIPS)).length, 4)
})
