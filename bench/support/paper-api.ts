/**
 * An API server that is made up: the objects of paper-objects.ts over TLS, with lists in pages, watches with bookmarks, and patches of the
 * status of claims by compare-and-swap. A real one takes minutes to be given ten thousand of each.
 * Usage: node paper-api.ts JSON, with a PaperOrder; it says {"ready": true} on standard output, and {"owned": N} when the number of claims
 * with an owner has changed.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import process from 'node:process'
import { type PaperCluster, type PaperObject, paperCollections } from './paper-objects.ts'

export interface PaperOrder extends PaperCluster {
  readonly listen: { readonly host: string; readonly port: number }
  /** PEM. */
  readonly cert: string
  readonly key: string
}

/** What it says on standard output. */
export interface PaperLine {
  readonly ready?: boolean
  readonly owned?: number
}

interface Collection {
  readonly objects: Map<string, PaperObject>
  /** What happened, as the lines of a watch. */
  readonly changes: { readonly version: number; readonly line: string }[]
  readonly watchers: Set<ServerResponse>
}

const BOOKMARK_EVERY_MS = 60_000
const COUNT_EVERY_MS = 200

const order = JSON.parse(process.argv[2] ?? '') as PaperOrder
let version = 1000
const collections = new Map<string, Collection>()
for (const [plural, objects] of Object.entries(paperCollections(order))) {
  const made = objects.map((object): [string, PaperObject] => [keyOf(object.metadata), versioned(object)])
  collections.set(plural, { objects: new Map(made), changes: [], watchers: new Set() })
}

function keyOf({ namespace, name }: { readonly namespace?: string; readonly name: string }): string {
  return `${namespace ?? ''}/${name}`
}

function versioned(object: PaperObject): PaperObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } }
}

function answer(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const refuse = (response: ServerResponse, code: number, reason: string): void =>
  answer(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message: reason, code })

/** `/api/v1/namespaces/NS/PLURAL/NAME/status`, or `/apis/GROUP/VERSION/...`. */
const PATH = /^\/(?:api|apis\/[^/]+)\/[^/]+(?:\/namespaces\/([^/]+))?\/([a-z]+)(?:\/([^/]+))?(?:\/(status))?$/

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://api')
  const [, namespace, plural = '', name] = PATH.exec(decodeURIComponent(url.pathname)) ?? []
  const collection = collections.get(plural)
  if (collection === undefined) return refuse(response, 404, 'NotFound')
  const body = await text(request)
  if (request.method === 'GET' && url.searchParams.get('watch') !== null) return watch(collection, url.searchParams, response)
  if (request.method === 'GET' && name === undefined) return list(collection, url.searchParams, response)
  if (request.method === 'POST') return answer(response, 201, versioned(JSON.parse(body) as PaperObject))
  const found = collection.objects.get(keyOf({ ...(namespace !== undefined && { namespace }), name: name ?? '' }))
  if (found === undefined) return refuse(response, 404, 'NotFound')
  if (request.method === 'GET') return answer(response, 200, found)
  if (request.method === 'PATCH') return patch(collection, found, JSON.parse(body) as PaperObject, response)
  refuse(response, 405, 'MethodNotAllowed')
}

async function text(request: IncomingMessage): Promise<string> {
  let whole = ''
  for await (const part of request) whole += String(part)
  return whole
}

function list({ objects }: Collection, query: URLSearchParams, response: ServerResponse): void {
  const [since = version, from = 0] = (query.get('continue') ?? '').split('.').filter(Boolean).map(Number)
  const limit = Number(query.get('limit') ?? objects.size)
  const items = [...objects.values()].slice(from, from + limit)
  const rest = from + limit < objects.size ? { continue: `${since}.${from + limit}` } : {}
  answer(response, 200, { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: String(since), ...rest }, items })
}

function watch({ changes, watchers }: Collection, query: URLSearchParams, response: ServerResponse): void {
  const since = Number(query.get('resourceVersion'))
  response.writeHead(200, { 'content-type': 'application/json' })
  response.flushHeaders()
  for (const { version: at, line } of changes) if (at > since) response.write(line)
  watchers.add(response)
  const bookmark = { type: 'BOOKMARK', object: { metadata: {} } }
  const timer = setInterval(() => {
    response.write(`${JSON.stringify({ ...bookmark, object: { metadata: { resourceVersion: String(version) } } })}\n`)
  }, BOOKMARK_EVERY_MS)
  response.on('close', () => {
    clearInterval(timer)
    watchers.delete(response)
  })
}

function patch(collection: Collection, before: PaperObject, wanted: PaperObject, response: ServerResponse): void {
  const expected = wanted.metadata?.['resourceVersion']
  if (expected !== undefined && expected !== before.metadata['resourceVersion']) {
    refuse(response, 409, 'Conflict')
    return
  }
  const { metadata: _unchanged, ...fields } = wanted
  const after = versioned(merged(before, fields) as PaperObject)
  collection.objects.set(keyOf(after.metadata), after)
  const line = `${JSON.stringify({ type: 'MODIFIED', object: after })}\n`
  collection.changes.push({ version, line })
  for (const watcher of collection.watchers) watcher.write(line)
  answer(response, 200, after)
}

/** RFC 7396. */
function merged(target: unknown, by: unknown): unknown {
  if (by === null || typeof by !== 'object' || Array.isArray(by)) return by
  const result: Record<string, unknown> = typeof target === 'object' && !Array.isArray(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(by)) {
    if (value === null) delete result[name]
    else result[name] = merged(result[name], value)
  }
  return result
}

const server = createServer({ cert: order.cert, key: order.key }, (request, response) => {
  serve(request, response).catch((error: unknown) => response.destroy(error as Error))
})
server.keepAliveTimeout = 300_000
server.listen(order.listen.port, order.listen.host, () => process.stdout.write('{"ready":true}\n'))
let owned = 0
const count = setInterval(() => {
  const claims = [...(collections.get('addressclaims')?.objects.values() ?? [])]
  const now = claims.filter(({ status }) => (status as { owner?: object } | undefined)?.owner !== undefined).length
  if (now !== owned) process.stdout.write(`${JSON.stringify({ owned: now })}\n`)
  owned = now
}, COUNT_EVERY_MS)
count.unref()
process.stdin.on('end', () => process.exit(0)).resume()
