/** A policy book as the export policy of one peer. */
import { compareIp, formatIp } from '../../../addr/ip.ts'
import { EXPORT_OWN, type ExportPolicy, type PolicySubject, type PolicyVerdict } from '../export-policy.ts'
import type { Chain, PolicyBook, Statement } from './book.ts'
import type { PolicyPeer, PolicyRoute } from './route.ts'

interface Outcome {
  readonly isAccepted: boolean
  readonly subject: PolicySubject
  readonly statement: string | undefined
}

function apply({ conditions, actions }: Statement, route: PolicyRoute): PolicySubject | undefined {
  if (!conditions.every((holds) => holds(route))) return undefined
  return actions.changes.reduce<PolicySubject>((now, change) => change({ ...route, now }), route.now)
}

/** Statement by statement: each that fits changes the route, the first that says accept or reject decides. */
function walk({ statements, isAcceptedByDefault }: Chain, subject: PolicySubject, peer: PolicyPeer): Outcome {
  let now = subject
  for (const statement of statements) {
    const changed = apply(statement, { now, firstNextHop: subject.nextHop, peer })
    if (changed === undefined) continue
    now = changed
    const { disposition } = statement.actions
    if (disposition !== 'continue') return { isAccepted: disposition === 'accept', subject: now, statement: statement.name }
  }
  return { isAccepted: isAcceptedByDefault, subject: now, statement: undefined }
}

/** As in GoBGP, import policies act on our own routes too, before the peer is known: no neighbor-set fits, and AS_PATH is empty. */
const beforePeers = (peer: PolicyPeer): PolicyPeer => ({ ...peer, address: undefined, ownAsCount: 0 })

const isEmpty = ({ statements, isAcceptedByDefault }: Chain): boolean => statements.length === 0 && isAcceptedByDefault

/** What one peer is told. `text`: what the book was read from. */
export function exportPolicyOf(book: PolicyBook, text: string, peer: PolicyPeer): ExportPolicy {
  const { address } = peer
  const own = address === undefined ? undefined : book.ofNeighbours.find((neighbour) => compareIp(neighbour.address, address) === 0)
  const chain = own?.export ?? book.export
  if (isEmpty(book.import) && isEmpty(chain)) return EXPORT_OWN
  const judge = (subject: PolicySubject): PolicyVerdict => {
    const before = walk(book.import, subject, beforePeers(peer))
    const after = before.isAccepted ? walk(chain, before.subject, peer) : before
    const statement = after.statement
    return after.isAccepted ? { kind: 'accept', subject: after.subject, statement } : { kind: 'reject', statement }
  }
  const selves = [peer.self.IPv4, peer.self.IPv6].map((ip) => (ip === undefined ? '-' : formatIp(ip)))
  const facts = [address === undefined ? '-' : formatIp(address), peer.localAs, peer.ownAsCount, ...selves]
  return { text: `# ${facts.join(' ')}\n${text}`, judge }
}

/** Nothing is told: a policy was asked for, and none can be read (RFC 8212: without a policy, no routes). */
export const EXPORT_NOTHING: ExportPolicy = { text: 'nothing', judge: () => ({ kind: 'reject', statement: undefined }) }
