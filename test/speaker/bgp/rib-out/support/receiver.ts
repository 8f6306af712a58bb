import { type Family, formatIp } from '../../../../../src/addr/ip.ts'
import { formatPrefix } from '../../../../../src/addr/prefix.ts'
import type { SessionTerms } from '../../../../../src/speaker/bgp/outbound.ts'
import type { NextHop } from '../../../../../src/wire/bgp/attributes/mp-reach.ts'
import type { PathAttributes } from '../../../../../src/wire/bgp/attributes/table.ts'
import { parseFrame } from '../../../../../src/wire/bgp/header.ts'
import { familyOf } from '../../../../../src/wire/bgp/iana.ts'
import { entriesOf, type Nlri, type NlriEntry } from '../../../../../src/wire/bgp/nlri.ts'
import { parseRouteRefresh } from '../../../../../src/wire/bgp/route-refresh.ts'
import { parseUpdate } from '../../../../../src/wire/bgp/update.ts'

/** What the receiver wrote down, newest last: `+198.18.0.0/32`, `-2@198.18.0.0/32`, `EoR IPv4`, `BoRR IPv4`, `EoRR IPv4`. */
export interface Receiver {
  take(message: Uint8Array): void
  /** By `pathId@prefix` or prefix: the route in words. */
  readonly table: Map<string, string>
  readonly log: string[]
  /** Announcements of what it had word by word, and withdrawals of what it had not. */
  readonly needless: string[]
  /** UPDATEs with routes. */
  updates(): number
  readonly endOfRib: Set<Family>
}

/** A router at the other end: it knows nothing but the bytes, and forgets after a refresh what was not told again (RFC 7313 section 4). */
export function createReceiver({ agreement: { send, longestSent } }: SessionTerms): Receiver {
  const table = new Map<string, string>()
  const [log, needless]: [string[], string[]] = [[], []]
  const stale = new Map<Family, Set<string>>()
  const endOfRib = new Set<Family>()
  let updates = 0

  function announce(key: string, family: Family, words: string) {
    const isAgain = stale.get(family)?.delete(key) === true
    if (table.get(key) === words && !isAgain) needless.push(`+${key}`)
    table.set(key, words)
    log.push(`+${key}`)
  }
  function withdraw(key: string, family: Family) {
    stale.get(family)?.delete(key)
    if (!table.delete(key)) needless.push(`-${key}`)
    log.push(`-${key}`)
  }
  function update(body: Uint8Array) {
    const reading = parseUpdate(body, send)
    if (reading.action !== 'accept' || reading.defects.length > 0) throw new Error(`the receiver reads ${reading.action}`)
    if (reading.endOfRib !== undefined) {
      endOfRib.add(reading.endOfRib)
      log.push(`EoR ${reading.endOfRib}`)
      return
    }
    updates++
    for (const nlri of reading.withdrawn) for (const entry of entriesOf(nlri)) withdraw(keyOf(entry), nlri.family)
    for (const { nextHop, nlri } of reading.announced) announceAll(nlri, inWords(nextHop, reading.attributes))
  }
  function announceAll(nlri: Nlri, words: string) {
    for (const entry of entriesOf(nlri)) announce(keyOf(entry), nlri.family, words)
  }
  function refresh(body: Uint8Array) {
    const read = parseRouteRefresh(body)
    const family = read.ok && read.value ? familyOf(read.value.afi, read.value.safi) : undefined
    if (!read.ok || family === undefined) throw new Error('an unreadable ROUTE-REFRESH')
    if (!endOfRib.has(family)) throw new Error('BoRR before End-of-RIB')
    const begins = read.value?.subtype === 'begin'
    log.push(`${begins ? 'BoRR' : 'EoRR'} ${family}`)
    if (begins) stale.set(family, new Set([...table.keys()].filter((key) => key.includes(':') === (family === 'IPv6'))))
    else {
      for (const key of stale.get(family) ?? []) table.delete(key)
      stale.delete(family)
    }
  }
  return {
    take(message) {
      if (message.length > longestSent) throw new Error(`a message of ${message.length} bytes`)
      const frame = parseFrame(message, longestSent)
      if (!frame.ok || frame.value?.length !== message.length) throw new Error('not one whole message')
      if (frame.value.type === 'update') update(frame.value.body)
      else if (frame.value.type === 'routeRefresh') refresh(frame.value.body)
      else throw new Error(`a ${frame.value.type}`)
    },
    table,
    log,
    needless,
    updates: () => updates,
    endOfRib,
  }
}

const keyOf = ({ prefix, pathId }: NlriEntry): string => `${pathId === undefined ? '' : `${pathId}@`}${formatPrefix(prefix)}`

/** A route as text: next hop first, then the attributes by name. */
export function inWords({ address, linkLocal }: NextHop, attributes: PathAttributes): string {
  const hop = `${formatIp(address)}${linkLocal ? `+${formatIp(linkLocal)}` : ''}`
  const sorted = Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `${hop} ${JSON.stringify(Object.fromEntries(sorted), (_name, part) => (part instanceof Uint8Array ? [...part] : part))}`
}
