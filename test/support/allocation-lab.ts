/** One API server with one allocator and one webhook of ours on it, and few words for what users do and read. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { issueCertificates } from '../../certgen/certificates.ts'
import { serviceHosts } from '../../certgen/hosts.ts'
import { mutatingConfiguration, validatingConfiguration } from '../../deploy/manifest/admission.ts'
import { rbacObjects, WEBHOOK_RIGHTS } from '../../deploy/manifest/rbac.ts'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import type { Condition, ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject } from '../../src/api/eip.ts'
import { ADMISSION_NAME, SETTINGS_CONFIG_MAP, WEBHOOK_SERVICE_ACCOUNT } from '../../src/api/names.ts'
import { ApiError } from '../../src/kube/client.ts'
import { createObject, deleteObject, findObject, getObject, listObjects, patchObject } from '../../src/kube/objects.ts'
import { CONFIG_MAPS, EIPS, EVENTS, MUTATING_WEBHOOKS, SECRETS, SERVICES, VALIDATING_WEBHOOKS } from '../../src/kube/resources.ts'
import { type AddressWitness, startAddressWitness } from './address-witness.ts'
import type { AllocatorProcess } from './allocator-process.ts'
import { type AllocatorWorld, OWN, startAllocatorWorld } from './allocator-world.ts'
import { type ClusterActions, conditionOf, createClusterActions, refOf, shownText } from './cluster-actions.ts'
import { until } from './until.ts'
import { startBalancer, startWebhook, type WebhookProcess } from './webhook-process.ts'

const INSTALLATION = { namespace: OWN, image: 'none', version: '0.0.0' }
const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const YEAR_MS = 365 * 86_400_000
const base64 = (text: string): string => Buffer.from(text).toString('base64')

export interface EventLine {
  readonly type: string
  readonly reason: string
  readonly message: string
  readonly count: number
}

/** What people do and what they read. Keys of Services are `namespace/name`; every wait ends after half a minute. */
export interface AllocationLab extends ClusterActions {
  readonly world: AllocatorWorld
  readonly witness: AddressWitness
  readonly webhook: WebhookProcess
  /** The one that runs now. */
  allocator(): AllocatorProcess
  /** Kills it and starts another one. */
  restartAllocator(): Promise<void>
  /** `kubectl apply`, in the words that its user reads: stderr first, then stdout. */
  apply(...objects: readonly object[]): Promise<string>
  /** Whether the API server asks our webhook. It does not at first. */
  admission(state: 'on' | 'off'): Promise<void>
  /** Replaces ConfigMap openelb-config; without an argument it goes. */
  settings(data?: Readonly<Record<string, string>>): Promise<void>
  addressOf(key: string): Promise<string>
  /** Addresses joined by commas; an empty text for none. */
  shows(key: string, addresses: string): Promise<unknown>
  says(key: string, reason: string): Promise<Condition>
  condition(key: string): Condition | undefined
  eip(name: string): Promise<EipObject>
  /** Who holds which of the addresses that begin so: address to `namespace/name`, several joined by `;`. */
  holders(prefix: string): Readonly<Record<string, string>>
  claimOf(address: string): AddressClaimObject | undefined
  eventsOf(key: string): Promise<readonly EventLine[]>
  /** What `openelb explain service` prints. */
  explain(key: string): Promise<string>
  /** `done`, or the words of the API server's refusal. */
  attempt(action: Promise<unknown>): Promise<string>
  close(): Promise<void>
}

interface Admission {
  readonly webhook: WebhookProcess
  readonly configurations: readonly { readonly kind: string; readonly metadata: { readonly name: string } }[]
  close(): Promise<void>
}

/** Starts the webhook with a certificate of its own; the configurations are not stored yet. */
async function startAdmission({ cluster, api }: AllocatorWorld): Promise<Admission> {
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: WEBHOOK_SERVICE_ACCOUNT, namespace: OWN } }
  const items = [account, ...rbacObjects(INSTALLATION, WEBHOOK_RIGHTS)]
  await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })
  const hosts = [...serviceHosts(OWN), cluster.hostAddress]
  const { ca, cert, key } = await issueCertificates({ hosts, nowMs: Date.now(), lifetimeMs: YEAR_MS })
  const data = { ca: base64(ca), cert: base64(cert), key: base64(key) }
  await createObject(api, SECRETS, { metadata: { name: ADMISSION_NAME, namespace: OWN }, data } as { metadata: { name: string } })
  const balancer = await startBalancer(cluster.hostAddress)
  const webhook = await startWebhook(await cluster.serviceAccountKubeconfig(OWN, WEBHOOK_SERVICE_ACCOUNT), [], { POD_NAME: 'one' })
  balancer.target([webhook.port])
  let missing = ''
  await until('the webhook is ready', async () => {
    const { ok, text } = await webhook.ready()
    missing = text
    return ok
  }).catch((error: Error) => Promise.reject(new Error(`${error.message}; ${missing}`)))
  const url = `https://${cluster.hostAddress}:${balancer.port}`
  return {
    webhook,
    configurations: [mutatingConfiguration(INSTALLATION), validatingConfiguration(INSTALLATION)].map((configuration) => ({
      ...(configuration as unknown as Admission['configurations'][number]),
      webhooks: (configuration['webhooks'] as { clientConfig: { service: { path: string } } }[]).map((each) => ({
        ...each,
        clientConfig: { url: `${url}${each.clientConfig.service.path}`, caBundle: base64(ca) },
      })),
    })),
    async close() {
      await webhook.stop('SIGKILL')
      await balancer.close()
    },
  }
}

/** The API server follows its webhook configurations with a delay; an Eip that no webhook lets through tells. */
async function setAdmission(state: 'on' | 'off', { api, cluster }: AllocatorWorld, { configurations }: Admission): Promise<void> {
  if (state === 'on') {
    const list = { apiVersion: 'v1', kind: 'List', items: configurations }
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(list) })
  } else {
    for (const resource of [MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS]) await deleteObject(api, resource, { name: ADMISSION_NAME })
  }
  const probe = { metadata: { name: 'probe' }, spec: { address: 'no address' } }
  await until(`admission is ${state}`, async () => {
    const isStored = (await attempt(createObject(api, EIPS, probe))) === 'done'
    if (isStored) await deleteObject(api, EIPS, { name: 'probe' })
    return isStored === (state === 'off')
  })
}

async function attempt(action: Promise<unknown>): Promise<string> {
  try {
    await action
    return 'done'
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return error.message.replace(/^[A-Z]+ \S+: \d+ /, '')
  }
}

/** What is read of Services, by the words of AllocationLab. */
function readings({ api, cluster }: AllocatorWorld, witness: AddressWitness) {
  const condition = (key: string) => conditionOf(witness.service(key))
  const seen = (key: string) => `${JSON.stringify(shownText(witness.service(key)))}, ${JSON.stringify(condition(key) ?? null)}`
  async function eventually<T>(what: string, key: string, check: () => T | false | undefined): Promise<T> {
    return until(what, check).catch((error: Error) => Promise.reject(new Error(`${error.message}; it shows ${seen(key)}`)))
  }
  return {
    condition,
    addressOf: (key: string) => eventually(`${key} has an address`, key, () => shownText(witness.service(key)) || false),
    shows: (key: string, addresses: string) =>
      eventually(`${key} shows "${addresses}"`, key, () => shownText(witness.service(key)) === addresses),
    says: (key: string, reason: string) =>
      eventually(`${key} says ${reason}`, key, () => {
        const said = condition(key)
        return said?.reason === reason ? said : false
      }),
    holders: (prefix: string) =>
      Object.fromEntries(
        witness
          .claims()
          .filter(({ spec }) => spec.address.startsWith(prefix))
          .map(({ spec }) => [spec.address, spec.holders.map(({ namespace, name }) => `${namespace}/${name}`).join(';')])
          .toSorted(),
      ),
    claimOf: (address: string) => witness.claims().find(({ spec }) => spec.address === address),
    async eventsOf(key: string): Promise<readonly EventLine[]> {
      const { namespace, name } = refOf(key)
      const fieldSelector = `involvedObject.name=${name}`
      const events = await listObjects<EventLine>(api, EVENTS, { namespace, fieldSelector })
      return events.map(({ type, reason, message, count }) => ({ type, reason, message, count }))
    },
    async explain(key: string): Promise<string> {
      const words = ['explain', 'service', key, `--kubeconfig=${cluster.kubeconfig}`, '--color=never']
      return (await promisify(execFile)(process.execPath, [CLI, ...words], { timeout: 60_000 })).stdout
    },
  }
}

/** Starts everything; nothing is registered with the API server yet. `close` removes it all. */
export async function startAllocationLab(flags: readonly string[] = []): Promise<AllocationLab> {
  const world = await startAllocatorWorld()
  const { api, cluster } = world
  const start = (life: number) => world.allocator(`lab-${life}`, ['--leader-elect=false', ...flags])
  let lives = 0
  try {
    const admission = await startAdmission(world)
    const witness = await startAddressWitness(api)
    let current = await start(lives)
    return {
      ...createClusterActions(api),
      ...readings(world, witness),
      world,
      witness,
      webhook: admission.webhook,
      allocator: () => current,
      async restartAllocator() {
        await world.end(current, 'SIGKILL')
        lives++
        current = await start(lives)
      },
      async apply(...objects) {
        const list = { apiVersion: 'v1', kind: 'List', items: objects }
        const { stdout, stderr } = await cluster.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(list) })
        return [stderr.trim(), stdout.trim()].filter((text) => text !== '').join('\n')
      },
      admission: (state) => setAdmission(state, world, admission),
      async settings(data) {
        const ref = { name: SETTINGS_CONFIG_MAP, namespace: OWN }
        if ((await findObject(api, CONFIG_MAPS, ref)) !== undefined) await deleteObject(api, CONFIG_MAPS, ref)
        if (data !== undefined) await createObject(api, CONFIG_MAPS, { metadata: ref, data } as { metadata: { name: string } })
      },
      eip: (name) => getObject<EipObject>(api, EIPS, { name }),
      attempt,
      async close() {
        await admission.close()
        await witness.close()
        await world.close()
      },
    }
  } catch (error) {
    await world.close()
    throw error
  }
}

/** A change of the status subresource, as a controller or a tenant with that right would send it. */
export const patchStatus = (lab: AllocationLab, key: string, status: object): Promise<ServiceObject> =>
  patchObject<ServiceObject>(lab.world.api, SERVICES, refOf(key), { status }, { type: 'merge', subresource: 'status' })
