/** The routing policy of a node: read from the ConfigMap, or the last one that could be read. */
import { BGP_POLICY_KEY } from '../../api/names.ts'
import { EXPORT_OWN, type ExportPolicy } from './export-policy.ts'
import { type PolicyBook, readPolicyBook } from './policy/book.ts'
import { EXPORT_NOTHING, exportPolicyOf } from './policy/export.ts'
import type { BgpFacts } from './resolve-facts.ts'
import type { ProblemList } from './resolve-problem.ts'
import type { PeerSettings } from './settings.ts'

/** A status has room for so many of one text. */
const FAULTS_SAID = 8

interface Running {
  readonly book: PolicyBook
  readonly text: string
}

export interface ResolvedPolicy {
  readonly policyFor: (peer: Omit<PeerSettings, 'policy'>) => ExportPolicy
  /** The text that runs; undefined without one. */
  readonly goodText: string | undefined
}

function runningOf(text: string | undefined): Running | undefined {
  const book = text === undefined ? undefined : readPolicyBook(text).book
  return text === undefined || book === undefined ? undefined : { book, text }
}

/** A text that is refused changes nothing: the one before it runs on. */
function readText(name: string, text: string, lastText: string | undefined, list: ProblemList): Running | undefined {
  const { book, faults } = readPolicyBook(text)
  const last = book === undefined ? runningOf(lastText) : undefined
  const refused = faults.filter(({ kind }) => kind === 'refused')
  const until = last === undefined ? 'until then no route is told' : 'until then the policy before it is followed'
  for (const { path, message } of refused.slice(0, FAULTS_SAID)) {
    list.add('policy-unreadable', `the policy in ConfigMap ${name} cannot be followed: ${path} ${message}`, `correct it; ${until}`)
  }
  if (book === undefined) return last
  for (const { kind, path, message } of faults.slice(0, FAULTS_SAID)) {
    list.add(
      kind === 'no-meaning' ? 'policy-no-meaning' : 'policy-not-honoured',
      `the policy in ConfigMap ${name}: ${path} ${message}`,
      'take it out, if that is what you want',
    )
  }
  return { book, text }
}

/** A ConfigMap that is not there is no policy, as in OpenELB; one that went away while BgpConf names it stays in force. */
function readMissing(name: string, lastText: string | undefined, list: ProblemList): Running | undefined {
  const last = runningOf(lastText)
  const until = last === undefined ? 'until then every route is told' : 'until then the policy that it had is followed'
  list.add(
    'policy-missing',
    `the ConfigMap ${name} of spec.policy is missing, or its key ${BGP_POLICY_KEY}`,
    `create it in the namespace of OpenELB; ${until}`,
  )
  return last
}

/** Once to an external peer: what a policy sees is what the peer would be told. */
const isInternal = ({ expectedAs, localAs }: Omit<PeerSettings, 'policy'>): boolean => expectedAs === 'internal' || expectedAs === localAs

function forPeer({ book, text }: Running, peer: Omit<PeerSettings, 'policy'>, { node }: BgpFacts): ExportPolicy {
  const address = peer.remote.kind === 'address' ? peer.remote.ip : undefined
  const local = peer.transport.localAddress
  const self = local === undefined ? node.addresses : { ...node.addresses, [local.family]: local }
  return exportPolicyOf(book, text, { address, localAs: peer.localAs, ownAsCount: isInternal(peer) ? 0 : 1, self })
}

/** `as`: that of the node. Without a name in BgpConf all of our own routes are told. */
export function resolvePolicy(name: string, as: number, facts: BgpFacts, list: ProblemList): ResolvedPolicy {
  if (name === '') return { policyFor: () => EXPORT_OWN, goodText: undefined }
  const { policyText, lastPolicyText } = facts
  const running = policyText === undefined ? readMissing(name, lastPolicyText, list) : readText(name, policyText, lastPolicyText, list)
  if (running === undefined) {
    return { policyFor: () => (policyText === undefined ? EXPORT_OWN : EXPORT_NOTHING), goodText: undefined }
  }
  for (const prepend of running.book.prepends) {
    if (Number(prepend.as) === as) continue
    list.add(
      'policy-not-honoured',
      `the policy in ConfigMap ${name}: ${prepend.path} is ${prepend.as}, which is prepended only where it is our own AS`,
      'write last-as',
    )
  }
  return { policyFor: (peer) => forPeer(running, peer, facts), goodText: running.text }
}
