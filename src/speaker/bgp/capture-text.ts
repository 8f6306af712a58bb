import { formatIp } from '../../addr/ip.ts'
import { formatPrefix } from '../../addr/prefix.ts'
import { formatCommunity } from '../../api/bgp-community.ts'
import type { AsSegment } from '../../wire/bgp/attributes/as-path.ts'
import type { PathAttributes } from '../../wire/bgp/attributes/table.ts'
import type { Capability } from '../../wire/bgp/capabilities.ts'
import type { UpdateContext } from '../../wire/bgp/context.ts'
import { HEADER_LENGTH } from '../../wire/bgp/header.ts'
import { familyName, type MessageType } from '../../wire/bgp/iana.ts'
import { entriesOf, type Nlri } from '../../wire/bgp/nlri.ts'
import { notificationName, parseNotification, shutdownText } from '../../wire/bgp/notification.ts'
import { parseOpen } from '../../wire/bgp/open.ts'
import { parseRouteRefresh } from '../../wire/bgp/route-refresh.ts'
import { parseUpdate } from '../../wire/bgp/update.ts'

const LONGEST_TEXT = 2000
const MOST_PREFIXES = 20
const WITHOUT_SESSION: UpdateContext = { peering: 'external', fourOctetAs: true, families: {} }

/** A message in words, at most 2,000 characters. `length` is that of the whole message, of which `message` may be the beginning only. */
export function describeMessage(type: MessageType, message: Uint8Array, length: number, context: UpdateContext | undefined): string {
  const body = message.subarray(HEADER_LENGTH)
  if (message.length < length) return `${length} bytes, too long to be kept`
  return printable(describe(type, body, context ?? WITHOUT_SESSION)).slice(0, LONGEST_TEXT)
}

function describe(type: MessageType, body: Uint8Array, context: UpdateContext): string {
  switch (type) {
    case 'open':
      return describeOpen(body)
    case 'update':
      return describeUpdate(body, context)
    case 'notification':
      return describeNotification(body)
    case 'keepalive':
      return ''
    case 'routeRefresh': {
      const read = parseRouteRefresh(body)
      if (!read.ok) return `broken: ${read.error.cause}`
      return read.value === undefined ? 'of an unknown subtype' : `${read.value.subtype} ${familyName(read.value.afi, read.value.safi)}`
    }
  }
}

function describeOpen(body: Uint8Array): string {
  const read = parseOpen(body)
  if (!read.ok) return `broken: ${read.error.cause}`
  const { as, holdSeconds, routerId, capabilities } = read.value
  const id = formatIp({ family: 'IPv4', value: BigInt(routerId) })
  return `AS ${as}, hold time ${holdSeconds} s, identifier ${id}, ${capabilities.map(capabilityText).join(', ')}`
}

function capabilityText(capability: Capability): string {
  switch (capability.kind) {
    case 'multiprotocol':
      return familyName(capability.afi, capability.safi)
    case 'four-octet-as':
      return `AS of four octets ${capability.as}`
    case 'role':
      return `role ${capability.role}`
    case 'fqdn':
      return `host ${capability.host}`
    case 'unknown':
      return `capability ${capability.code}`
    case 'add-path':
      return `add-path ${capability.families.map(({ afi, safi, mode }) => `${familyName(afi, safi)} ${mode}`).join(' and ')}`
    case 'graceful-restart': {
      const { restarting, notification, restartSeconds, families } = capability
      const flags = `${restarting ? ', restarting' : ''}${notification ? ', notification' : ''}`
      return `graceful-restart ${restartSeconds} s for ${families.length} families${flags}`
    }
    default:
      return capability.kind
  }
}

function describeNotification(body: Uint8Array): string {
  const read = parseNotification(body)
  if (!read.ok) return 'broken'
  const text = shutdownText(read.value)
  const said = text.ok && text.value !== undefined ? ` ${JSON.stringify(text.value)}` : ''
  return `${notificationName(read.value)}${said}`
}

function describeUpdate(body: Uint8Array, context: UpdateContext): string {
  const reading = parseUpdate(body, context)
  if (reading.action === 'session-reset') return `broken: ${reading.error.cause}`
  const gone = reading.withdrawn.length === 0 ? [] : [`withdraws ${prefixes(reading.withdrawn)}`]
  const defects = reading.defects.map(({ cause }) => `defect: ${cause}`)
  if (reading.action === 'treat-as-withdraw') return [...gone, ...defects].join('; ')
  const { announced, attributes, endOfRib } = reading
  const end = endOfRib === undefined ? [] : [`End-of-RIB ${endOfRib}`]
  const routes = announced.map(({ nextHop, nlri }) => `${prefixes([nlri])} by way of ${formatIp(nextHop.address)}`)
  const said = routes.length === 0 ? [] : [attributeText(attributes)]
  return [...end, ...gone, ...routes, ...said, ...defects].filter((part) => part !== '').join('; ')
}

function prefixes(lists: readonly Nlri[]): string {
  const total = lists.reduce((sum, { count }) => sum + count, 0)
  const texts: string[] = []
  for (const list of lists) {
    for (const { prefix, pathId } of entriesOf(list)) {
      if (texts.length === MOST_PREFIXES) break
      texts.push(pathId === undefined ? formatPrefix(prefix) : `${formatPrefix(prefix)} (path ${pathId})`)
    }
  }
  return total > MOST_PREFIXES ? `${texts.join(' ')} and ${total - MOST_PREFIXES} more` : texts.join(' ')
}

/** What is said of routes, as people write it. */
function attributeText(attributes: PathAttributes): string {
  const { origin, asPath = [], communities, largeCommunities, extendedCommunities, ...rest } = attributes
  const words = [
    ...(communities ?? []).map((value) => formatCommunity({ kind: 'standard', value })),
    ...(largeCommunities ?? []).map((value) => formatCommunity({ kind: 'large', value })),
    ...(extendedCommunities ?? []).map((value) => formatCommunity({ kind: 'extended', value })),
  ]
  return [
    `AS path ${asPath.map(segmentText).join(' ') || 'empty'}`,
    ...(origin === undefined ? [] : [`origin ${origin}`]),
    ...(words.length === 0 ? [] : [`communities ${words.join(' ')}`]),
    ...Object.entries(rest).map(([name, value]) => `${name} ${JSON.stringify(value, plain)}`),
  ].join(', ')
}

const segmentText = ({ kind, ases }: AsSegment): string => (kind === 'sequence' ? ases.join(' ') : `${kind} {${ases.join(' ')}}`)

function plain(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Uint8Array ? [...value].map((byte) => byte.toString(16).padStart(2, '0')).join('') : value
}

/** Texts of strangers go to terminals: no control characters. */
const printable = (text: string): string => text.replace(/\p{Cc}/gu, '\u{fffd}')
