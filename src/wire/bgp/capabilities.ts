import { concat, readU16, readU32, readUtf8, u8, u16, u32 } from './bytes.ts'
import { CAPABILITY } from './iana.ts'

export interface AfiSafi {
  readonly afi: number
  readonly safi: number
}

/** What one side of a session can do, as its OPEN says it. `unknown` holds what this codec does not know, or what has a wrong shape. */
export type Capability =
  /** RFC 4760 section 8. */
  | ({ readonly kind: 'multiprotocol' } & AfiSafi)
  /** RFC 2918; RFC 7313; RFC 8654. */
  | { readonly kind: 'route-refresh' | 'enhanced-route-refresh' | 'extended-message' }
  /** RFC 8950 section 4: routes of this family are taken with next hops of `nextHopAfi`. */
  | { readonly kind: 'extended-next-hop'; readonly families: readonly (AfiSafi & { readonly nextHopAfi: number })[] }
  /** RFC 9234 section 4.1: a number of ROLE. */
  | { readonly kind: 'role'; readonly role: number }
  /**
   * RFC 4724 section 3: `restarting` is the R bit, `preserved` the F bit of a family, `restartSeconds` 0..4095. RFC 8538 section 2:
   * `notification` is the N bit.
   */
  | {
      readonly kind: 'graceful-restart'
      readonly restarting: boolean
      readonly notification: boolean
      readonly restartSeconds: number
      readonly families: readonly (AfiSafi & { readonly preserved: boolean })[]
    }
  /** RFC 6793 section 3. */
  | { readonly kind: 'four-octet-as'; readonly as: number }
  /** RFC 7911 section 4: what the sender of the capability is able to do. */
  | { readonly kind: 'add-path'; readonly families: readonly (AfiSafi & { readonly mode: AddPathMode })[] }
  /** RFC 9494 section 3.1: `staleSeconds` 0..16777215. */
  | {
      readonly kind: 'long-lived-graceful-restart'
      readonly families: readonly (AfiSafi & { readonly preserved: boolean; readonly staleSeconds: number })[]
    }
  /** draft-walton-bgp-hostname-capability, which FRR and GoBGP send. Each name has at most 255 bytes. */
  | { readonly kind: 'fqdn'; readonly host: string; readonly domain: string }
  | { readonly kind: 'unknown'; readonly code: number; readonly value: Uint8Array }

export type AddPathMode = 'receive' | 'send' | 'both'

const ADD_PATH_MODES = [undefined, 'receive', 'send', 'both'] as const
const RESTARTING = 0x8000
const NOTIFICATION = 0x4000
const PRESERVED = 0x80

/**
 * Reads the value of one capability. A known code with a value of another shape is `unknown`, as if the sender had not said it: an OPEN is
 * not refused for what is optional (RFC 5492 section 3). Values of `unknown` share memory with `value`.
 */
export const readCapability = (code: number, value: Uint8Array): Capability => readKnown(code, value) ?? { kind: 'unknown', code, value }

function readKnown(code: number, value: Uint8Array): Capability | undefined {
  switch (code) {
    case CAPABILITY.multiprotocol:
      return value.length === 4 ? { kind: 'multiprotocol', afi: readU16(value, 0), safi: value[3] ?? 0 } : undefined
    case CAPABILITY.routeRefresh:
      return value.length === 0 ? { kind: 'route-refresh' } : undefined
    case CAPABILITY.enhancedRouteRefresh:
      return value.length === 0 ? { kind: 'enhanced-route-refresh' } : undefined
    case CAPABILITY.extendedMessage:
      return value.length === 0 ? { kind: 'extended-message' } : undefined
    case CAPABILITY.extendedNextHop:
      return readExtendedNextHop(value)
    case CAPABILITY.role:
      return value.length === 1 ? { kind: 'role', role: value[0] ?? 0 } : undefined
    case CAPABILITY.gracefulRestart:
      return readGracefulRestart(value)
    case CAPABILITY.fourOctetAs:
      return value.length === 4 ? { kind: 'four-octet-as', as: readU32(value, 0) } : undefined
    case CAPABILITY.addPath:
      return readAddPath(value)
    case CAPABILITY.longLivedGracefulRestart:
      return readLongLived(value)
    case CAPABILITY.fqdn:
      return readFqdn(value)
    default:
      return undefined
  }
}

/** The offsets of records of `size` bytes; undefined when the bytes do not divide into them. */
function records(value: Uint8Array, from: number, size: number): readonly number[] | undefined {
  const count = (value.length - from) / size
  return Number.isInteger(count) && count >= 0 ? Array.from({ length: count }, (_, index) => from + index * size) : undefined
}

function readExtendedNextHop(value: Uint8Array): Capability | undefined {
  const families = records(value, 0, 6)?.map((at) => ({
    afi: readU16(value, at),
    safi: readU16(value, at + 2),
    nextHopAfi: readU16(value, at + 4),
  }))
  return families && { kind: 'extended-next-hop', families }
}

function readGracefulRestart(value: Uint8Array): Capability | undefined {
  const families = records(value, 2, 4)?.map((at) => ({
    afi: readU16(value, at),
    safi: value[at + 2] ?? 0,
    preserved: ((value[at + 3] ?? 0) & PRESERVED) !== 0,
  }))
  const head = readU16(value, 0)
  const [restarting, notification] = [(head & RESTARTING) !== 0, (head & NOTIFICATION) !== 0]
  return families && { kind: 'graceful-restart', restarting, notification, restartSeconds: head & 0x0fff, families }
}

/** A mode that is none of the three makes the whole capability void: RFC 7911 section 4. */
function readAddPath(value: Uint8Array): Capability | undefined {
  const families: (AfiSafi & { mode: AddPathMode })[] = []
  for (const at of records(value, 0, 4) ?? []) {
    const mode = ADD_PATH_MODES[value[at + 3] ?? 0]
    if (mode === undefined) return undefined
    families.push({ afi: readU16(value, at), safi: value[at + 2] ?? 0, mode })
  }
  return value.length % 4 === 0 ? { kind: 'add-path', families } : undefined
}

function readLongLived(value: Uint8Array): Capability | undefined {
  const families = records(value, 0, 7)?.map((at) => ({
    afi: readU16(value, at),
    safi: value[at + 2] ?? 0,
    preserved: ((value[at + 3] ?? 0) & PRESERVED) !== 0,
    staleSeconds: ((value[at + 4] ?? 0) << 16) | readU16(value, at + 5),
  }))
  return families && { kind: 'long-lived-graceful-restart', families }
}

function readFqdn(value: Uint8Array): Capability | undefined {
  const hostEnd = 1 + (value[0] ?? 0)
  const domainEnd = hostEnd + 1 + (value[hostEnd] ?? 0)
  if (value.length !== domainEnd) return undefined
  const host = readUtf8(value.subarray(1, hostEnd))
  const domain = readUtf8(value.subarray(hostEnd + 1, domainEnd))
  return host === undefined || domain === undefined ? undefined : { kind: 'fqdn', host, domain }
}

/**
 * The inverse of readCapability: the code and the value. Throws RangeError on a number out of its bounds or a name of more than 255 bytes,
 * which is a bug of the caller.
 */
export function writeCapability(capability: Capability): { readonly code: number; readonly value: Uint8Array } {
  switch (capability.kind) {
    case 'multiprotocol':
      return { code: CAPABILITY.multiprotocol, value: Uint8Array.of(...u16(capability.afi), 0, ...u8(capability.safi)) }
    case 'route-refresh':
      return { code: CAPABILITY.routeRefresh, value: new Uint8Array(0) }
    case 'enhanced-route-refresh':
      return { code: CAPABILITY.enhancedRouteRefresh, value: new Uint8Array(0) }
    case 'extended-message':
      return { code: CAPABILITY.extendedMessage, value: new Uint8Array(0) }
    case 'role':
      return { code: CAPABILITY.role, value: Uint8Array.from(u8(capability.role)) }
    case 'four-octet-as':
      return { code: CAPABILITY.fourOctetAs, value: Uint8Array.from(u32(capability.as)) }
    case 'fqdn':
      return { code: CAPABILITY.fqdn, value: concat([lengthAndText(capability.host), lengthAndText(capability.domain)]) }
    case 'unknown':
      return { code: capability.code, value: capability.value }
    default:
      return writeFamilies(capability)
  }
}

type WithFamilies = Extract<Capability, { readonly families: unknown }>

/** The capabilities that are a list of families. */
function writeFamilies(capability: WithFamilies): { readonly code: number; readonly value: Uint8Array } {
  const bytes: number[] = []
  switch (capability.kind) {
    case 'extended-next-hop':
      for (const { afi, safi, nextHopAfi } of capability.families) bytes.push(...u16(afi), ...u16(safi), ...u16(nextHopAfi))
      return { code: CAPABILITY.extendedNextHop, value: Uint8Array.from(bytes) }
    case 'graceful-restart': {
      const { restarting, notification, restartSeconds, families } = capability
      if (restartSeconds > 0x0fff) throw new RangeError(`a restart of ${restartSeconds} s`)
      bytes.push(...u16((restarting ? RESTARTING : 0) | (notification ? NOTIFICATION : 0) | restartSeconds))
      for (const { afi, safi, preserved } of families) bytes.push(...u16(afi), ...u8(safi), preserved ? PRESERVED : 0)
      return { code: CAPABILITY.gracefulRestart, value: Uint8Array.from(bytes) }
    }
    case 'add-path':
      for (const { afi, safi, mode } of capability.families) bytes.push(...u16(afi), ...u8(safi), ADD_PATH_MODES.indexOf(mode))
      return { code: CAPABILITY.addPath, value: Uint8Array.from(bytes) }
    case 'long-lived-graceful-restart':
      for (const { afi, safi, preserved, staleSeconds } of capability.families) {
        const [top, ...time] = u32(staleSeconds)
        if (top !== 0) throw new RangeError(`stale for ${staleSeconds} s`)
        bytes.push(...u16(afi), ...u8(safi), preserved ? PRESERVED : 0, ...time)
      }
      return { code: CAPABILITY.longLivedGracefulRestart, value: Uint8Array.from(bytes) }
  }
}

function lengthAndText(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text)
  return concat([Uint8Array.from(u8(bytes.length)), bytes])
}
