/** `openelb doctor`: what is wrong, and what to do about it. */
import type { AddressClaimObject } from '../../api/address-claim.ts'
import { readBgpObjects } from '../bgp/facts.ts'
import { attempt, type ClusterReader } from '../cluster-reader.ts'
import { checkDefinitions, checkRights, checkVersion } from '../doctor/check-api.ts'
import { auditSessions, bgpIsFine, checkBfd, checkBgpObjects, checkUnannounced, wantsBgp } from '../doctor/check-bgp.ts'
import { checkLeader, checkWebhooks, checkWorkloads, looksStale } from '../doctor/check-components.ts'
import { auditLedger } from '../doctor/check-ledger.ts'
import { checkKubeProxy, checkSettings } from '../doctor/check-network.ts'
import { auditOwners, checkDisputes, gathered, ownersAreFine } from '../doctor/check-owners.ts'
import { checkPools, checkServices } from '../doctor/check-pools.ts'
import { auditMembership, checkKernels, checkReports, membershipIsFine } from '../doctor/check-speakers.ts'
import { type DoctorFacts, readDoctorFacts, readLeaseAgain } from '../doctor/facts.ts'
import { counted, type Finding, fail, orFine } from '../doctor/finding.ts'
import type { CliValues } from '../flags.ts'
import { readClaims, readLedgerState } from '../ledger-state.ts'
import { type Cell, misuse, type Outcome, type Tone, toned } from '../report.ts'
import { readSpeakers, type Speakers } from '../speakers/speakers.ts'
import { explainTrouble } from '../trouble.ts'
import type { Verb, VerbInput } from '../verb.ts'

/** Longer than the two and a half seconds between two renewals of a Lease. */
const SECOND_LOOK_MS = 3000

/** What two looks saw. The lists of one look are not of one moment. */
async function seenTwice(
  cluster: ClusterReader,
  first: readonly Finding[],
  again: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  if (first.length === 0) return []
  await cluster.wait(SECOND_LOOK_MS)
  const seen = new Set((await again()).map(({ says }) => says))
  return first.filter(({ says }) => seen.has(says))
}

async function auditTwice(cluster: ClusterReader, values: CliValues, facts: DoctorFacts): Promise<readonly Finding[]> {
  if (!facts.state.ok) return []
  const first = auditLedger(facts.state.value, facts.nowMs)
  const found = await seenTwice(cluster, first, async () => {
    const again = await attempt(readLedgerState(cluster, values))
    return again.ok ? auditLedger(again.value, facts.nowMs + SECOND_LOOK_MS) : first
  })
  const total = facts.state.value.claims.length
  return orFine(found, 'ledger', `${counted(total, 'claim')}, no contradiction${first.length === 0 ? '' : ' that lasts'}`)
}

/** What the speakers say of their nodes, of one another and of the addresses that they answer for. */
async function examineSpeakers(cluster: ClusterReader, facts: DoctorFacts): Promise<readonly Finding[]> {
  const { namespace, speakers, state, nowMs } = facts
  const claims = state.ok ? state.value.claims : undefined
  const audit = (seen: Speakers, held: readonly AddressClaimObject[] | undefined) => ({
    membership: auditMembership(seen, namespace),
    owners: held === undefined ? [] : auditOwners(held, seen),
  })
  const first = audit(speakers, claims)
  const found = await seenTwice(cluster, [...first.membership, ...first.owners], async () => {
    const [held, seen] = await Promise.all([attempt(readClaims(cluster)), readSpeakers(cluster, namespace)])
    const second = audit(seen, held.ok ? held.value.claims : undefined)
    return [...second.membership, ...second.owners]
  })
  const disputes = claims === undefined ? [] : checkDisputes(claims, speakers, nowMs)
  const lasting = new Set(found)
  const membership = first.membership.filter((finding) => lasting.has(finding))
  const owners = [...gathered(first.owners.filter((finding) => lasting.has(finding))), ...disputes]
  return [
    ...checkReports(speakers, namespace),
    ...checkKernels(speakers),
    ...(membership.length > 0 ? membership : membershipIsFine(speakers)),
    ...(owners.length > 0 ? owners : ownersAreFine(speakers)),
  ]
}

/** Nothing where nobody wants BGP. */
async function examineBgp(cluster: ClusterReader, { namespace, speakers, bgp, state, nowMs }: DoctorFacts): Promise<readonly Finding[]> {
  const claims = state.ok ? state.value.claims : []
  const found = checkBgpObjects(bgp, claims)
  if (!wantsBgp(bgp, claims)) return found
  const lasting = await seenTwice(cluster, auditSessions(bgp, speakers), async () => {
    const [objects, seen] = await Promise.all([readBgpObjects(cluster), readSpeakers(cluster, namespace)])
    return auditSessions(objects, seen)
  })
  // Where a session is down, that is why.
  const unannounced = found.length + lasting.length > 0 ? [] : checkUnannounced(claims, nowMs)
  const all = [...found, ...lasting, ...unannounced, ...checkBfd(speakers)]
  return all.length > 0 ? all : bgpIsFine(bgp, speakers)
}

async function lookAgain(cluster: ClusterReader, facts: DoctorFacts): Promise<DoctorFacts> {
  if (!looksStale(facts.components.lease, facts.nowMs)) return facts
  await cluster.wait(SECOND_LOOK_MS)
  return { ...facts, leaseAgain: await readLeaseAgain(cluster, facts.namespace) }
}

const TONES: Readonly<Record<Finding['level'], Tone>> = { OK: 'good', WARN: 'warn', FAIL: 'bad' }

const cells = ({ level, check, says, cure }: Finding): readonly Cell[] => [toned(level, TONES[level]), check, says, cure ?? '']

function report(findings: readonly Finding[]): Outcome {
  const failed = findings.some(({ level }) => level === 'FAIL')
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length
  const lines = findings.flatMap((finding): (readonly Cell[])[] => {
    const [level = '', check, says, cure] = cells(finding)
    const head: readonly Cell[] = [level, ' '.repeat(6 - finding.level.length), String(check).padEnd(13), String(says)]
    return cure === '' ? [head] : [head, [' '.repeat(19), toned(`-> ${String(cure)}`, 'dim')]]
  })
  const summary = `${count('OK')} OK, ${count('WARN')} WARN, ${count('FAIL')} FAIL`
  return {
    kind: 'report',
    code: failed ? 1 : 0,
    report: {
      blocks: [
        { kind: 'lines', lines },
        { kind: 'lines', lines: [[summary]] },
      ],
      value: { healthy: !failed, checks: findings },
    },
  }
}

async function run({ words, values, cluster, nowMs }: VerbInput): Promise<Outcome> {
  if (words.length > 0) return misuse(`doctor takes no ${words.join(' ')}`)
  const first = await readDoctorFacts(cluster, values, nowMs)
  const reachable = checkVersion(first)
  if (!first.version.ok && first.version.error.status === 0) return report(reachable)
  const facts = await lookAgain(cluster, first)
  const [ledger, speakers, bgp] = await Promise.all([
    auditTwice(cluster, values, facts),
    examineSpeakers(cluster, facts),
    examineBgp(cluster, facts),
  ])
  const { state } = facts
  const rest = state.ok
    ? [...checkPools(state.value, facts.nodes), ...ledger, ...checkServices(state.value)]
    : [fail('addresses', explainTrouble(state.error))]
  return report([
    ...reachable,
    ...checkDefinitions(facts),
    ...checkRights(facts),
    ...checkWorkloads(facts),
    ...checkLeader(facts),
    ...checkWebhooks(facts),
    ...checkSettings(facts),
    ...checkKubeProxy(facts),
    ...speakers,
    ...bgp,
    ...rest,
  ])
}

export const doctor: Verb = {
  name: 'doctor',
  synopsis: ['doctor [-o json|yaml]'],
  summary: 'looks for what is wrong, and says what to do about it',
  about: `Looks at the API server, the kinds, your rights, the processes, the leader, the webhooks' certificate, the settings, kube-proxy, the Eips,
the ledger (claims without a Service, addresses without a claim, one address on two Services) and the Services that wait. It asks every
speaker, through the API server, what it says of its node's kernel, whom it hears, what it answers for and, where BGP is used, of its
sessions. Reads only.
The code is 1 when there is a FAIL; a WARN is no failure. Contradictions, what speakers do not hear, and sessions that are down
count only when they are still so three seconds later.`,
  flags: ['output'],
  run,
}
