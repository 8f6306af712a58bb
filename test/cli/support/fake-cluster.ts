/** A cluster made of lists, for the verbs; and the call of a verb as the command line makes it. */
import type { KubernetesObject } from '../../../src/api/core-objects.ts'
import type { ClusterReader } from '../../../src/cli/cluster-reader.ts'
import { renderReport } from '../../../src/cli/render.ts'
import type { Report } from '../../../src/cli/report.ts'
import { readCommand } from '../../../src/cli/usage.ts'
import type { Person, Verb } from '../../../src/cli/verb.ts'
import { ApiError } from '../../../src/kube/api-error.ts'
import { type Resource, resourceName } from '../../../src/kube/resources.ts'
import { REPORT_PATH } from '../../../src/speaker/speaker-report.ts'

export const NOW_MS = Date.parse('2026-11-21T00:01:00Z')

export interface FakeCluster extends ClusterReader {
  /** What was deleted, as `resource/name`, with the version that it had to have. */
  readonly removed: string[]
  /** What was annotated, as `resource/name@version key=value`, a removal as `key=`. */
  readonly annotated: string[]
  waitedMs: number
  /** Puts these fields into an object of the cluster, which makes another version of it. */
  replace<T extends KubernetesObject>(object: T, fields: Partial<T>): void
}

export interface FakeOptions {
  readonly objects?: readonly KubernetesObject[]
  /** Resources that may not be touched, as RBAC names them, or `RESOURCE/VERB`; or a whole API server that is away. */
  readonly forbidden?: readonly string[]
  readonly away?: boolean
  readonly version?: string
  /** Answered to a deletion. */
  readonly removal?: 'deleted' | 'not-found' | 'Conflict'
  /** Called before every read, so that a test can change the objects between two looks. */
  readonly beforeRead?: (resource: string) => void
  readonly namespace?: string
  /** What the Pods answer: their reports by their names, other pages by `POD/path` with or without the query. One that is missing answers nothing. */
  readonly pages?: Readonly<Record<string, unknown>>
  /** Called after each annotation and each wait, so that a test can play the speakers. */
  readonly afterwards?: (cluster: FakeCluster, objects: readonly KubernetesObject[]) => void
}

export function fakeCluster(options: FakeOptions = {}): FakeCluster {
  const { forbidden = [], away = false } = options
  const originals = options.objects ?? []
  const replaced = new Map<KubernetesObject, KubernetesObject>()
  const objects = () => originals.map((object) => replaced.get(object) ?? object)
  const guard = (resource: Resource, verb: string): void => {
    const name = resourceName(resource)
    options.beforeRead?.(name)
    if (away) throw new ApiError('GET /x: no answer', { status: 0, reason: 'Unreachable', cause: new Error('connect ECONNREFUSED') })
    if (!forbidden.includes(name) && !forbidden.includes(`${name}/${verb}`)) return
    throw new ApiError(`GET /x: 403 ${name} is forbidden: User "u" cannot ${verb} it`, { status: 403, reason: 'Forbidden' })
  }
  const of = (resource: Resource) => objects().filter(({ kind }) => kind === resource.kind)
  const cluster: FakeCluster = {
    removed: [],
    annotated: [],
    waitedMs: 0,
    namespace: async () => options.namespace ?? 'default',
    async version() {
      if (away)
        throw new ApiError('GET /version: no answer', { status: 0, reason: 'Unreachable', cause: new Error('connect ECONNREFUSED') })
      return options.version ?? 'v1.34.4'
    },
    async list<T>(resource: Resource, namespace?: string) {
      guard(resource, 'list')
      return of(resource).filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace) as T[]
    },
    async find<T>(resource: Resource, ref: { readonly name: string; readonly namespace?: string }) {
      guard(resource, 'get')
      return of(resource).find(({ metadata }) => metadata.name === ref.name && metadata.namespace === ref.namespace) as T | undefined
    },
    allowed: async ({ resource, subresource }) =>
      !forbidden.includes(subresource === undefined ? resourceName(resource) : `${resourceName(resource)}/${subresource}`),
    async remove(resource, { name, resourceVersion }) {
      guard(resource, 'delete')
      if (options.removal === 'Conflict') throw new ApiError('DELETE /x: 409 changed', { status: 409, reason: 'Conflict' })
      cluster.removed.push(`${resource.plural}/${name}@${resourceVersion}`)
      return options.removal ?? 'deleted'
    },
    async annotate<T>(
      resource: Resource,
      { name, resourceVersion }: { readonly name: string; readonly resourceVersion: string },
      annotations: Readonly<Record<string, string | null>>,
    ) {
      guard(resource, 'patch')
      const object = of(resource).find(({ metadata }) => metadata.name === name)
      if (object === undefined) throw new ApiError(`PATCH /x: 404 ${name} not found`, { status: 404, reason: 'NotFound' })
      if (object.metadata.resourceVersion !== resourceVersion)
        throw new ApiError('PATCH /x: 409 changed', { status: 409, reason: 'Conflict' })
      const texts = Object.entries(annotations).map(([key, value]) => `${key}=${value ?? ''}`)
      cluster.annotated.push(`${resource.plural}/${name}@${resourceVersion} ${texts.join(' ')}`)
      const after = Object.entries({ ...object.metadata.annotations, ...annotations }).filter(([, value]) => value !== null)
      cluster.replace(object, { metadata: { ...object.metadata, annotations: Object.fromEntries(after) as Record<string, string> } })
      options.afterwards?.(cluster, objects())
      return of(resource).find(({ metadata }) => metadata.name === name) as T
    },
    replace(object, fields) {
      const original = originals.find((one) => one === object || replaced.get(one) === object)
      if (original === undefined) throw new RangeError(`${object.metadata.name} is not in the cluster`)
      const metadata = { ...object.metadata, ...fields.metadata, resourceVersion: String(Number(object.metadata.resourceVersion) + 1) }
      replaced.set(original, { ...object, ...fields, metadata })
    },
    async podPage({ pod }, path) {
      if (forbidden.includes('pods/proxy'))
        throw new ApiError(`GET /x: 403 pods "${pod}" is forbidden: User "u" cannot get resource "pods/proxy"`, {
          status: 403,
          reason: 'Forbidden',
        })
      const { pages = {} } = options
      const found = path === REPORT_PATH ? pages[pod] : (pages[`${pod}${path}`] ?? pages[`${pod}${path.split('?')[0]}`])
      const page: unknown = typeof found === 'function' ? found() : found
      if (page instanceof Error) throw page
      if (page === undefined)
        throw new ApiError('GET /x: 503 error trying to reach service: dial tcp: no route', { status: 503, reason: 'ServiceUnavailable' })
      return page
    },
    async wait(ms) {
      cluster.waitedMs += ms
      options.afterwards?.(cluster, objects())
    },
    monotonicMs: () => cluster.waitedMs,
  }
  return cluster
}

export interface Ran {
  readonly code: 0 | 1 | 2
  readonly out: string
  readonly err: string
  readonly report?: Report
}

const NOBODY: Person = {
  read: async (path) => {
    throw new Error(`no file ${path}`)
  },
  confirm: async () => 'nobody',
  say: () => undefined,
  print: () => undefined,
}

/** Runs a command line as main.ts does, without a process. */
export async function runVerb(verb: Verb, argv: readonly string[], cluster: ClusterReader, person: Partial<Person> = {}): Promise<Ran> {
  const command = readCommand([verb.name, ...argv], [verb], '0.0.0')
  if (command.kind === 'misuse') return { code: 2, out: '', err: command.message }
  if (command.kind === 'print') return { code: command.code, out: command.text, err: '' }
  const { values, words, given } = command
  const outcome = await verb.run({ words, values, given, cluster, person: { ...NOBODY, ...person }, nowMs: NOW_MS })
  if (outcome.kind === 'misuse') return { code: 2, out: '', err: outcome.message }
  if (outcome.kind === 'trouble') return { code: 1, out: '', err: outcome.message }
  const { report, code } = outcome
  const style = { format: values.output, headers: !values['no-headers'], colour: values.color === 'always' }
  return { code, out: renderReport(report, style), err: report.note ?? '', report }
}
