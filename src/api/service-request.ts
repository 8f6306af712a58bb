/**
 * What a Service asks for: one function, one precedence. The first setting of each list below that is there counts; later ones are
 * ignored, and the reader is told.
 */
import { type AddressError, formatIp, type Ip, parseIp } from '../addr/ip.ts'
import { err, ok, type Result } from '../result.ts'
import type { ServiceObject } from './core-objects.ts'
import { type Protocol, ProtocolSchema } from './eip.ts'
import { ADDRESSES, ALLOW_SHARED_IP, EIP_NAME, KUBE_VIP, METALLB, PROTOCOL, REQUESTED_ADDRESS } from './service-annotations.ts'

/** Other load balancers whose annotations are read, where the settings say so. */
export const COMPAT_NAMES = ['metallb', 'kube-vip'] as const
export type Compat = (typeof COMPAT_NAMES)[number]

/** The path of the oldest setting of them all. */
export const LOAD_BALANCER_IP = 'spec.loadBalancerIP'

interface Source {
  /** An annotation's key, or LOAD_BALANCER_IP. */
  readonly setting: string
  /** Read only where the settings name this load balancer. */
  readonly compat?: Compat
}

const metallb = (name: string): readonly Source[] => METALLB.map((prefix) => ({ setting: `${prefix}/${name}`, compat: 'metallb' }))

/** Where a requested address may stand, the strongest first. Our own list and those of others may name one address of each family. */
export const ADDRESS_SOURCES: readonly (Source & { readonly isList?: boolean })[] = [
  { setting: ADDRESSES, isList: true },
  { setting: REQUESTED_ADDRESS },
  ...metallb('loadBalancerIPs').map((source) => ({ ...source, isList: true })),
  { setting: `${KUBE_VIP}/loadbalancerIPs`, compat: 'kube-vip', isList: true },
  { setting: LOAD_BALANCER_IP },
]
/** Where the names of Eips may stand, the strongest first. */
export const EIP_SOURCES: readonly Source[] = [{ setting: EIP_NAME }, ...metallb('address-pool')]
/** Where the key of sharing may stand, the strongest first. */
export const SHARING_SOURCES: readonly Source[] = [{ setting: ALLOW_SHARED_IP }, ...metallb('allow-shared-ip')]

export interface RequestedAddress {
  readonly ip: Ip
  /** Where it was written: an annotation's key, or spec.loadBalancerIP. */
  readonly from: string
}

/** What a Service asks for. Whether it is ours at all is another question (policy: whose-service). */
export interface ServiceRequest {
  /** The Eips that the user names, in the order in which they are tried. They win over every binding and over the default Eip. */
  readonly eips: readonly string[]
  /** The addresses that the user asks for: at most one of each family. */
  readonly addresses: readonly RequestedAddress[]
  /** Only Eips of this protocol are considered. Absent when Eips are named: their own protocol rules. */
  readonly protocol?: Protocol
  /** Services with the same key may share an address. */
  readonly sharingKey?: string
  /** Settings that are not followed, each with a sentence for a warning. */
  readonly ignored: readonly { readonly setting: string; readonly message: string }[]
}

/** A setting of a Service that cannot be read. `setting` is the annotation's key or the field's path. */
export interface AnnotationError {
  readonly setting: string
  readonly value: string
  readonly message: string
}

/** Names of Eips are DNS subdomains (RFC 1123), as for every cluster-scoped object of ours. */
const EIP_NAME_GRAMMAR = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const EIP_NAME_LENGTH = 253
const EIPS_MAX = 16
/** Two can be followed; a few more are told one by one. */
const ADDRESSES_MAX = 16
const SHARING_KEY_LENGTH = 128
const SHOWN_LENGTH = 64

type Subject = Pick<ServiceObject, 'metadata' | 'spec'>

/**
 * Reads what a Service asks for; `compat` names the load balancers whose annotations are read as synonyms. Space around a value is ignored
 * and an empty value is an absent one. A value that cannot be read is an error and is never taken as "no wish", so that a typing mistake
 * cannot move an address. Errors: one per bad setting.
 */
export function readServiceRequest(service: Subject, compat: readonly Compat[] = []): Result<ServiceRequest, readonly AnnotationError[]> {
  const found = (sources: readonly Source[]): readonly Found[] => settingsOf(service, sources, compat)
  const eips = readEips(found(EIP_SOURCES))
  const addresses = readAddresses(found(ADDRESS_SOURCES))
  const protocol = readProtocol(found([{ setting: PROTOCOL }]), eips.wish.eips.length > 0)
  const sharing = readSharingKey(found(SHARING_SOURCES))
  const parts = [eips, addresses, protocol, sharing]
  const errors = parts.flatMap((part) => part.errors)
  if (errors.length > 0) return err(errors)
  const ignored = parts.flatMap((part) => part.ignored)
  return ok({ ...eips.wish, ...addresses.wish, ...protocol.wish, ...sharing.wish, ignored })
}

interface Found {
  readonly setting: string
  readonly text: string
}

function settingsOf({ metadata, spec }: Subject, sources: readonly Source[], compat: readonly Compat[]): readonly Found[] {
  return sources.flatMap(({ setting, compat: other }) => {
    if (other !== undefined && !compat.includes(other)) return []
    const text = (setting === LOAD_BALANCER_IP ? spec.loadBalancerIP : metadata.annotations?.[setting])?.trim()
    return text === undefined || text === '' ? [] : [{ setting, text }]
  })
}

/** A part of the request, with what is wrong and what is not followed. */
interface Part<Wish> {
  readonly wish: Wish
  readonly errors: readonly AnnotationError[]
  readonly ignored: ServiceRequest['ignored']
}

const named = (setting: string): string => (setting === LOAD_BALANCER_IP ? setting : `the annotation ${setting}`)

/** The weaker settings that say something else than the one that counts. */
const overridden = ([first, ...others]: readonly Found[]): ServiceRequest['ignored'] =>
  others
    .filter(({ text }) => text !== first?.text)
    .map(({ setting }) => ({ setting, message: `${named(setting)} is ignored because ${named(first?.setting ?? '')} is set` }))

const entriesOf = (text: string): readonly string[] => text.split(',').map((entry) => entry.trim())

function readEips(found: readonly Found[]): Part<Pick<ServiceRequest, 'eips'>> {
  const [first] = found
  if (first === undefined) return { wish: { eips: [] }, errors: [], ignored: [] }
  const names = [...new Set(entriesOf(first.text))]
  const bad = names.find((name) => name.length > EIP_NAME_LENGTH || !EIP_NAME_GRAMMAR.test(name))
  const errors = [
    ...(bad === undefined ? [] : [settingError(first.setting, bad, 'is not the name of an Eip (lower-case letters, digits, "-" and ".")')]),
    ...(names.length > EIPS_MAX ? [settingError(first.setting, first.text, `names more than ${EIPS_MAX} Eips`)] : []),
  ]
  return { wish: { eips: names }, errors, ignored: overridden(found) }
}

/** kube-vip writes this for "ask DHCP", which we do not. */
const ASK_DHCP = '0.0.0.0'

function readAddresses(found: readonly Found[]): Part<Pick<ServiceRequest, 'addresses'>> {
  const [first] = found
  if (first === undefined) return { wish: { addresses: [] }, errors: [], ignored: [] }
  const { setting, text } = first
  if (text === ASK_DHCP && setting.startsWith(KUBE_VIP)) {
    const message = `${named(setting)} is ignored because OpenELB asks no DHCP server: the address comes from an Eip`
    return { wish: { addresses: [] }, errors: [], ignored: [{ setting, message }] }
  }
  const isList = ADDRESS_SOURCES.some((source) => source.setting === setting && source.isList === true)
  const entries = isList ? entriesOf(text) : [text]
  // A quarter of a megabyte of them must not become as many errors, in every review and every decision.
  if (entries.length > ADDRESSES_MAX) {
    return { wish: { addresses: [] }, errors: [settingError(setting, text, `names more than ${ADDRESSES_MAX} addresses`)], ignored: [] }
  }
  const addresses: RequestedAddress[] = []
  const errors: AnnotationError[] = []
  for (const entry of entries) {
    const ip = parseIp(entry)
    if (!ip.ok) errors.push(addressSettingError(setting, ip.error))
    else if (addresses.some((other) => other.ip.family === ip.value.family)) {
      errors.push(settingError(setting, formatIp(ip.value), `is a second ${ip.value.family} address; a Service has one of each family`))
    } else addresses.push({ ip: ip.value, from: setting })
  }
  return { wish: { addresses }, errors, ignored: overridden(found) }
}

function readProtocol([found]: readonly Found[], isEipNamed: boolean): Part<Pick<ServiceRequest, 'protocol'>> {
  if (found === undefined) return { wish: {}, errors: [], ignored: [] }
  if (isEipNamed) {
    const message = `the annotation ${PROTOCOL} is ignored because an Eip is named: the protocol of that Eip is used`
    return { wish: {}, errors: [], ignored: [{ setting: PROTOCOL, message }] }
  }
  const protocol = ProtocolSchema.safeParse(found.text)
  if (protocol.success) return { wish: { protocol: protocol.data }, errors: [], ignored: [] }
  return { wish: {}, errors: [settingError(PROTOCOL, found.text, 'is not a protocol (bgp, layer2 or vip)')], ignored: [] }
}

function readSharingKey(found: readonly Found[]): Part<Pick<ServiceRequest, 'sharingKey'>> {
  const [first] = found
  if (first === undefined) return { wish: {}, errors: [], ignored: [] }
  if (first.text.length > SHARING_KEY_LENGTH) {
    return { wish: {}, errors: [settingError(first.setting, first.text, `is longer than ${SHARING_KEY_LENGTH} characters`)], ignored: [] }
  }
  return { wish: { sharingKey: first.text }, errors: [], ignored: overridden(found) }
}

const addressSettingError = (setting: string, error: AddressError): AnnotationError => ({
  setting,
  value: error.text,
  message: `${setting}: ${error.message}`,
})

function settingError(setting: string, value: string, reason: string): AnnotationError {
  const shown = value.length > SHOWN_LENGTH ? `${value.slice(0, SHOWN_LENGTH)}…` : value
  return { setting, value: shown, message: `${setting}: "${shown}" ${reason}` }
}
