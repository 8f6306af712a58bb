/** What a Service asks for, in the allocator's words. The grammar and the precedence of annotations are in src/api. */
import { createHash } from 'node:crypto'
import { type Family, formatIp, type Ip, parseIp } from '../addr/ip.ts'
import type { Holder } from '../api/address-claim.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import type { Protocol } from '../api/eip.ts'
import { ADDRESS_SOURCES, type AnnotationError, type Compat, readServiceRequest, type ServiceRequest } from '../api/service-request.ts'
import type { Refusal } from '../policy/refusal.ts'
import { err, ok, type Result } from '../result.ts'

/** A wish. What is absent or empty is left to the allocator. */
export interface Wish {
  /** The families that the Service wants an address of, the primary one first; empty for one of any family. */
  readonly families: readonly Family[]
  /** Both families or nothing. */
  readonly required: boolean
  /** The Eips by name, in the order in which they are tried. */
  readonly eips: readonly string[]
  /** At most one of each family. */
  readonly addresses: readonly Ip[]
  readonly protocol?: Protocol
  /** What its holders' entries in claims say about sharing. */
  readonly sharing?: string
}

/** Reads the wish of a Service. Error: AddressInvalid, RequestInvalid or FamilyMismatch, for the first setting that cannot be followed. */
export function readWish(service: ServiceObject, compat: readonly Compat[]): Result<Wish, Refusal> {
  const request = readServiceRequest(service, compat)
  if (!request.ok) return err(toRefusal(request.error))
  const { eips, addresses, protocol } = request.value
  const families = service.spec.ipFamilies ?? []
  const stray = addresses.find(({ ip }) => families.length > 0 && !families.includes(ip.family))
  if (stray !== undefined) {
    return err({ code: 'FamilyMismatch', pool: formatIp(stray.ip), family: stray.ip.family, serves: families })
  }
  const sharing = sharingOf(request.value)
  return ok({
    families,
    required: service.spec.ipFamilyPolicy === 'RequireDualStack',
    eips,
    addresses: addresses.map(({ ip }) => ip),
    ...(protocol !== undefined && { protocol }),
    ...(sharing !== undefined && { sharing }),
  })
}

function toRefusal(errors: readonly AnnotationError[]): Refusal {
  const [first] = errors
  const { setting: field, value, message: detail } = first ?? { setting: 'metadata.annotations', value: '', message: 'unreadable' }
  const isAddress = ADDRESS_SOURCES.some(({ setting }) => setting === field)
  // A second address of a family can be read well: then the detail says more.
  if (isAddress && !parseIp(value).ok) return { code: 'AddressInvalid', field, value }
  return { code: 'RequestInvalid', field, value, detail }
}

/** The address of a family that a wish names. */
export const wishedAddress = (wish: Wish, family: Family | undefined): Ip | undefined =>
  wish.addresses.find((ip) => family === undefined || ip.family === family)

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
const DIGEST_LENGTH = 32

// Keys are agreed between tenants, and claims may be read by more people than their Services.
const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, DIGEST_LENGTH)

const sharingOf = ({ sharingKey }: ServiceRequest): string | undefined => (sharingKey === undefined ? undefined : digest(sharingKey))

function backendOf({ spec }: ServiceObject): string | undefined {
  if (spec.externalTrafficPolicy !== 'Local') return undefined
  const labels = Object.entries(spec.selector ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return digest(JSON.stringify(labels))
}

/** The entry of a Service in the list of holders of its claims; `sharing` is that of its wish. */
export function toHolder(service: ServiceObject, sharing?: string): Holder {
  const { namespace = '', name, uid } = service.metadata
  const ports = (service.spec.ports ?? []).slice(0, PORTS_MAX).map((port) => ({
    ...(port.name !== undefined && port.name !== '' && { name: port.name }),
    protocol: port.protocol ?? 'TCP',
    port: port.port,
  }))
  const backend = backendOf(service)
  return { namespace, name, uid, ports, ...(sharing !== undefined && { sharing }), ...(backend !== undefined && { backend }) }
}
