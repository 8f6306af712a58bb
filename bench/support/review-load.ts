/** Admission reviews over kept TLS connections, each asked again as soon as it is answered, by the least code that can do it. */
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'

const WARM_UP_MS = 500

export interface Target {
  readonly port: number
  readonly path: string
  /** PEM of the authority, and the name in the certificate. */
  readonly ca: string
  readonly host: string
}

/** What the API server sends for a Service as Helm charts write them: some labels, managed fields, a port or two. */
export function reviewBody(): string {
  const labels = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`app.kubernetes.io/label-${at}`, `value-${at}`]))
  const fields = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`f:field-${at}`, { '.': {}, 'f:inner': {} }]))
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'web',
      namespace: 'shop',
      creationTimestamp: null,
      labels,
      managedFields: [{ manager: 'kubectl', operation: 'Update', fieldsV1: fields }],
    },
    spec: {
      type: 'LoadBalancer',
      ports: [
        { name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 },
        { name: 'https', protocol: 'TCP', port: 443, targetPort: 8443 },
      ],
      selector: { app: 'web' },
      sessionAffinity: 'None',
      externalTrafficPolicy: 'Cluster',
    },
    status: { loadBalancer: {} },
  }
  const request = {
    uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
    kind: { group: '', version: 'v1', kind: 'Service' },
    resource: { group: '', version: 'v1', resource: 'services' },
    name: 'web',
    namespace: 'shop',
    operation: 'CREATE',
    userInfo: { username: 'system:serviceaccount:shop:deployer', groups: ['system:serviceaccounts', 'system:authenticated'] },
    object,
    oldObject: null,
    dryRun: false,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
  }
  return JSON.stringify({ kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request })
}

/** The answer to one review, with its head. Rejects while nobody answers. */
export async function askOnce(target: Target): Promise<string> {
  const [socket] = await open(target, 1)
  if (socket === undefined) throw new Error('no connection')
  try {
    const answers: Buffer[] = []
    await ask(socket, requestOf(target), { endMs: Number.POSITIVE_INFINITY, most: 1 }, (_, answer) => answers.push(answer))
    return Buffer.concat(answers).toString()
  } finally {
    socket.destroy()
  }
}

/** Latencies in milliseconds of the answers within `durationMs`; `answered` counts those of the warm-up too. */
export async function load(target: Target, connections: number, durationMs: number): Promise<{ measured: number[]; answered: number }> {
  const request = requestOf(target)
  const sockets = await open(target, connections)
  const run = async (ms: number): Promise<number[]> => {
    const latenciesMs: number[] = []
    const until = { endMs: performance.now() + ms, most: Number.POSITIVE_INFINITY }
    await Promise.all(sockets.map((socket) => ask(socket, request, until, (latencyMs) => latenciesMs.push(latencyMs))))
    return latenciesMs
  }
  try {
    const warmUp = await run(WARM_UP_MS)
    const measured = await run(durationMs)
    return { measured, answered: warmUp.length + measured.length }
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}

function requestOf({ path, host }: Target): Buffer {
  const body = reviewBody()
  const head = [
    `POST ${path}?timeout=5s HTTP/1.1`,
    `Host: ${host}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function open({ port, ca, host }: Target, connections: number): Promise<TLSSocket[]> {
  const one = async (): Promise<TLSSocket> => {
    const socket = connect({ host: '127.0.0.1', port, ca, servername: host })
    await once(socket, 'secureConnect')
    return socket
  }
  return Promise.all(Array.from({ length: connections }, one))
}

type Bound = { readonly endMs: number; readonly most: number }

/** One connection that asks again as soon as it has the answer. */
async function ask(socket: TLSSocket, request: Buffer, bound: Bound, onAnswer: (latencyMs: number, answer: Buffer) => void): Promise<void> {
  let buffered: Buffer = Buffer.alloc(0)
  for (let asked = 0; asked < bound.most; asked++) {
    const startMs = performance.now()
    if (startMs >= bound.endMs) return
    socket.write(request)
    let length = Number.POSITIVE_INFINITY
    while (buffered.length < length) {
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk])
      if (length === Number.POSITIVE_INFINITY) length = answerLength(buffered)
    }
    onAnswer(performance.now() - startMs, buffered.subarray(0, length))
    buffered = buffered.subarray(length)
  }
}

/** The bytes of the answer that begins here; infinite while its head is not whole. */
function answerLength(bytes: Buffer): number {
  const head = bytes.indexOf('\r\n\r\n')
  if (head < 0) return Number.POSITIVE_INFINITY
  const text = bytes.toString('latin1', 0, head)
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(`the answer is ${text.split('\r\n')[0]}`)
  return head + 4 + Number(/content-length: (\d+)/i.exec(text)?.[1])
}
