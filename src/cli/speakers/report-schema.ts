/** Reads what a speaker says of itself; it may be of another version than this program. */
import { z } from 'zod'
import type { SpeakerReport } from '../../speaker/speaker-report.ts'
import { BgpSchema } from './bgp-schema.ts'

const text = z.string()
const count = z.number()
const flag = z.boolean()

const MemberSchema = z.object({
  node: text,
  alive: flag,
  serving: flag,
  leaving: flag,
  fault: z.enum(['never-heard', 'silent', 'ended']).exactOptional(),
  lastSignMsAgo: count.exactOptional(),
})

const AddressSchema = z.object({
  address: text,
  interface: text,
  mac: text,
  epoch: count,
  recorded: flag,
  requests: count,
  answers: count,
  lastAnswer: z.object({ to: text, at: text }).exactOptional(),
  lastAnnouncement: text.exactOptional(),
  foreignClaims: z.object({ count, mac: text, at: text }).exactOptional(),
})

const ReportSchema = z.object({
  node: text,
  version: text,
  membership: z
    .object({ settled: flag, quorum: z.enum(['alone', 'majority', 'one-of-two', 'minority']), members: z.array(MemberSchema) })
    .optional(),
  addresses: z.array(AddressSchema),
  preflight: z.array(z.object({ check: text, severity: z.enum(['ok', 'warning', 'error']), message: text, cure: text })),
  // One of another version hides no more than itself.
  bgp: BgpSchema.optional().catch(undefined),
})

/** Undefined for anything that is no report; fields that this program does not know are passed over. */
export function readReport(page: unknown): SpeakerReport | undefined {
  const read = ReportSchema.safeParse(page)
  return read.success ? { ...read.data, membership: read.data.membership } : undefined
}
