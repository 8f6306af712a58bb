/** What reads BGP: the parsers alone, and a session that is Established and is told wrong messages one after the other. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describeMessage } from '../../../src/speaker/bgp/capture-text.ts'
import type { Capability } from '../../../src/wire/bgp/capabilities.ts'
import { HEADER_LENGTH, parseFrame } from '../../../src/wire/bgp/header.ts'
import type { MessageType } from '../../../src/wire/bgp/iana.ts'
import { notificationName, parseNotification } from '../../../src/wire/bgp/notification.ts'
import { parseOpen, serializeOpen } from '../../../src/wire/bgp/open.ts'
import { parseRouteRefresh } from '../../../src/wire/bgp/route-refresh.ts'
import { parseUpdate } from '../../../src/wire/bgp/update.ts'
import { createPaperSession, type PaperSession } from '../../speaker/bgp/support/paper-session.ts'
import { context, hex, updateBody } from '../../wire/bgp/build.ts'
import { attributesOf, ROWS } from '../../wire/bgp/rfc7606-rows.ts'
import type { FuzzTarget } from './fuzz.ts'
import type { Mutant } from './mutation.ts'
import type { Random } from './random.ts'

const FOLDER = new URL('../../vectors/bgp/', import.meta.url)
const MARKER = 'ff'.repeat(16)

/** The messages of the vectors, whole. */
const MESSAGES: readonly Uint8Array[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.json'))
  .map((file) => (JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as { message: string | string[] }).message)
  .map((message) => hex([message].flat().join('')))

const frame = (type: number, body: Uint8Array): Uint8Array => {
  const length = HEADER_LENGTH + body.length
  return new Uint8Array(Buffer.concat([hex(MARKER), Uint8Array.of(length >>> 8, length & 0xff, type), body]))
}

const ofRows = (peering: 'external' | 'internal', twoOctets: boolean): readonly Uint8Array[] =>
  ROWS.filter((row) => (row.twoOctets === true) === twoOctets).map((row) =>
    frame(2, updateBody({ attributes: attributesOf(row, peering), nlri: '18 c00002' })),
  )

/** Marker and length are right in most inputs, or nothing behind the header would ever be reached. */
function repair(random: Random, { bytes, length }: Mutant): void {
  if (random.below(16) === 0 || length < HEADER_LENGTH) return
  bytes.fill(0xff, 0, 16)
  bytes.set([length >>> 8, length & 0xff], 16)
  const choice = random.below(8)
  if (choice === 0) bytes[18] = 1 + random.below(5)
  if (bytes[18] !== UPDATE || choice < 4 || length < HEADER_LENGTH + 8) return
  // The lengths of an UPDATE agree: nothing is withdrawn, and one prefix of three bytes is behind the attributes.
  const attributes = length - HEADER_LENGTH - 8
  bytes.set([0, 0, attributes >>> 8, attributes & 0xff], HEADER_LENGTH)
  bytes.set([24, 192, 0, 2], length - 4)
}

const UPDATE = 2

const parser: FuzzTarget = {
  name: 'BGP messages',
  seeds: MESSAGES,
  repair,
  run(bytes, length) {
    const message = bytes.subarray(0, length)
    const read = parseFrame(message, 4096)
    if (!read.ok) return `header ${read.error.subcode}`
    if (read.value === undefined) return 'incomplete'
    const { type, body } = read.value
    const text = describeMessage(type, message, length, context())
    assert.ok(text.length <= 2000 && !/\p{Cc}/u.test(text), 'a text for terminals')
    return `${type} ${outcomeOf(type, body)}`
  },
}

function outcomeOf(type: MessageType, body: Uint8Array): string {
  switch (type) {
    case 'open':
      return openOutcome(body)
    case 'update':
      return parseUpdate(body, context()).action
    case 'notification':
      return parseNotification(body).ok ? 'read' : 'short'
    case 'keepalive':
      return 'read'
    case 'routeRefresh':
      return parseRouteRefresh(body).ok ? 'read' : 'refused'
  }
}

/** What could be read can be written, and is the same then. */
function openOutcome(body: Uint8Array): string {
  const open = parseOpen(body)
  if (!open.ok) return `refused ${open.error.subcode}`
  const isOurs = open.value.as <= 0xffff || open.value.capabilities.some(({ kind }) => kind === 'four-octet-as')
  if (isOurs) {
    const again = parseOpen(serializeOpen(open.value).subarray(HEADER_LENGTH))
    assert.ok(again.ok && again.value.as === open.value.as && again.value.capabilities.length === open.value.capabilities.length)
  }
  return 'read'
}

const PLAIN: readonly Capability[] = [{ kind: 'multiprotocol', afi: 1, safi: 1 }]
const PEERS = {
  external: { peerAs: 65_001, localAs: 64_999 },
  internal: { peerAs: 64_999, localAs: 64_999 },
  'external, two octets': { peerAs: 65_001, localAs: 64_999, capabilities: PLAIN },
} as const

/** A session that lives as long as the wrong messages leave it alive; each that survives must still count the next sound route. */
function sessionTarget(name: keyof typeof PEERS): FuzzTarget {
  const peering = name === 'internal' ? 'internal' : 'external'
  const twoOctets = name === 'external, two octets'
  const sound = { name: '', code: 0, with: [], external: 'keep', internal: 'keep', ...(twoOctets ? ({ twoOctets } as const) : {}) } as const
  const sentinel = frame(2, updateBody({ attributes: attributesOf(sound, peering), nlri: '20 c6336401' }))
  let session: PaperSession | undefined
  return {
    name: `BGP session, ${name}`,
    seeds: [...MESSAGES, ...ofRows(peering, twoOctets)],
    repair,
    run(bytes, length) {
      session ??= createPaperSession(PEERS[name])
      if (!session.isOpen()) {
        session.establish()
        assert.equal(session.report().state, 'Established')
      }
      // Every connection gives its receiver chunks of its own.
      session.receive(bytes.slice(0, length))
      session.later(0)
      if (!session.isOpen()) return ended(session, bytes)
      return judge(session, sentinel)
    },
  }
}

/** What ends a session is said, unless the peer said it first. */
function ended(session: PaperSession, bytes: Uint8Array): string {
  assert.notEqual(session.report().state, 'Established')
  const last = session.lastSent()
  const sent = last?.[18] === 3 ? parseNotification(last.subarray(HEADER_LENGTH)) : undefined
  if (sent?.ok) return notificationName(sent.value)
  assert.ok(bytes.includes(3), 'it ended without a word on either side')
  return 'the peer ended it'
}

function judge(session: PaperSession, sentinel: Uint8Array): string {
  const before = session.report()
  assert.equal(before.state, 'Established')
  session.receive(sentinel)
  const after = session.report()
  if (after.prefixes.received === before.prefixes.received + 1) return 'goes on'
  // A length that promises more than came swallows what comes next: the peer has to hang up.
  session.hangUp()
  assert.ok(!session.isOpen() && session.report().state !== 'Established')
  return 'waits for the rest'
}

/** The parsers are for the fuzz of all parsers, the sessions for that of BGP. */
export const BGP_PARSER_TARGETS: readonly FuzzTarget[] = [parser]
export const BGP_SESSION_TARGETS: readonly FuzzTarget[] = (Object.keys(PEERS) as (keyof typeof PEERS)[]).map(sessionTarget)
