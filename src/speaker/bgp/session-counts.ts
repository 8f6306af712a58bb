import type { UpdateContext } from '../../wire/bgp/context.ts'
import type { MessageType } from '../../wire/bgp/iana.ts'
import { parseUpdate } from '../../wire/bgp/update.ts'
import type { MessageCounts } from './peer-report.ts'

/** What is counted of one direction; see MessageCounts. */
export type MutableCounts = { -readonly [K in keyof MessageCounts]: number }

export const noCounts = (): MutableCounts => ({
  open: 0,
  update: 0,
  notification: 0,
  keepalive: 0,
  refresh: 0,
  withdrawUpdate: 0,
  withdrawPrefix: 0,
  discarded: 0,
})

const COUNTED_AS: Readonly<Record<MessageType, keyof MessageCounts>> = {
  open: 'open',
  update: 'update',
  notification: 'notification',
  keepalive: 'keepalive',
  routeRefresh: 'refresh',
}

export function countMessage(counts: MutableCounts, type: MessageType): void {
  counts[COUNTED_AS[type]]++
}

export function countWithdrawals(counts: MutableCounts, prefixes: number): void {
  if (prefixes === 0) return
  counts.withdrawUpdate++
  counts.withdrawPrefix += prefixes
}

const MP_UNREACH = 15

/** How many prefixes an UPDATE of ours withdraws; `body` without its header. */
export function withdrawnIn(body: Uint8Array, context: UpdateContext): number {
  const [high = 0, low = 0] = body
  // Ours have withdrawals in the field, or in MP_UNREACH_NLRI as their only attribute: its code stands behind the lengths and its flags.
  if (high === 0 && low === 0 && body[5] !== MP_UNREACH) return 0
  const reading = parseUpdate(body, context)
  return reading.action === 'accept' ? reading.withdrawn.reduce((sum, { count }) => sum + count, 0) : 0
}
