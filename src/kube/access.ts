import { readFile } from 'node:fs/promises'
import type { RequestOptions } from 'node:https'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** What a TLS connection to the API server needs. */
export interface TlsMaterial {
  readonly ca?: RequestOptions['ca']
  readonly cert?: RequestOptions['cert']
  readonly key?: RequestOptions['key']
  readonly pfx?: RequestOptions['pfx']
  readonly passphrase?: RequestOptions['passphrase']
  readonly rejectUnauthorized?: boolean
  readonly servername?: string
}

/** How to speak as ourselves, right now. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>
  readonly tls: TlsMaterial
  /** A proxy's agent, when the kubeconfig names a proxy. */
  readonly proxyAgent?: RequestOptions['agent']
}

/** Where the API server is, and who we are there. */
export interface Access {
  readonly server: URL
  /** Where this came from, for the log: `in-cluster` or a path. */
  readonly source: string
  /** The namespace of the kubeconfig's context, when it has one. */
  readonly namespace?: string
  /** Rejects when a file is unreadable or a plugin fails; asked again for each connection, cached by the client. */
  credentials(): Promise<Credentials>
}

export interface AccessOptions {
  readonly kubeconfigPath?: string | undefined
  /** A context of the kubeconfig in place of its current one; it rules out the Pod's ServiceAccount. */
  readonly context?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where the ServiceAccount of the Pod is mounted. */
  readonly serviceAccountDir?: string
}

const SERVICE_ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * Finds the API server: the given kubeconfig, else $KUBECONFIG, else the Pod's ServiceAccount, else ~/.kube/config (the order of
 * Kubernetes' own controllers). Rejects with one sentence when there is none or it cannot be read.
 */
export async function findAccess({ kubeconfigPath, context, env, serviceAccountDir }: AccessOptions): Promise<Access> {
  if (kubeconfigPath) return fromKubeconfig([kubeconfigPath], context)
  const paths = env['KUBECONFIG']?.split(':').filter((path) => path !== '') ?? []
  if (paths.length > 0) return fromKubeconfig(paths, context)
  if (env['KUBERNETES_SERVICE_HOST'] && !context) return inCluster(env, serviceAccountDir ?? SERVICE_ACCOUNT_DIR)
  return fromKubeconfig([join(env['HOME'] ?? homedir(), '.kube', 'config')], context)
}

/**
 * The ServiceAccount's files, read anew each time: the kubelet replaces the token within its hour. These few lines stand here, and not
 * a call of client-node, because importing it costs every Pod 70 MB and 0.7 s of CPU (docs/decisions/0001).
 */
function inCluster(env: AccessOptions['env'], dir: string): Access {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? ''
  const authority = host.includes(':') ? `[${host}]` : host
  return {
    server: new URL(`https://${authority}:${env['KUBERNETES_SERVICE_PORT'] || '443'}`),
    source: 'in-cluster',
    async credentials() {
      const [token, ca] = await Promise.all([readFile(join(dir, 'token'), 'utf8'), readFile(join(dir, 'ca.crt'), 'utf8')])
      return { headers: { authorization: `Bearer ${token.trim()}` }, tls: { ca } }
    },
  }
}

/** All forms of kubeconfig (certificates, tokens, exec plugins, OIDC, proxies) are client-node's work. */
async function fromKubeconfig(paths: readonly string[], context: string | undefined): Promise<Access> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  try {
    for (const [at, path] of paths.entries()) {
      const one = new KubeConfig()
      one.loadFromFile(path)
      if (at === 0) config.loadFromOptions(one)
      else config.mergeConfig(one, true)
    }
  } catch (error) {
    throw new Error(`the kubeconfig ${paths.join(':')} cannot be read`, { cause: error })
  }
  if (context) config.setCurrentContext(context)
  const cluster = config.getCurrentCluster()
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace
  if (cluster === null)
    throw new Error(
      `the kubeconfig ${paths.join(':')} has no cluster for its ${context ? '' : 'current '}context "${config.getCurrentContext()}"`,
    )
  return {
    server: new URL(cluster.server),
    source: paths.join(':'),
    ...(namespace ? { namespace } : {}),
    async credentials() {
      const options: RequestOptions = { headers: {} }
      await config.applyToHTTPSOptions(options)
      return { headers: headersOf(options), tls: tlsOf(options), ...(cluster.proxyUrl ? { proxyAgent: options.agent } : {}) }
    },
  }
}

function headersOf({ headers, auth }: RequestOptions): Record<string, string> {
  const texts = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)] as const)
  const basic = auth ? { authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {}
  return { ...Object.fromEntries(texts), ...basic }
}

const TLS_FIELDS = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const

const tlsOf = (options: RequestOptions): TlsMaterial =>
  Object.fromEntries(TLS_FIELDS.flatMap((name) => (options[name] === undefined || options[name] === null ? [] : [[name, options[name]]])))
