/** What the speakers say of themselves: their nodes' kernels, and whom they hear. */
import type { Finding as PreflightFinding } from '../../speaker/speaker-report.ts'
import { witnesses } from '../speakers/membership-view.ts'
import { isReport, type Speakers, speaking } from '../speakers/speakers.ts'
import { shortTrouble } from '../trouble.ts'
import { counted, type Finding, fail, fine, someOf, warn } from './finding.ts'

const RIGHTS = 'ask an administrator: docs/cli.md has the rights'

/** Whose report could be read; nothing where there are no speakers, which is another check's finding. */
export function checkReports(speakers: Speakers, namespace: string): readonly Finding[] {
  const { all, trouble } = speakers
  if (trouble !== undefined) return [warn('speakers', `their Pods cannot be listed: ${shortTrouble(trouble)}`, RIGHTS)]
  const silent = all.flatMap(({ node, report }) => (isReport(report) ? [] : [{ node, ...report }]))
  const findings = [...Map.groupBy(silent, ({ says }) => says)].map(([says, alike]) => {
    const look = `kubectl -n ${namespace} get pods -l component=speaker -o wide; docs/operations.md, "The report"`
    return warn('speakers', `${nodesOf(alike)}: ${says}`, alike[0]?.kind === 'forbidden' ? RIGHTS : look)
  })
  if (all.length === 0) return []
  const told = speaking(speakers).length
  return told === all.length ? [fine('speakers', `${counted(told, 'report')} read`)] : findings
}

const nodesOf = (alike: readonly { readonly node: string }[]): string => someOf(alike.map(({ node }) => node))

const LEVEL = { warning: warn, error: fail } as const

/** What the nodes' kernels and kube-proxy do to layer 2, nodes of one trouble in one line. */
export function checkKernels(speakers: Speakers): readonly Finding[] {
  const told = speaking(speakers)
  const problems = told.flatMap(({ node, report }) => report.preflight.map((finding) => ({ node, finding })))
  const alike = Map.groupBy(problems, ({ finding: { severity, message } }) => `${severity} ${message}`)
  const findings = [...alike.values()].flatMap((group) => ofNodes(group))
  if (findings.length > 0) return findings
  return told.length === 0 ? [] : [fine('nodes', `nothing on ${counted(told.length, 'node')} spoils layer 2`)]
}

function ofNodes(group: readonly { readonly node: string; readonly finding: PreflightFinding }[]): readonly Finding[] {
  const [first] = group
  if (first === undefined || first.finding.severity === 'ok') return []
  const { severity, message, cure } = first.finding
  return [LEVEL[severity]('nodes', `${nodesOf(group)}: ${message}`, cure)]
}

const NO_KEY =
  'kubectl -n NAMESPACE create secret generic memberlist --from-literal=key="$(head -c 32 /dev/urandom | base64)", or, when it exists, what the log of the speaker says of it'
const KEY_THERE = 'the log of the speaker says why: it may not read the Secret memberlist, or port 7946 is taken on its node'
const OPEN_PORT =
  'port 7946 (UDP and TCP) must be open between the nodes, and Secret memberlist the same for all: see the logs of the speakers'

/**
 * What membership lacks, each in a sentence that stays the same while the trouble does: the caller looks twice, because a speaker that
 * starts or leaves looks like that for a moment.
 */
export function auditMembership(speakers: Speakers, namespace: string): readonly Finding[] {
  const told = speaking(speakers)
  const heard = witnesses(speakers)
  const off = told.filter(({ report }) => report.membership === undefined)
  const cure = NO_KEY.replace('NAMESPACE', namespace)
  if (off.length > 0 && heard.length === 0) {
    const says = 'it is off, for want of a key: a dead node is noticed by Kubernetes alone, by default after 40 s'
    return [warn('membership', says, cure)]
  }
  return [
    ...(off.length === 0 ? [] : [fail('membership', `${nodesOf(off)}: the speaker has no key, and the others have one`, KEY_THERE)]),
    ...heard.flatMap(({ node, membership }) => sideOf(node, membership)),
    ...deafness(speakers),
  ]
}

function sideOf(node: string, { settled, quorum, members }: ReturnType<typeof witnesses>[number]['membership']): readonly Finding[] {
  if (!settled)
    return [warn('membership', `${node} has not heard the others yet, and takes nothing over`, 'wait a second; else see its log')]
  if (quorum !== 'minority' && quorum !== 'one-of-two') return []
  const alive = members.filter((member) => member.alive).length
  const says = `${node} hears ${alive} of ${members.length} speakers, itself included`
  if (quorum === 'minority') return [fail('membership', `${says}: no majority, so it takes nothing over`, OPEN_PORT)]
  return [warn('membership', `${says}: it takes over only while it reaches the API server`, OPEN_PORT)]
}

/** Speakers that others do not hear, and those that say that they cannot answer. */
function deafness(speakers: Speakers): readonly Finding[] {
  const known = witnesses(speakers).flatMap(({ node: by, membership }) => membership.members.map((member) => ({ by, member })))
  const running = new Set(speaking(speakers).map(({ node }) => node))
  return [...Map.groupBy(known, ({ member }) => member.node)].flatMap(([node, views]): readonly Finding[] => {
    const deaf = views.filter(({ by, member }) => by !== node && !member.alive)
    const idle = views.some(({ member }) => member.alive && !member.serving)
    if (deaf.length > 0) {
      const by = someOf(deaf.map((view) => view.by))
      const isHeard = deaf.every(({ member }) => member.fault === 'never-heard') ? 'has never been heard' : 'is not heard'
      return running.has(node)
        ? [fail('membership', `${node} runs, and ${isHeard} by ${by}`, OPEN_PORT)]
        : [warn('membership', `${node} ${isHeard} by ${by}, and does not answer here either`, `look at node ${node} and its speaker Pod`)]
    }
    return idle
      ? [warn('membership', `${node} says that it cannot answer on the wire now`, `see the log and /readyz of the speaker on ${node}`)]
      : []
  })
}

/** That all is well, where it is. */
export function membershipIsFine(speakers: Speakers): readonly Finding[] {
  const { length } = witnesses(speakers)
  return length === 0
    ? []
    : [fine('membership', length === 1 ? 'one speaker, and no other to hear' : `${length} speakers hear one another`)]
}
