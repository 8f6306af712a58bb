/** `openelb move`: hands layer 2 addresses over to another node. */
import { formatIp, type Ip, parseIp } from '../../addr/ip.ts'
import { type AddressClaimObject, claimName, holdersText } from '../../api/address-claim.ts'
import type { NodeObject, ServiceObject } from '../../api/core-objects.ts'
import type { EipObject } from '../../api/eip.ts'
import { ADDRESS_CLAIMS, EIPS, NODES, SERVICES } from '../../kube/resources.ts'
import type { Result } from '../../result.ts'
import { formatDuration } from '../../runtime/duration.ts'
import type { ClusterReader } from '../cluster-reader.ts'
import { inAddressOrder } from '../ledger-state.ts'
import { carryOut, type Ended } from '../move/carry-out.ts'
import { type Planned, planMove } from '../move/plan.ts'
import { type Cell, type Column, misuse, type Outcome, toned, trouble } from '../report.ts'
import { candidateRule, readSlicesFor } from '../speakers/candidates.ts'
import { readSpeakers } from '../speakers/speakers.ts'
import type { Verb, VerbInput } from '../verb.ts'

const USAGE = 'write: openelb move ADDRESS --to NODE, or openelb move --all --from NODE [--to NODE]'

const COLUMNS: readonly Column[] = [
  { title: 'ADDRESS' },
  { title: 'SERVICE' },
  { title: 'BEFORE' },
  { title: 'AFTER' },
  { title: 'EPOCH' },
  { title: 'TOOK' },
  { title: 'RESULT' },
]

/** One line, and one item of the JSON. */
interface MoveLine {
  readonly address: string
  readonly service: string
  /** Who owned it before, and owns it after. Empty for nobody. */
  readonly before: string
  readonly after: string
  readonly epochBefore?: number
  readonly epochAfter?: number
  readonly tookMs?: number
  readonly result: 'moved' | 'refused' | 'not-moved'
  readonly says: string
}

/** The addresses of the words, each of which may be a list by commas; a sentence for what is none. */
function readAddresses(words: readonly string[]): Result<readonly Ip[], string> {
  const ips = new Map<string, Ip>()
  for (const text of words.flatMap((word) => word.split(','))) {
    const ip = parseIp(text)
    if (!ip.ok) return { ok: false, error: ip.error.message }
    ips.set(formatIp(ip.value), ip.value)
  }
  return { ok: true, value: [...ips.values()] }
}

/** Why the flags do not go with the words; undefined when they do. */
function misused({ words, values }: VerbInput): string | undefined {
  if (values.all) return words.length > 0 || values.from === '' ? USAGE : undefined
  return words.length === 0 || values.to === '' ? USAGE : undefined
}

async function run(input: VerbInput): Promise<Outcome> {
  const wrong = misused(input)
  if (wrong !== undefined) return misuse(wrong)
  const addresses = readAddresses(input.words)
  if (!addresses.ok) return misuse(addresses.error)
  const { cluster, values } = input
  const chosen = values.all ? await ownedBy(cluster, values.from) : await claimsOf(cluster, addresses.value)
  if (!chosen.ok) return trouble(chosen.error)
  if (chosen.value.length === 0) return report([], { note: `${values.from} owns no address.` })
  const planned = await plan(input, chosen.value)
  const refused = planned.flatMap((one) => (one.ok ? [] : [one]))
  // Of addresses that are named, all move or none.
  if (!values.all && refused.length > 0) return trouble(refused.map(({ why }) => why).join('; '))
  return moveAll(input, planned)
}

async function ownedBy(cluster: ClusterReader, node: string): Promise<Result<readonly AddressClaimObject[], string>> {
  const claims = await cluster.list<AddressClaimObject>(ADDRESS_CLAIMS)
  return { ok: true, value: inAddressOrder(claims.filter(({ status }) => status?.owner?.node === node)) }
}

async function claimsOf(cluster: ClusterReader, ips: readonly Ip[]): Promise<Result<readonly AddressClaimObject[], string>> {
  const claims: AddressClaimObject[] = []
  for (const ip of ips) {
    const claim = await cluster.find<AddressClaimObject>(ADDRESS_CLAIMS, { name: claimName(ip) })
    if (claim === undefined) return { ok: false, error: `nobody holds ${formatIp(ip)}` }
    claims.push(claim)
  }
  return { ok: true, value: claims }
}

/** More holders than these are read by one list. */
const MOST_SINGLE = 16

async function servicesOf(cluster: ClusterReader, claims: readonly AddressClaimObject[]): Promise<readonly ServiceObject[]> {
  const holders = new Map(
    claims.flatMap(({ spec }) => spec.holders.map(({ namespace, name }) => [`${namespace}/${name}`, { namespace, name }])),
  )
  if (holders.size > MOST_SINGLE) return cluster.list<ServiceObject>(SERVICES)
  const found = await Promise.all([...holders.values()].map((ref) => cluster.find<ServiceObject>(SERVICES, ref)))
  return found.flatMap((service) => service ?? [])
}

/** What cannot be read ends it: a move wants to know. */
async function plan({ cluster, values }: VerbInput, claims: readonly AddressClaimObject[]): Promise<readonly Planned[]> {
  const services = await servicesOf(cluster, claims)
  const [nodes, read, eips, speakers] = await Promise.all([
    cluster.list<NodeObject>(NODES),
    readSlicesFor(cluster, claims, services),
    cluster.list<EipObject>(EIPS),
    readSpeakers(cluster, values['openelb-namespace']),
  ])
  if (speakers.trouble !== undefined) throw speakers.trouble
  if (read?.ok === false) throw read.error
  const slices = read?.value
  const wanted = { to: values.to === '' ? undefined : values.to, from: values.from === '' ? undefined : values.from }
  const candidates = candidateRule({ nodes, services, eips, slices, speakers })
  return claims.map((claim) => planMove(claim, wanted, candidates(claim)))
}

async function moveAll({ cluster, values, person }: VerbInput, planned: readonly Planned[]): Promise<Outcome> {
  const moves = planned.flatMap((one) => (one.ok ? [one.move] : []))
  const [first] = moves
  if (first !== undefined)
    person.say(
      moves.length === 1 ? `asking ${first.to} to take ${first.claim.spec.address} from ${first.from}` : `asking for ${moves.length} moves`,
    )
  const ended = await carryOut(cluster, moves, values.wait, person)
  const byClaim = new Map(ended.map((one) => [one.move.claim, one]))
  return report(
    planned.map((one) => {
      const end = one.ok ? byClaim.get(one.move.claim) : undefined
      return end === undefined ? refusedLine(one) : endedLine(end, values.wait)
    }),
  )
}

const describe = ({ spec, status }: AddressClaimObject) => ({
  address: spec.address,
  service: holdersText(spec.holders),
  before: status?.owner?.node ?? '',
  ...(status?.owner !== undefined && { epochBefore: status.owner.epoch }),
})

function refusedLine(planned: Planned): MoveLine {
  const claim = planned.ok ? planned.move.claim : planned.claim
  return { ...describe(claim), after: claim.status?.owner?.node ?? '', result: 'refused', says: planned.ok ? '' : planned.why }
}

function endedLine({ move, end, tookMs }: Ended, waitMs: number): MoveLine {
  const about = describe(move.claim)
  const not = (after: string, says: string): MoveLine => ({ ...about, after, result: 'not-moved', says })
  switch (end.kind) {
    case 'moved':
      return { ...about, after: move.to, epochAfter: end.epoch, tookMs: Math.round(tookMs), result: 'moved', says: '' }
    case 'waiting':
      return not(
        move.from,
        `${move.to} did not take it within ${formatDuration(waitMs)}, and the wish is taken back: see the log of its speaker`,
      )
    case 'elsewhere':
      return { ...not(end.node, `${end.node} took it meanwhile`), epochAfter: end.epoch }
    case 'unowned':
      return not('', `${move.from} gave it up and nobody has taken it yet: see openelb explain address ${about.address}`)
    case 'gone':
      return not('', 'its Service released it meanwhile')
    case 'failed':
      return not(move.from, end.why)
  }
}

const cells = ({ address, service, before, after, epochBefore, epochAfter, tookMs, result, says }: MoveLine): readonly Cell[] => [
  address,
  service,
  before,
  after,
  epochAfter === undefined ? String(epochBefore ?? '') : `${epochBefore} -> ${epochAfter}`,
  tookMs === undefined ? '' : `${tookMs} ms`,
  result === 'moved' ? toned('moved', 'good') : toned(`${result === 'refused' ? 'refused' : 'not moved'}: ${says}`, 'bad'),
]

function report(lines: readonly MoveLine[], { note }: { readonly note?: string } = {}): Outcome {
  return {
    kind: 'report',
    code: lines.every(({ result }) => result === 'moved') ? 0 : 1,
    report: {
      blocks: [{ kind: 'table', table: { columns: COLUMNS, rows: lines.map(cells) } }],
      value: { items: lines },
      ...(note !== undefined && { note }),
    },
  }
}

export const move: Verb = {
  name: 'move',
  synopsis: ['move ADDRESS... --to NODE [--wait 10s] [-o json]', 'move --all --from NODE [--to NODE] [--wait 10s] [-o json]'],
  summary: 'hands layer 2 addresses over to another node, without a gap',
  about: `Asks another node to take over addresses that a node answers for, and waits until the claims say so. The new owner announces before the
old one is silent. Several addresses are separated by blanks or commas; of addresses that are named, all are asked for or none. --all takes
every address of a node, before it is drained; without --to each goes to the first node of its own queue.
Refused with the reason: a node that may not own the address, or owns it already; an address that nobody owns, or that is not of layer2.
The wish is the annotation openelb.io/move of the claim; what is not fulfilled within --wait is taken back. The code is 0 when all moved.`,
  flags: ['to', 'from', 'all', 'wait', 'output', 'no-headers'],
  run,
}
