import type { Test } from 'tap'
import type { ClusterRouter } from './router.ts'

/** What one kubectl call printed and how it ended. */
export interface Printed {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The cluster as a user sees it: kubectl, and a client on the wire. Nothing here knows how we are built. */
export interface Suite {
  readonly kubectl: (args: readonly string[], input?: string) => Promise<Printed>
  /** Runs a program in the client's network namespace, which shares the nodes' layer 2 segment. */
  readonly client: (program: string, args: readonly string[]) => Promise<Printed>
  /** The same for a machine behind the router. */
  readonly far: (program: string, args: readonly string[]) => Promise<Printed>
  /** SIGKILL for the speaker's process on a node, as a crash would end it. */
  readonly killSpeaker: (node: string) => Promise<void>
  /** Cuts or mends the cable of a node. */
  readonly setCable: (node: string, state: 'up' | 'down') => Promise<void>
  /** A router that speaks BGP; the machine behind it reaches the nodes through it. */
  readonly startRouter: () => Promise<ClusterRouter>
  readonly nodes: readonly { readonly name: string; readonly address: string; readonly mac: string }[]
  /** First three octets of the segment, such as `10.251.0`; .40 to .250 are free for addresses. */
  readonly segment: string
  /** The same segment in IPv6, up to the host part, such as `fd00:251::`. */
  readonly segmentIpv6: string
  readonly auditLog: string
  readonly kubeconfig: string
  /** A second name of our image, present on the nodes. */
  readonly otherImage: string
  /** A folder for files of the test. */
  readonly work: string
}

export const EIP_KEY = 'eip.openelb.kubesphere.io/v1alpha2'
export const ADDRESS_KEY = 'eip.openelb.kubesphere.io/v1alpha1'
export const OPT_IN_KEY = 'lb.kubesphere.io/v1alpha1'
export const NAMESPACE = 'openelb-system'

/** kubectl that must succeed; its standard output. */
export async function run(suite: Suite, ...args: readonly string[]): Promise<string> {
  const printed = await suite.kubectl(args)
  if (printed.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${printed.stderr.trim()}`)
  return printed.stdout.trim()
}

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly annotations?: Readonly<Record<string, string>>
    readonly labels?: Readonly<Record<string, string>>
    readonly finalizers?: readonly string[]
  }
  readonly [field: string]: unknown
}

/** `kubectl apply` of objects; rejects with kubectl's own words. */
export async function apply(suite: Suite, ...objects: readonly Manifest[]): Promise<string> {
  const printed = await tryApply(suite, ...objects)
  if (printed.code !== 0) throw new Error(printed.stderr.trim())
  return printed.stdout.trim()
}

/** `kubectl apply` that may be refused. */
export function tryApply(suite: Suite, ...objects: readonly Manifest[]): Promise<Printed> {
  return suite.kubectl(['apply', '-f', '-'], objects.map((object) => JSON.stringify(object)).join('\n---\n'))
}

export async function get<T>(suite: Suite, ...args: readonly string[]): Promise<T | undefined> {
  const text = await run(suite, 'get', ...args, '--ignore-not-found', '-o', 'json')
  return text === '' ? undefined : (JSON.parse(text) as T)
}

/** Asks until `probe` gives a value, at most `seconds`; fails with what was last seen. */
export async function eventually<T>(what: string, seconds: number, probe: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + seconds * 1000
  let last: unknown
  while (Date.now() < end) {
    try {
      const seen = await probe()
      if (seen !== undefined && seen !== false) return seen
      last = seen
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  throw new Error(`${what}: not within ${seconds} s${last instanceof Error ? `; last: ${last.message}` : ''}`)
}

export interface Service {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly labels?: Record<string, string>
    readonly annotations?: Record<string, string>
    readonly finalizers?: string[]
  }
  readonly spec: { readonly type: string; readonly externalTrafficPolicy?: string }
  readonly status: {
    readonly loadBalancer: { readonly ingress?: { readonly ip: string; readonly ipMode?: string }[] }
    readonly conditions?: { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[]
  }
}

export const service = (suite: Suite, namespace: string, name: string): Promise<Service | undefined> =>
  get<Service>(suite, 'svc', name, '-n', namespace)

export const addressOf = (seen: Service | undefined): string | undefined => seen?.status.loadBalancer.ingress?.[0]?.ip

/** Waits for a Service's address. */
export const address = (suite: Suite, namespace: string, name: string, seconds = 30): Promise<string> =>
  eventually(`an address for ${namespace}/${name}`, seconds, async () => addressOf(await service(suite, namespace, name)))

interface EventList {
  readonly items: {
    readonly type: string
    readonly reason: string
    readonly message: string
    readonly source: { readonly component?: string }
  }[]
}

/** Events about one object, as `Type Reason message`. */
export async function events(suite: Suite, namespace: string, kind: string, name: string): Promise<string[]> {
  const list = await get<EventList>(
    suite,
    'events',
    '-n',
    namespace,
    '--field-selector',
    `involvedObject.kind=${kind},involvedObject.name=${name}`,
  )
  return (list?.items ?? []).map(({ type, reason, message }) => `${type} ${reason} ${message}`)
}

/** A Service manifest of type LoadBalancer. */
export function loadBalancer(
  name: string,
  namespace: string,
  annotations: Readonly<Record<string, string>>,
  spec: Readonly<Record<string, unknown>> = {},
): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, annotations },
    spec: { type: 'LoadBalancer', selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
  }
}

export function eip(name: string, spec: Readonly<Record<string, unknown>>, annotations: Readonly<Record<string, string>> = {}): Manifest {
  return { apiVersion: 'network.kubesphere.io/v1alpha2', kind: 'Eip', metadata: { name, annotations }, spec }
}

export const DEFAULT_EIP = { 'eip.openelb.kubesphere.io/is-default-eip': 'true' }

/** A chapter of the suite: a name and its steps, run in order on the one cluster. */
export type Chapter = (t: Test, suite: Suite) => Promise<void>
