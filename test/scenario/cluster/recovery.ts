import { createApiClient, isNotFound } from '../../../src/kube/client.ts'
import { createLogger } from '../../../src/runtime/logger.ts'
import { calls } from './rbac.ts'
import {
  ADDRESS_KEY,
  address,
  addressOf,
  apply,
  type Chapter,
  eip,
  eventually,
  get,
  loadBalancer,
  NAMESPACE,
  OPT_IN_KEY,
  run,
  type Suite,
  service,
  tryApply,
} from './suite.ts'

const NS = 'recovery'
const ANNOTATIONS = { [OPT_IN_KEY]: 'openelb', 'eip.openelb.kubesphere.io/v1alpha2': 'recovery' }
const CONFIGURATION = 'validatingwebhookconfiguration'
const ADMISSION = 'openelb-admission'

interface Job {
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> }
  readonly spec: { readonly template: { readonly metadata: { labels?: Record<string, string> }; readonly spec: object } }
}

interface Claim {
  readonly status?: { readonly owner?: { readonly node: string } }
}

/** How often the newest Event of that reason about a Service was repeated. */
async function counted(suite: Suite, name: string, reason: string): Promise<number> {
  const selector = `involvedObject.name=${name},reason=${reason}`
  const list = await get<{ items: { count?: number }[] }>(suite, 'events', '-n', NS, '--field-selector', selector)
  return Math.max(0, ...(list?.items ?? []).map(({ count = 1 }) => count))
}

/** What breaks in a year of running, one after the other: each mends itself, and nothing held moves. */
export const recovery: Chapter = async (t, suite) => {
  const ip = (host: number): string => `${suite.segment}.${host}`
  const range = `${ip(220)}-${ip(229)}`
  await run(suite, 'create', 'namespace', NS)
  await apply(suite, eip('recovery', { address: range, protocol: 'layer2', interface: 'eth0' }))

  await t.test('the allocator is away: what it missed is made up for at its return', async (t) => {
    await apply(suite, loadBalancer('kept', NS, { [OPT_IN_KEY]: 'openelb', [ADDRESS_KEY]: ip(225) }))
    await apply(suite, loadBalancer('deleted', NS, ANNOTATIONS))
    const [kept, deleted] = [await address(suite, NS, 'kept'), await address(suite, NS, 'deleted')]
    await run(suite, 'scale', 'deployment/openelb-controller', '-n', NAMESPACE, '--replicas=0')
    await run(suite, 'wait', 'pod', '-n', NAMESPACE, '-l', 'component=controller', '--for=delete', '--timeout=60s')
    await run(suite, 'delete', 'svc', 'deleted', '-n', NS, '--timeout=20s')
    await apply(suite, loadBalancer('created', NS, ANNOTATIONS))
    await run(suite, 'scale', 'deployment/openelb-controller', '-n', NAMESPACE, '--replicas=2')
    await address(suite, NS, 'created', 60)
    await eventually('the claim of the deleted Service to go', 20, async () => {
      const claim = await get<{ spec: { holders: { name: string }[] } }>(suite, 'addressclaim', deleted)
      return claim === undefined || claim.spec.holders[0]?.name === 'created'
    })
    t.equal(addressOf(await service(suite, NS, 'kept')), kept, 'what was held did not move')
  })
  await t.test('a claim that others write to at the same moment is released all the same', async (t) => {
    // Whether a write falls between the allocator's look and its deletion is chance: rounds go on until one did.
    let lost = false
    for (let round = 1; round <= 12 && !lost; round++) {
      await apply(suite, loadBalancer('contended', NS, ANNOTATIONS))
      const vip = await address(suite, NS, 'contended')
      const stops = await Promise.all([1, 2, 3].map(() => disturb(suite, vip)))
      await run(suite, 'delete', 'svc', 'contended', '-n', NS, '--timeout=20s')
      await eventually('the claim to go', 20, async () => (await get(suite, 'addressclaim', vip)) === undefined)
      for (const stop of stops) await stop()
      lost = (await calls(suite.auditLog)).made.has(LOST_RACE)
    }
    t.ok(lost, 'a deletion lost a race, and was made again')
  })
  await t.test('a pool that is deleted loses nobody; one of the same range takes them back', async (t) => {
    const kept = addressOf(await service(suite, NS, 'kept'))
    await run(suite, 'delete', 'eip', 'recovery')
    await eventually('the reason', 10, async () =>
      (await service(suite, NS, 'kept'))?.status.conditions?.some(({ reason }) => reason === 'PoolDeleted'),
    )
    t.equal(addressOf(await service(suite, NS, 'kept')), kept)
    await apply(suite, { ...eip('heir', { address: range, protocol: 'layer2', interface: 'eth0' }), metadata: ORIGINAL_METADATA })
    await eventually(
      'the heir',
      10,
      async () => (await get<{ spec: { eip: string } }>(suite, 'addressclaim', kept ?? ''))?.spec.eip === 'heir',
    )
    t.equal(addressOf(await service(suite, NS, 'kept')), kept)
    await eventually('the finalizer of the original to go', 10, async () => {
      return (await get<{ metadata: { finalizers?: string[] } }>(suite, 'eip', 'heir'))?.metadata.finalizers === undefined
    })
  })
  await t.test('a webhook configuration that lost the CA gets it back', async (t) => {
    await run(suite, 'patch', CONFIGURATION, ADMISSION, '--type=json', '-p', '[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]')
    await run(suite, 'patch', 'mutatingwebhookconfiguration', ADMISSION, '--type=json', '-p', REMOVE_CA)
    await eventually('the CA', 90, async () => (await run(suite, 'get', CONFIGURATION, ADMISSION, '-o', CA_PATH)) !== '')
    await refusesBadEip(suite)
    t.pass('and admission works')
  })
  await t.test('the certificate is renewed while admission goes on', async (t) => {
    const before = await certificate(suite)
    const flags = ['--renew-before=8760h', '--certificate-lifetime=8761h'].map((value) => ({
      op: 'add',
      path: `${CONTAINER}/args/-`,
      value,
    }))
    await run(suite, 'patch', 'deployment', ADMISSION, '-n', NAMESPACE, '--type=json', '-p', JSON.stringify(flags))
    await run(suite, 'rollout', 'status', 'deployment', ADMISSION, '-n', NAMESPACE, '--timeout=120s')
    await eventually('another certificate', 90, async () => {
      await refusesBadEip(suite)
      return (await certificate(suite)) !== before
    })
    for (let index = 0; index < 10; index++) await refusesBadEip(suite)
    t.pass('every request in between was answered by the webhook')
  })
  await t.test('the webhook is away: Services change, a new installation repairs what is broken', async (t) => {
    await run(suite, 'scale', 'deployment', ADMISSION, '-n', NAMESPACE, '--replicas=0')
    await run(suite, 'wait', 'pod', '-n', NAMESPACE, '-l', 'component=admission', '--for=delete', '--timeout=60s')
    await apply(suite, loadBalancer('unwatched', NS, ANNOTATIONS_OF_HEIR))
    await address(suite, NS, 'unwatched')
    await run(suite, 'patch', 'secret', ADMISSION, '-n', NAMESPACE, '-p', '{"stringData":{"cert":"rubbish"}}')
    for (const verb of ['create', 'patch']) await runAgain(suite, verb)
    await run(suite, 'scale', 'deployment', ADMISSION, '-n', NAMESPACE, '--replicas=2')
    await eventually('admission with the new certificate', 60, () => refusesBadEip(suite))
    t.not(await certificate(suite), Buffer.from('rubbish').toString('base64'))
  })
  await t.test('a Service that gets the same address again repeats its events as a count', async (t) => {
    const vip = await address(suite, NS, 'unwatched')
    for (const type of ['ClusterIP', 'LoadBalancer', 'ClusterIP', 'LoadBalancer']) {
      await eventually(
        'an owner',
        20,
        async () => (await get<Claim>(suite, 'addressclaim', vip))?.status?.owner !== undefined || type === 'LoadBalancer',
      )
      await run(suite, 'patch', 'svc', 'unwatched', '-n', NS, '--type=merge', '-p', JSON.stringify({ spec: { type } }))
      if (type === 'ClusterIP') await eventually('the claim to go', 10, async () => (await get(suite, 'addressclaim', vip)) === undefined)
      else t.equal(await address(suite, NS, 'unwatched'), vip)
    }
    await eventually('the count of SetBalancer', 20, async () => (await counted(suite, 'unwatched', 'SetBalancer')) > 1)
    await eventually('the count of AssignIP', 20, async () => (await counted(suite, 'unwatched', 'AssignIP')) > 1)
    await run(
      suite,
      'patch',
      'svc',
      'kept',
      '-n',
      NS,
      '--type=merge',
      '-p',
      '{"spec":{"ports":[{"name":"http","port":81,"targetPort":8080}]}}',
    )
    await eventually('the new port in the claim', 10, async () => {
      const claim = await get<{ spec: { holders: { ports: { port: number }[] }[] } }>(suite, 'addressclaim', ip(225))
      return claim?.spec.holders[0]?.ports[0]?.port === 81
    })
    t.pass('and a claim follows the ports of its Service')
  })
  await run(suite, 'delete', 'namespace', NS, '--timeout=60s')
  await run(suite, 'delete', 'eip', '--all', '--timeout=20s')
}

/** What the allocator asks when a claim is not as it knew it. */
const LOST_RACE = 'openelb-controller get network.kubesphere.io/addressclaims'
const CONTAINER = '/spec/template/spec/containers/0'
const REMOVE_CA = '[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]'
const CA_PATH = 'jsonpath={.webhooks[0].clientConfig.caBundle}'
const ANNOTATIONS_OF_HEIR = { [OPT_IN_KEY]: 'openelb', 'eip.openelb.kubesphere.io/v1alpha2': 'heir' }
const ORIGINAL_METADATA = { name: 'heir', finalizers: ['finalizer.ipam.kubesphere.io/v1alpha1'] }

const certificate = (suite: Suite): Promise<string> =>
  run(suite, 'get', 'secret', ADMISSION, '-n', NAMESPACE, '-o', 'jsonpath={.data.cert}')

/** Admission must answer, and by a refusal of ours: a connection that fails reads otherwise. */
async function refusesBadEip(suite: Suite): Promise<true> {
  const { code, stderr } = await tryApply(suite, eip('bad', { address: 'xxxx' }))
  if (code === 0 || !stderr.includes('invalid eip address format')) throw new Error(`admission said: ${stderr.trim()}`)
  return true
}

/** Runs a finished Job of ours once more under another name, as the manifest of another version would. */
async function runAgain(suite: Suite, verb: string): Promise<void> {
  const jobs = await get<{ items: Job[] }>(suite, 'jobs', '-n', NAMESPACE)
  const job = jobs?.items.find(({ metadata }) => metadata.name.startsWith(`${ADMISSION}-${verb}-`))
  if (job === undefined) throw new Error(`there is no Job ${verb}`)
  const name = `${job.metadata.name}-again`
  const labels = { app: 'openelb', component: 'certgen' }
  const template = { metadata: { labels }, spec: job.spec.template.spec }
  await apply(suite, { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: NAMESPACE, labels }, spec: { template } })
  await run(suite, 'wait', 'job', name, '-n', NAMESPACE, '--for=condition=complete', '--timeout=60s')
}

/** Writes to a claim as fast as it can until told to stop, or the claim is gone; resolves after the first write. Stopping gives how many there were. */
async function disturb(suite: Suite, name: string): Promise<() => Promise<number>> {
  const logger = createLogger({ format: 'text', level: 'error', write: () => undefined })
  const client = createApiClient({ kubeconfigPath: suite.kubeconfig, userAgent: 'disturber', logger })
  const path = `/apis/network.kubesphere.io/v1alpha2/addressclaims/${name}`
  let running = true
  let count = 0
  const write = async (): Promise<void> => {
    const body = { metadata: { annotations: { 'example.com/disturbed': String(count) } } }
    await client.request({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json' })
    count++
  }
  await write()
  const ended = (async () => {
    while (running) {
      try {
        await write()
      } catch (error) {
        if (!isNotFound(error)) throw error
        running = false
      }
    }
    client.close()
    return count
  })()
  return () => {
    running = false
    return ended
  }
}
