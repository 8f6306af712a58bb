import { err, ok, type Result } from '../../result.ts'
import { concat, readU16, readU32, u8, u16, u32 } from './bytes.ts'
import { type Capability, readCapability, writeCapability } from './capabilities.ts'
import { serializeFrame } from './header.ts'
import { AS_TRANS, ERROR, OPEN_ERROR } from './iana.ts'
import { type ProtocolError, protocolError } from './protocol-error.ts'

/**
 * The first message of each side (RFC 4271 section 4.2):
 *
 *     0         1    3           5            9        10
 *     | version | AS | hold time | identifier | length | optional parameters ...
 */
export interface Open {
  /** The number of its AS: that of the capability Four-Octet AS when there is one. 1..4294967295. */
  readonly as: number
  /** 0, or 3..65535. */
  readonly holdSeconds: number
  /** Unsigned 32 bits, never 0. RFC 6286: any other number, unique in its AS. */
  readonly routerId: number
  /** In the order of the message. */
  readonly capabilities: readonly Capability[]
}

const VERSION = 4
const FIXED_LENGTH = 10
const CAPABILITIES = 2
/** As the type of the first parameter: lengths of two bytes follow. RFC 9072 section 2. */
const EXTENDED = 255

const refuse = (subcode: number, cause: string, data?: Uint8Array) => err(protocolError(ERROR.open, subcode, cause, data))

/**
 * Reads the body of an OPEN. Values of unknown capabilities share memory with it.
 * Errors, RFC 4271 section 6.2: Unsupported Version Number with the version that we speak; Bad Peer AS for AS 0 (RFC 7607); Unacceptable
 * Hold Time for 1 and 2 s; Bad BGP Identifier for 0 (RFC 6286); Unsupported Optional Parameter for all but capabilities; unspecific (0)
 * for lengths that do not agree. Whether the AS is the one that was expected is not known here.
 */
export function parseOpen(body: Uint8Array): Result<Open, ProtocolError> {
  const [version] = body
  if (version !== VERSION) return refuse(OPEN_ERROR.unsupportedVersion, `version ${version}`, Uint8Array.from(u16(VERSION)))
  if (body.length < FIXED_LENGTH) return refuse(OPEN_ERROR.unspecific, `an OPEN of ${body.length} bytes`)
  const [twoOctetAs, holdSeconds, routerId] = [readU16(body, 1), readU16(body, 3), readU32(body, 5)]
  const capabilities = parseParameters(body)
  if (!capabilities.ok) return capabilities
  const as = capabilities.value.findLast((capability) => capability.kind === 'four-octet-as')?.as ?? twoOctetAs
  if (as === 0 || twoOctetAs === 0) return refuse(OPEN_ERROR.badPeerAs, 'AS 0')
  if (holdSeconds === 1 || holdSeconds === 2) return refuse(OPEN_ERROR.unacceptableHoldTime, `a hold time of ${holdSeconds} s`)
  if (routerId === 0) return refuse(OPEN_ERROR.badIdentifier, 'the identifier 0.0.0.0')
  return ok({ as, holdSeconds, routerId, capabilities: capabilities.value })
}

/** All capabilities of all parameters: RFC 5492 section 4 lets them stand in one or in several. */
function parseParameters(body: Uint8Array): Result<Capability[], ProtocolError> {
  const wide = body[9] !== 0 && body[10] === EXTENDED
  const from = wide ? FIXED_LENGTH + 3 : FIXED_LENGTH
  const length = wide ? readU16(body, 11) : (body[9] ?? 0)
  if (from + length !== body.length) {
    return refuse(OPEN_ERROR.unspecific, `parameters of ${length} bytes where ${Math.max(body.length - from, 0)} are`)
  }
  const capabilities: Capability[] = []
  for (let at = from; at < body.length; ) {
    const start = at + (wide ? 3 : 2)
    const end = start + (wide ? readU16(body, at + 1) : (body[at + 1] ?? 0))
    if (end > body.length) return refuse(OPEN_ERROR.unspecific, 'a parameter that is longer than the message')
    if (body[at] !== CAPABILITIES) return refuse(OPEN_ERROR.unsupportedOptionalParameter, `the optional parameter ${body[at]}`)
    if (!parseCapabilities(body.subarray(start, end), capabilities)) {
      return refuse(OPEN_ERROR.unspecific, 'a capability that is longer than its parameter')
    }
    at = end
  }
  return ok(capabilities)
}

function parseCapabilities(value: Uint8Array, into: Capability[]): boolean {
  for (let at = 0; at < value.length; ) {
    const end = at + 2 + (value[at + 1] ?? 0)
    if (end > value.length) return false
    into.push(readCapability(value[at] ?? 0, value.subarray(at + 2, end)))
    at = end
  }
  return true
}

/**
 * The inverse of parseOpen, as a whole message: all capabilities in one parameter, behind lengths of two bytes when they need it (RFC
 * 9072). An AS above 65535 stands in the capability Four-Octet AS alone, which the caller has to give, and AS_TRANS in its place. Throws
 * RangeError on numbers out of their bounds, and on an AS that the capabilities contradict, which are bugs of the caller.
 */
export function serializeOpen({ as, holdSeconds, routerId, capabilities }: Open): Uint8Array {
  const fourOctetAs = capabilities.findLast((capability) => capability.kind === 'four-octet-as')?.as
  if (as !== (fourOctetAs ?? as) || (as > 0xffff && fourOctetAs === undefined)) throw new RangeError(`AS ${as} beside ${fourOctetAs}`)
  const parts = capabilities.map((capability) => {
    const { code, value } = writeCapability(capability)
    return concat([Uint8Array.of(...u8(code), ...u8(value.length)), value])
  })
  const fixed = Uint8Array.of(VERSION, ...u16(as > 0xffff ? AS_TRANS : as), ...u16(holdSeconds), ...u32(routerId))
  return serializeFrame('open', concat([fixed, parametersOf(concat(parts))]))
}

function parametersOf(capabilities: Uint8Array): Uint8Array {
  const { length } = capabilities
  if (length === 0) return Uint8Array.of(0)
  if (length + 2 < EXTENDED) return concat([Uint8Array.of(length + 2, CAPABILITIES, length), capabilities])
  return concat([Uint8Array.of(EXTENDED, EXTENDED, ...u16(length + 3), CAPABILITIES, ...u16(length)), capabilities])
}
