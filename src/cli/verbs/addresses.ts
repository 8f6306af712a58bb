/** `openelb addresses`: every address that somebody holds, and on request those that are kept back. */
import { compareIp, type Ip } from '../../addr/ip.ts'
import { createPoolBook, type PoolBook } from '../../allocator/pools.ts'
import { type AddressClaimObject, holdersText } from '../../api/address-claim.ts'
import { GROUP } from '../../api/group.ts'
import { formatAge } from '../age.ts'
import { announcersOf, claimState } from '../claim-state.ts'
import { type KeptAddress, keptAddresses } from '../kept-addresses.ts'
import { claimIp, type LedgerState, namespaceOf, readHeld } from '../ledger-state.ts'
import { type Cell, type Column, misuse, type Outcome, type Tone, toned, trouble } from '../report.ts'
import type { Verb, VerbInput } from '../verb.ts'

const COLUMNS: readonly Column[] = [
  { title: 'ADDRESS' },
  { title: 'SERVICE' },
  { title: 'EIP' },
  { title: 'PROTOCOL' },
  { title: 'NODE' },
  { title: 'AGE' },
  { title: 'STATE' },
  { title: 'PORTS', wide: true },
  { title: 'OWNED FOR', wide: true },
  { title: 'SAYS', wide: true },
]

/** One line of the list, and one item of its JSON. */
interface AddressLine {
  readonly address: string
  readonly service: string
  readonly eip: string
  readonly protocol: string
  readonly node: string
  /** Since when it is held, RFC 3339; empty when nobody holds it. */
  readonly heldSince: string
  readonly state: string
  readonly ports: readonly string[]
  /** Since when that node announces it. */
  readonly announcedSince: string
  readonly says: string
}

const portsOf = ({ spec }: AddressClaimObject): readonly string[] =>
  spec.holders.flatMap(({ ports }) => ports.map(({ protocol, port }) => `${protocol}/${port}`))

/** RFC 3339 in UTC sorts as text. */
const earliest = (announcers: readonly { readonly since: string }[]): string => announcers.map(({ since }) => since).toSorted()[0] ?? ''

interface ToldLine {
  /** Undefined for a claim with the name of no address: it comes last. */
  readonly ip: Ip | undefined
  readonly line: AddressLine
  readonly tone: Tone
}

function claimLine(claim: AddressClaimObject, pools: PoolBook): ToldLine {
  const { word, message = '', tone } = claimState(claim, pools)
  const line = {
    address: claim.spec.address,
    service: holdersText(claim.spec.holders),
    eip: claim.spec.eip,
    protocol: claim.spec.protocol,
    node: announcersOf(claim),
    heldSince: claim.metadata.creationTimestamp,
    state: word,
    ports: portsOf(claim),
    announcedSince: claim.status?.owner?.since ?? earliest(claim.status?.announcers ?? []),
    says: message,
  }
  return { ip: claimIp(claim), line, tone }
}

const keptLine = ({ ip, address, service, eip, state, says }: KeptAddress): ToldLine => ({
  ip,
  line: { address, service, eip, protocol: '', node: '', heldSince: '', state, ports: [], announcedSince: '', says },
  tone: 'dim',
})

const byAddress = (a: ToldLine, b: ToldLine): number =>
  a.ip === undefined || b.ip === undefined ? Number(a.ip === undefined) - Number(b.ip === undefined) : compareIp(a.ip, b.ip)

const ageOrNone = (since: string, nowMs: number): string => (since === '' ? '' : formatAge(since, nowMs))

const cellsOf = ({ line, tone }: ToldLine, nowMs: number): readonly Cell[] => [
  line.address,
  line.service,
  line.eip,
  line.protocol,
  line.node,
  ageOrNone(line.heldSince, nowMs),
  toned(line.state, tone),
  line.ports.join(','),
  ageOrNone(line.announcedSince, nowMs),
  line.says,
]

/** Claims of an Eip and of a namespace, where these are asked for. */
function chosen(
  { claims }: Pick<LedgerState, 'claims'>,
  pool: string | undefined,
  namespace: string | undefined,
): readonly AddressClaimObject[] {
  return claims.filter(
    ({ spec }) =>
      (pool === undefined || spec.eip === pool) &&
      (namespace === undefined || spec.holders.some((holder) => holder.namespace === namespace)),
  )
}

async function run({ words, values, cluster, nowMs }: VerbInput): Promise<Outcome> {
  const [pool, ...more] = words
  if (more.length > 0) return misuse(`addresses takes one Eip, not ${words.join(' ')}`)
  const state = await readHeld(cluster, values['openelb-namespace'])
  if (
    pool !== undefined &&
    !state.eips.some(({ metadata }) => metadata.name === pool) &&
    !state.claims.some(({ spec }) => spec.eip === pool)
  ) {
    return trouble(`there is no Eip ${pool}`)
  }
  const pools = createPoolBook(state.eips, state.excluded)
  const claims = chosen(state, pool, namespaceOf(values))
  const kept = values.all ? keptAddresses(state) : []
  const told = [
    ...claims.map((claim) => claimLine(claim, pools)),
    ...kept.filter(({ eip }) => pool === undefined || eip === pool).map(keptLine),
  ].toSorted(byAddress)
  return {
    kind: 'report',
    code: 0,
    report: {
      blocks: [{ kind: 'table', table: { columns: COLUMNS, rows: told.map((each) => cellsOf(each, nowMs)) } }],
      value: { items: told.map(({ line }) => line) },
      names: claims.map(({ metadata }) => `addressclaim.${GROUP}/${metadata.name}`),
      ...(told.length === 0 && { note: 'No addresses are held.' }),
    },
  }
}

export const addresses: Verb = {
  name: 'addresses',
  synopsis: ['addresses [EIP] [-n NAMESPACE] [--all] [-o wide|json|yaml|name]'],
  summary: 'every address that is held: by whom, of which Eip, announced from where',
  about: `Lists the address claims, in the order of their addresses. With the name of an Eip only its own; with -n only those of Services of that
namespace. --all adds what nobody holds and nobody gets: reserved, excluded and set aside.
STATE is Announced when clients can reach it; anything else says what stands in the way (-o wide has the sentence).`,
  flags: ['output', 'no-headers', 'namespace', 'all-namespaces', 'all'],
  lists: true,
  run,
}
