/** A steady stream of requests that the API server asks our webhooks about, and fresh TLS connections as another API server makes them. */
import { connect } from 'node:tls'
import { IS_DEFAULT_EIP, OPT_IN } from '../../../src/api/service-annotations.ts'
import { type ApiClient, ApiError } from '../../../src/kube/client.ts'
import { createObject } from '../../../src/kube/objects.ts'
import { EIPS, resourcePath, SERVICES } from '../../../src/kube/resources.ts'

export interface Load {
  readonly asked: number
  /** Sentences about requests that were not answered as our webhooks answer. */
  readonly failed: readonly string[]
  /** Waits for what is under way. */
  stop(): Promise<void>
}

/** More than this waiting at once is a machine that cannot keep up: the stream pauses, and fewer are asked. */
const MOST_WAITING = 16

/** An Eip in the way of the wrong ones, and one that is filled into bare Services. */
export async function prepareLoad(api: ApiClient): Promise<void> {
  const meta = { name: 'load-default', annotations: { [IS_DEFAULT_EIP]: 'true' } }
  await createObject(api, EIPS, { metadata: meta, spec: { address: '192.0.2.0/28' } } as { metadata: { name: string } })
}

const dry = (api: ApiClient, path: string, body: object) =>
  api.request<{ metadata: { annotations?: Record<string, string> } }>({ method: 'POST', path, query: { dryRun: 'All' }, body })

const eip = (address: string) => ({
  apiVersion: 'network.kubesphere.io/v1alpha2',
  kind: 'Eip',
  metadata: { generateName: 'load-' },
  spec: { address },
})
const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { generateName: 'load-' },
  spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
}

/** Each gives a sentence when the answer is not ours. All are dry runs. */
const QUESTIONS: readonly ((api: ApiClient) => Promise<string | undefined>)[] = [
  async (api) => {
    await dry(api, resourcePath(EIPS, {}), eip('198.51.100.0/28'))
    return undefined
  },
  async (api) => {
    const answer = await dry(api, resourcePath(EIPS, {}), eip('192.0.2.3')).catch((error: unknown) => error)
    const isOurs = answer instanceof ApiError && answer.message.includes('eip address overlap with load-default')
    return isOurs ? undefined : `an overlapping Eip: ${answer instanceof Error ? answer.message : 'admitted'}`
  },
  // A failure of this one is silent: the Service goes through without what the webhook fills in.
  async (api) => {
    const { metadata } = await dry(api, resourcePath(SERVICES, { namespace: 'default' }), SERVICE)
    return metadata.annotations?.[OPT_IN] === 'openelb' ? undefined : 'a Service went through without its annotations'
  },
]

/** Asks `perSecond` questions a second, each kind in turn. */
export function startLoad(api: ApiClient, perSecond: number): Load {
  const failed: string[] = []
  const waiting = new Set<Promise<void>>()
  let asked = 0
  const ask = (): void => {
    if (waiting.size >= MOST_WAITING) return
    const question = QUESTIONS[asked++ % QUESTIONS.length]
    const answer = (question?.(api) ?? Promise.resolve(undefined))
      .catch((error: Error) => error.message)
      .then((complaint) => {
        if (complaint !== undefined) failed.push(`${new Date().toISOString()} ${complaint}`)
        waiting.delete(answer)
      })
    waiting.add(answer)
  }
  const timer = setInterval(ask, 1000 / perSecond)
  return {
    get asked() {
      return asked
    },
    failed,
    async stop() {
      clearInterval(timer)
      await Promise.all(waiting)
    },
  }
}

/** Makes one TLS connection as an API server does that trusts `ca`; gives the certificate's serial number. Rejects where it would not trust. */
export function handshake(options: { readonly host: string; readonly port: number; readonly ca: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...options, timeout: 10_000 })
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.once('timeout', () => socket.destroy(new Error('no handshake within 10 s')))
    socket.once('error', reject)
  })
}
