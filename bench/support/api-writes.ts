/** How often who wrote what, by the API server's own count. */
import type { ApiClient, ApiRequest } from '../../src/kube/client.ts'

/** Requests by verb and resource: `POST addressclaims`, `PATCH services/status`. */
export type WriteCounts = Readonly<Record<string, number>>

const WRITE_VERBS = new Set(['POST', 'PUT', 'PATCH', 'APPLY', 'DELETE', 'DELETECOLLECTION'])
const LINE = /^apiserver_request_total\{([^}]*)\} (\S+)$/gm
const labelOf = (labels: string, name: string): string => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? ''

/** Reads apiserver_request_total from a page of the API server's metrics; successful writes only are not told apart from refused ones. */
export function parseWrites(page: string): WriteCounts {
  const counts: Record<string, number> = {}
  for (const [, labels = '', value] of page.matchAll(LINE)) {
    const verb = labelOf(labels, 'verb')
    if (!WRITE_VERBS.has(verb)) continue
    const subresource = labelOf(labels, 'subresource')
    const key = `${verb} ${labelOf(labels, 'resource')}${subresource === '' ? '' : `/${subresource}`}`
    counts[key] = (counts[key] ?? 0) + Number(value)
  }
  return counts
}

/** A client that counts its own writes, so that they can be told from those of others. */
export function countingClient(client: ApiClient): { readonly client: ApiClient; readonly counts: Record<string, number> } {
  const counts: Record<string, number> = {}
  const request = <T>(asked: ApiRequest): Promise<T> => {
    const key = asked.method === 'GET' ? undefined : keyOf(asked)
    if (key !== undefined) counts[key] = (counts[key] ?? 0) + 1
    return client.request<T>(asked)
  }
  return { client: { ...client, request }, counts }
}

/** The path is /api/v1 or /apis/GROUP/VERSION, then [namespaces/NAMESPACE/]PLURAL[/NAME[/SUBRESOURCE]]. */
function keyOf({ method, path }: ApiRequest): string {
  const parts = path.split('/').slice(path.startsWith('/api/') ? 3 : 4)
  const [plural = '', , subresource] = parts[0] === 'namespaces' && parts.length > 2 ? parts.slice(2) : parts
  return `${method} ${plural}${subresource === undefined ? '' : `/${subresource}`}`
}

export interface WriteMeter {
  /** Begins to count. Gives the function that reads what others have written since. */
  start(): Promise<() => Promise<Writes>>
}

/** What others wrote in a stretch of time. */
export interface Writes {
  /** Everything but leases, Events, and what the API server writes by itself for a Service: the object of its cluster address. */
  readonly total: number
  readonly byKind: WriteCounts
  readonly leases: number
  readonly events: number
}

/** Counts by the API server's metrics, less what our own client wrote. */
export function createWriteMeter(page: () => Promise<string>, own: WriteCounts): WriteMeter {
  const read = async (): Promise<WriteCounts> => {
    const all = parseWrites(await page())
    return Object.fromEntries(Object.entries(all).map(([key, value]) => [key, value - (own[key] ?? 0)]))
  }
  return {
    async start() {
      const before = await read()
      return async () => {
        const after = await read()
        const grown = Object.entries(after).map(([key, value]) => [key, value - (before[key] ?? 0)] as const)
        return sortOut(Object.fromEntries(grown.filter(([, value]) => value !== 0)))
      }
    },
  }
}

function sortOut(grown: WriteCounts): Writes {
  const isOf = (key: string, resource: string): boolean => key.split(' ')[1] === resource
  const sum = (keys: readonly string[]): number => keys.reduce((total, key) => total + (grown[key] ?? 0), 0)
  const leases = Object.keys(grown).filter((key) => isOf(key, 'leases'))
  const events = Object.keys(grown).filter((key) => isOf(key, 'events'))
  const rest = Object.keys(grown).filter((key) => !leases.includes(key) && !events.includes(key) && !isOf(key, 'ipaddresses'))
  const byKind = Object.fromEntries(rest.map((key) => [key, grown[key] ?? 0]))
  return { total: sum(rest), byKind, leases: sum(leases), events: sum(events) }
}
