import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { formatIp } from '../../../src/addr/ip.ts'
import type { UpdateContext } from '../../../src/wire/bgp/context.ts'
import { MESSAGE_MAX, parseFrame } from '../../../src/wire/bgp/header.ts'
import { serializeKeepalive } from '../../../src/wire/bgp/keepalive.ts'
import { entriesOf } from '../../../src/wire/bgp/nlri.ts'
import {
  notificationName,
  parseNotification,
  serializeNotification,
  shutdownNotification,
  shutdownText,
} from '../../../src/wire/bgp/notification.ts'
import { parseOpen, serializeOpen } from '../../../src/wire/bgp/open.ts'
import { parseRouteRefresh, serializeRouteRefresh } from '../../../src/wire/bgp/route-refresh.ts'
import { parseUpdate, type UpdateReading } from '../../../src/wire/bgp/update.ts'
import { packRoutes, packWithdrawals, serializeEndOfRib } from '../../../src/wire/bgp/update-pack.ts'
import { hex, prefixes, toHex, value } from './build.ts'

/** Messages written by hand from the RFCs. `again: false`: we would say the same in other bytes. */
interface Vector {
  readonly what: string
  readonly message: readonly string[]
  readonly type: 'open' | 'update' | 'notification' | 'keepalive' | 'routeRefresh'
  readonly value?: unknown
  readonly again?: false
  readonly context?: Pick<UpdateContext, 'peering' | 'fourOctetAs'> & { readonly pathIds?: boolean; readonly extendedNextHop?: boolean }
  readonly name?: string
  readonly text?: string
}

const FOLDER = new URL('../../vectors/bgp/', import.meta.url)

/** Bytes as text, so that a value can be compared with JSON. */
const plain = (part: unknown): unknown =>
  JSON.parse(JSON.stringify(part, (_key, inner) => (inner instanceof Uint8Array ? `0x${toHex(inner)}` : inner)))

function contextOf({ peering, fourOctetAs, pathIds = false, extendedNextHop = false }: NonNullable<Vector['context']>): UpdateContext {
  return { peering, fourOctetAs, families: { IPv4: { pathIds, extendedNextHop }, IPv6: { pathIds, extendedNextHop: false } } }
}

function plainReading(reading: UpdateReading): unknown {
  if (reading.action === 'session-reset') return reading
  const withdrawn = prefixes(reading.withdrawn)
  if (reading.action === 'treat-as-withdraw') return { action: reading.action, withdrawn }
  const { action, attributes, endOfRib } = reading
  const announced = reading.announced.map(({ nextHop: { address, linkLocal }, nlri }) => ({
    nextHop: formatIp(address),
    ...(linkLocal && { linkLocal: formatIp(linkLocal) }),
    prefixes: prefixes([nlri]),
  }))
  return plain({ action, withdrawn, announced, attributes, ...(endOfRib && { endOfRib }) })
}

/** The messages that say the same. */
function updateAgain(reading: UpdateReading, context: UpdateContext): Uint8Array[] {
  if (reading.action !== 'accept') throw new Error(reading.action)
  if (reading.endOfRib) return [serializeEndOfRib(reading.endOfRib)]
  const gone = reading.withdrawn.flatMap((nlri) => [...packWithdrawals(nlri.family, entriesOf(nlri), context, MESSAGE_MAX)])
  const here = reading.announced.flatMap(({ nextHop, nlri }) => {
    const set = { family: nlri.family, attributes: reading.attributes, nextHop, entries: entriesOf(nlri) }
    return [...value(packRoutes(set, context, MESSAGE_MAX))]
  })
  return [...gone, ...here]
}

for (const file of readdirSync(FOLDER)) {
  const vector = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Vector
  t.test(`${file}: ${vector.what}`, async (t) => {
    const bytes = hex(vector.message.join(''))
    const frame = value(parseFrame(bytes, MESSAGE_MAX))
    if (frame === undefined) return t.fail('not a whole message')
    t.match(frame, { type: vector.type, length: bytes.length })
    const again = read(t, vector, frame.body)
    if (vector.again !== false) t.same(again.map(toHex), [toHex(bytes)])
    return undefined
  })
}

/** Compares what is read, and gives what is written for it. */
function read(t: { same(found: unknown, wanted: unknown): boolean }, vector: Vector, body: Uint8Array): Uint8Array[] {
  switch (vector.type) {
    case 'keepalive':
      return [serializeKeepalive()]
    case 'open': {
      const open = value(parseOpen(body))
      t.same(plain(open), vector.value)
      return [serializeOpen(open)]
    }
    case 'notification': {
      const notification = value(parseNotification(body))
      t.same(plain(notification), vector.value)
      t.same(notificationName(notification), vector.name)
      t.same(value(shutdownText(notification)), vector.text)
      if (vector.text !== undefined) t.same(shutdownNotification('administrativeShutdown', vector.text), notification)
      return [serializeNotification(notification)]
    }
    case 'routeRefresh': {
      const refresh = value(parseRouteRefresh(body))
      t.same(refresh, vector.value)
      return refresh === undefined ? [] : [serializeRouteRefresh(refresh)]
    }
    case 'update': {
      const context = contextOf(vector.context ?? { peering: 'external', fourOctetAs: true })
      const reading = parseUpdate(body, context)
      t.same(plainReading(reading), vector.value)
      return vector.again === false ? [] : updateAgain(reading, context)
    }
  }
}
