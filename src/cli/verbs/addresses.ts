/** `openelb addresses`: every address that somebody holds, and on request those that are kept back. */
import { createPoolBook, type PoolBook } from '../../allocator/pools.ts'
import { type AddressClaimObject, holdersText } from '../../api/address-claim.ts'
import { GROUP } from '../../api/group.ts'
import { formatAge } from '../age.ts'
import { announcersOf, claimState } from '../claim-state.ts'
import { type KeptAddress, keptAddresses } from '../kept-addresses.ts'
import { type LedgerState, namespaceOf, readLedgerState, readSettings } from '../ledger-state.ts'
import { type Cell, type Column, misuse, type Outcome, toned, trouble } from '../report.ts'
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
  { title: 'SINCE', wide: true },
  { title: 'SAYS', wide: true },
]

/** One line of the list, and one item of its JSON. */
interface AddressLine {
  readonly address: string
  readonly service: string
  readonly eip: string
  readonly protocol: string
  readonly node: string
  readonly age: string
  readonly state: string
  readonly ports: string
  readonly since: string
  readonly says: string
}

const portsOf = ({ spec }: AddressClaimObject): string =>
  spec.holders.flatMap(({ ports }) => ports.map(({ protocol, port }) => `${protocol}/${port}`)).join(',')

function claimLine(
  claim: AddressClaimObject,
  pools: PoolBook,
  nowMs: number,
): { readonly line: AddressLine; readonly cells: readonly Cell[] } {
  const { word, message = '', tone } = claimState(claim, pools)
  const { owner } = claim.status ?? {}
  const line: AddressLine = {
    address: claim.spec.address,
    service: holdersText(claim.spec.holders),
    eip: claim.spec.eip,
    protocol: claim.spec.protocol,
    node: announcersOf(claim),
    age: formatAge(claim.metadata.creationTimestamp, nowMs),
    state: word,
    ports: portsOf(claim),
    since: owner === undefined ? '' : formatAge(owner.since, nowMs),
    says: message,
  }
  return { line, cells: cellsOf(line, tone) }
}

const cellsOf = (line: AddressLine, tone: Parameters<typeof toned>[1]): readonly Cell[] => [
  line.address,
  line.service,
  line.eip,
  line.protocol,
  line.node,
  line.age,
  toned(line.state, tone),
  line.ports,
  line.since,
  line.says,
]

const keptLine = (kept: KeptAddress): AddressLine => ({
  address: kept.address,
  service: kept.service,
  eip: kept.eip,
  protocol: '',
  node: '',
  age: '',
  state: kept.state,
  ports: '',
  since: '',
  says: kept.says,
})

/** Claims of an Eip and of a namespace, where these are asked for. */
function chosen({ claims }: LedgerState, pool: string | undefined, namespace: string | undefined): readonly AddressClaimObject[] {
  return claims.filter(
    ({ spec }) =>
      (pool === undefined || spec.eip === pool) &&
      (namespace === undefined || spec.holders.some((holder) => holder.namespace === namespace)),
  )
}

async function run({ words, values, cluster, nowMs }: VerbInput): Promise<Outcome> {
  const [pool, ...more] = words
  if (more.length > 0) return misuse(`addresses takes one Eip, not ${words.join(' ')}`)
  const state = await readLedgerState(cluster, values)
  if (
    pool !== undefined &&
    !state.eips.some(({ metadata }) => metadata.name === pool) &&
    !state.claims.some(({ spec }) => spec.eip === pool)
  ) {
    return trouble(`there is no Eip ${pool}`)
  }
  const pools = createPoolBook(state.eips)
  const claims = chosen(state, pool, namespaceOf(values))
  const held = claims.map((claim) => claimLine(claim, pools, nowMs))
  const { settings } = values.all ? await readSettings(cluster, values['openelb-namespace']) : { settings: undefined }
  const kept = values.all
    ? keptAddresses(state, pools, settings?.exclude ?? []).filter(({ eip }) => pool === undefined || eip === pool)
    : []
  const lines = [...held.map(({ line }) => line), ...kept.map(keptLine)]
  return {
    kind: 'report',
    code: 0,
    report: {
      blocks: [
        {
          kind: 'table',
          table: { columns: COLUMNS, rows: [...held.map(({ cells }) => cells), ...kept.map((each) => cellsOf(keptLine(each), 'dim'))] },
        },
      ],
      value: { items: lines },
      names: claims.map(({ metadata }) => `addressclaim.${GROUP}/${metadata.name}`),
      ...(lines.length === 0 && { note: 'No addresses are held.' }),
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
