/** `openelb doctor`: what is wrong, and what to do about it. */

import { attempt, type ClusterReader } from '../cluster-reader.ts'
import { checkDefinitions, checkRights, checkVersion } from '../doctor/check-api.ts'
import { checkLeader, checkWebhooks, checkWorkloads, looksStale } from '../doctor/check-components.ts'
import { auditLedger } from '../doctor/check-ledger.ts'
import { checkKubeProxy, checkSettings } from '../doctor/check-network.ts'
import { checkPools, checkServices } from '../doctor/check-pools.ts'
import { type DoctorFacts, readDoctorFacts, readLeaseAgain } from '../doctor/facts.ts'
import { counted, type Finding, fail, orFine } from '../doctor/finding.ts'
import type { CliValues } from '../flags.ts'
import { readLedgerState } from '../ledger-state.ts'
import { type Cell, misuse, type Outcome, type Tone, toned } from '../report.ts'
import { explainTrouble } from '../trouble.ts'
import type { Verb, VerbInput } from '../verb.ts'

/** Longer than the two and a half seconds between two renewals of a Lease. */
const SECOND_LOOK_MS = 3000

/** Contradictions that two looks saw. The lists of one look are not of one moment. */
async function auditTwice(cluster: ClusterReader, values: CliValues, facts: DoctorFacts): Promise<readonly Finding[]> {
  if (!facts.state.ok) return []
  const first = auditLedger(facts.state.value, facts.nowMs)
  const total = facts.state.value.claims.length
  if (first.length === 0) return orFine([], 'ledger', `${counted(total, 'claim')}, no contradiction`)
  await cluster.wait(SECOND_LOOK_MS)
  const again = await attempt(readLedgerState(cluster, values))
  const seen = new Set((again.ok ? auditLedger(again.value, facts.nowMs + SECOND_LOOK_MS) : first).map(({ says }) => says))
  return orFine(
    first.filter(({ says }) => seen.has(says)),
    'ledger',
    `${counted(total, 'claim')}, no contradiction that lasts`,
  )
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
  const ledger = await auditTwice(cluster, values, facts)
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
    ...rest,
  ])
}

export const doctor: Verb = {
  name: 'doctor',
  synopsis: ['doctor [-o json|yaml]'],
  summary: 'looks for what is wrong, and says what to do about it',
  about: `Looks at the API server, the kinds, your rights, the processes, the leader, the webhooks' certificate, the settings, kube-proxy, the Eips,
the ledger (claims without a Service, addresses without a claim, one address on two Services) and the Services that wait. Reads only.
The code is 1 when there is a FAIL; a WARN is no failure. Contradictions count only when they are still there three seconds later.`,
  flags: ['output'],
  run,
}
