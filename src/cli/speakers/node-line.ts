/** One speaker in one line: what it answers for, who hears it, and whom it hears. */
import type { AddressClaimObject } from '../../api/address-claim.ts'
import { type Cell, type Column, toned } from '../report.ts'
import { shortTrouble } from '../trouble.ts'
import { type Witness, witnesses } from './membership-view.ts'
import { isReport, type Speaker, type Speakers } from './speakers.ts'

export interface NodeLine {
  readonly node: string
  /** Addresses whose claim names the node. */
  readonly owned: number
  /** Those that its speaker says it answers for; absent where it could not be asked. */
  readonly answered?: number
  /** `2/2`: how many of the others that could be asked hear it. Empty where nobody says. */
  readonly heardBy: string
  /** Which side it hears: `majority`, `minority`, `one-of-two`, `alone`; `off` without a key; `unknown`. */
  readonly quorum: string
  /** Errors and warnings about its kernel. */
  readonly problems: number
  /** Empty when all is well. */
  readonly says: string
}

export const NODE_COLUMNS: readonly Column[] = [
  { title: 'NODE' },
  { title: 'OWNS' },
  { title: 'ANSWERS' },
  { title: 'HEARD BY' },
  { title: 'QUORUM' },
  { title: 'PROBLEMS' },
  { title: 'SAYS' },
]

/** The lines of all nodes that have a speaker or own something, by their names. */
export function nodeLines(claims: readonly AddressClaimObject[], speakers: Speakers): readonly NodeLine[] {
  const owned = Map.groupBy(claims, ({ status }) => status?.owner?.node ?? '')
  const byNode = new Map(speakers.all.map((speaker) => [speaker.node, speaker]))
  const heard = witnesses(speakers)
  const names = [...new Set([...byNode.keys(), ...owned.keys()])].filter((name) => name !== '').sort()
  const { trouble } = speakers
  const why = trouble === undefined ? 'it has no speaker Pod' : `its speaker is unknown: ${shortTrouble(trouble)}`
  return names.map((node) => lineOf(node, owned.get(node)?.length ?? 0, byNode.get(node) ?? why, heard))
}

/** `speaker` is a sentence where there is none. */
function lineOf(node: string, owned: number, speaker: Speaker | string, heard: readonly Witness[]): NodeLine {
  const views = heard.flatMap(({ node: by, membership }) =>
    by === node ? [] : membership.members.filter((member) => member.node === node),
  )
  const alive = views.filter((member) => member.alive).length
  const about = { node, owned, heardBy: views.length === 0 ? '' : `${alive}/${views.length}` }
  if (typeof speaker === 'string') return { ...about, quorum: 'unknown', problems: 0, says: speaker }
  const { report } = speaker
  if (!isReport(report)) return { ...about, quorum: 'unknown', problems: 0, says: report.says }
  const { membership, addresses, preflight } = report
  const problems = preflight.filter(({ severity }) => severity !== 'ok')
  const says = [
    ...(membership?.settled === false ? ['it has only begun to listen'] : []),
    ...(alive < views.length ? ['not all hear it'] : []),
    ...problems.map(({ message }) => message),
  ]
  return { ...about, answered: addresses.length, quorum: membership?.quorum ?? 'off', problems: problems.length, says: says.join('; ') }
}

const LONELY: ReadonlySet<string> = new Set(['minority', 'one-of-two', 'off', 'unknown'])

/** The cells of NODE_COLUMNS. */
export const nodeCells = ({ node, owned, answered, heardBy, quorum, problems, says }: NodeLine): readonly Cell[] => [
  node,
  String(owned),
  answered === undefined ? '' : toned(String(answered), answered === owned ? undefined : 'warn'),
  heardBy,
  toned(quorum, LONELY.has(quorum) ? 'warn' : 'good'),
  toned(String(problems), problems > 0 ? 'warn' : undefined),
  says,
]

/** Where there is no table: why. */
export const noNodes = ({ trouble }: Speakers): string =>
  trouble === undefined ? 'there is no speaker Pod' : `unknown: ${shortTrouble(trouble)} (the Pods of the speakers)`
