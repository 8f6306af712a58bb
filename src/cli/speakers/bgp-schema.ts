/** Reads what a speaker says of its BGP; it may be of another version than this program. */
import { z } from 'zod'
import { FSM_STATES } from '../../speaker/bgp/fsm-transition.ts'
import type { CapturedMessage, PeerReport } from '../../speaker/bgp/peer-report.ts'
import type { BgpReport, CapturePage, RoutesPage, WhyPage } from '../../speaker/bgp-report.ts'

const text = z.string()
const count = z.number()
const texts = z.array(text)

const MessageCountsSchema = z.object({
  open: count,
  update: count,
  notification: count,
  keepalive: count,
  refresh: count,
  withdrawUpdate: count,
  withdrawPrefix: count,
  discarded: count,
})

const BfdStateSchema = z.enum(['AdminDown', 'Down', 'Init', 'Up'])

const BfdSchema = z.object({
  key: text,
  state: BfdStateSchema,
  remoteState: BfdStateSchema,
  diagnostic: text.optional(),
  detectionMs: count,
  transmitMs: count,
  upSinceMs: count.optional(),
  downs: count,
  sent: count,
  received: count,
  discarded: count,
  lastDiscard: text.exactOptional(),
})

const PeerSchema = z.object({
  name: text,
  address: text.optional(),
  interface: text.optional(),
  state: z.enum(FSM_STATES),
  adminDown: z.boolean(),
  localAs: count,
  routerId: text,
  peerAs: count.optional(),
  peerRouterId: text.optional(),
  negotiated: texts,
  holdMs: count.optional(),
  keepaliveMs: count.optional(),
  upSinceMs: count.optional(),
  downSinceMs: count.optional(),
  flaps: count,
  lastError: z.object({ code: text, message: text, cure: text, atMs: count }).optional(),
  received: MessageCountsSchema,
  sent: MessageCountsSchema,
  prefixes: z.object({ announced: count, pending: count, received: count }),
  unwrittenBytes: count,
  bfd: BfdSchema.optional(),
  notifications: z.array(z.object({ direction: z.enum(['sent', 'received']), code: count, subcode: count, count })).exactOptional(),
  holdSlackMs: count.optional(),
})

type SpokenPeer = z.infer<typeof PeerSchema>

/** JSON has no undefined: what is not known is absent there. */
const UNKNOWN = {
  address: undefined,
  interface: undefined,
  peerAs: undefined,
  peerRouterId: undefined,
  holdMs: undefined,
  keepaliveMs: undefined,
  upSinceMs: undefined,
  downSinceMs: undefined,
  lastError: undefined,
}

const peerOf = (peer: SpokenPeer): PeerReport => ({
  ...UNKNOWN,
  ...peer,
  bfd: peer.bfd === undefined ? undefined : { diagnostic: undefined, upSinceMs: undefined, ...peer.bfd },
})

export const BgpSchema = z
  .object({
    configured: z.boolean(),
    port: count.optional(),
    problems: z.array(z.object({ peer: text.optional(), code: text, message: text, cure: text })),
    peers: z.array(PeerSchema),
    routes: count,
  })
  .transform((report): BgpReport => ({ ...report, peers: report.peers.map(peerOf) }))

const RouteSchema = z.object({
  prefix: text,
  nextHops: z.array(z.object({ node: text, self: z.boolean(), addresses: texts })),
  attributes: texts,
  peers: texts.optional(),
  told: texts,
  addresses: texts,
  eips: texts,
})

const MessageSchema = z.object({
  peer: text,
  direction: z.enum(['sent', 'received']),
  atMs: count,
  type: text,
  text,
  bytes: count,
}) satisfies z.ZodType<CapturedMessage>

const VerdictSchema = z.object({ peer: text, prefix: text, told: z.boolean(), reason: text, message: text, paths: texts })

/** A page as its type; undefined for anything else. */
const reader =
  <T>(schema: z.ZodType<T>) =>
  (page: unknown): T | undefined =>
    schema.safeParse(page).data

export const readRoutes = reader<RoutesPage>(z.object({ node: text, total: count, from: count, routes: z.array(RouteSchema) }))
export const readCapture = reader<CapturePage>(z.object({ node: text, messages: z.array(MessageSchema) }))
export const readWhy = reader<WhyPage>(
  z.object({ node: text, route: RouteSchema.optional(), silent: text.optional(), verdicts: z.array(VerdictSchema) }),
)
