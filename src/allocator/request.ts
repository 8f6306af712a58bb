/** What a Service asks for, in the allocator's words. The grammar and the precedence of annotations are in src/api. */
import { formatIp, type Ip, parseIp } from '../addr/ip.ts'
import type { Holder } from '../api/address-claim.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import type { Protocol } from '../api/eip.ts'
import { ADDRESS_SOURCES, type AnnotationError, readServiceRequest } from '../api/service-request.ts'
import type { Refusal } from '../policy/refusal.ts'
import { err, ok, type Result } from '../result.ts'

/** A wish. The three forms are disjoint: a named address, a named pool, or neither. */
export type Wish =
  | { readonly kind: 'address'; readonly ip: Ip; readonly address: string; readonly eip?: string }
  | { readonly kind: 'pool'; readonly eip: string }
  | { readonly kind: 'any'; readonly protocol?: Protocol }

/** Reads the wish of a Service. Error: AddressInvalid or RequestInvalid, for the first setting that cannot be read. */
export function readWish(service: ServiceObject): Result<Wish, Refusal> {
  const request = readServiceRequest(service)
  if (!request.ok) return err(toRefusal(request.error))
  const { eips, addresses, protocol } = request.value
  const [eip] = eips
  const address = addresses[0]?.ip
  const named = eip === undefined ? {} : { eip }
  if (address !== undefined) return ok({ kind: 'address', ip: address, address: formatIp(address), ...named })
  if (eip !== undefined) return ok({ kind: 'pool', eip })
  return ok({ kind: 'any', ...(protocol !== undefined && { protocol }) })
}

function toRefusal(errors: readonly AnnotationError[]): Refusal {
  const [first] = errors
  const { setting: field, value, message: detail } = first ?? { setting: 'metadata.annotations', value: '', message: 'unreadable' }
  if (ADDRESS_SOURCES.some(({ setting }) => setting === field)) return { code: 'AddressInvalid', field, value }
  return { code: 'RequestInvalid', field, value, detail }
}

/** The addresses that the status of a Service shows now, in their order. Entries without an address (host names) are left out. */
export function shownAddresses(service: ServiceObject): readonly Ip[] {
  const ingress = service.status?.loadBalancer?.ingress ?? []
  return ingress.flatMap(({ ip }) => {
    const parsed = ip === undefined ? undefined : parseIp(ip)
    return parsed?.ok ? [parsed.value] : []
  })
}

/** The schema of a claim takes this many ports of one holder. */
const PORTS_MAX = 1024

/** The entry of a Service in the list of holders of its claims. */
export function toHolder(service: ServiceObject): Holder {
  const { namespace = '', name, uid } = service.metadata
  const ports = (service.spec.ports ?? []).slice(0, PORTS_MAX).map((port) => ({
    ...(port.name !== undefined && port.name !== '' && { name: port.name }),
    protocol: port.protocol ?? 'TCP',
    port: port.port,
  }))
  return { namespace, name, uid, ports }
}
