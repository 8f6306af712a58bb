/** `openelb status`: the whole installation on one page. */
import { createPoolBook } from '../../allocator/pools.ts'
import { holdersText } from '../../api/address-claim.ts'
import { formatAge } from '../age.ts'
import { PEER_COLUMNS, type PeerLine, peerCells, peerLines } from '../bgp/peer-line.ts'
import { announcersOf, claimState } from '../claim-state.ts'
import { type ComponentLine, componentCells, componentLines, readComponents } from '../components.ts'
import { type LedgerState, namespaceOf, readLedgerState, readSettings } from '../ledger-state.ts'
import { cut, POOL_COLUMNS, type PoolLine, poolCells, poolLines } from '../pool-line.ts'
import { type Block, type Cell, misuse, type Outcome, type Table, toned } from '../report.ts'
import { NODE_COLUMNS, type NodeLine, nodeCells, nodeLines, noNodes } from '../speakers/node-line.ts'
import { readSpeakers } from '../speakers/speakers.ts'
import type { Verb, VerbInput } from '../verb.ts'
import { type WaitingService, waitingServices } from '../waiting.ts'

/** An address that clients cannot reach, or that should not be where it is. */
interface Attention {
  readonly address: string
  readonly service: string
  readonly eip: string
  readonly node: string
  readonly state: string
  readonly says: string
}

interface AddressSummary {
  readonly inUse: number
  readonly announced: number
  readonly attention: readonly Attention[]
}

function summarize({ claims, eips, excluded }: LedgerState, namespace: string | undefined): AddressSummary {
  const pools = createPoolBook(eips, excluded)
  const counted = claims.filter(({ spec }) => namespace === undefined || spec.holders.some((holder) => holder.namespace === namespace))
  const states = counted.map((claim) => ({ claim, state: claimState(claim, pools) }))
  const attention = states
    .filter(({ state }) => state.word !== 'Announced')
    .map(({ claim, state }) => ({
      address: claim.spec.address,
      service: holdersText(claim.spec.holders),
      eip: claim.spec.eip,
      node: announcersOf(claim),
      state: state.word,
      says: state.message ?? '',
    }))
  return { inUse: counted.length, announced: counted.length - attention.length, attention }
}

interface StatusValue {
  readonly components: readonly ComponentLine[]
  readonly pools: readonly PoolLine[]
  readonly services: { readonly loadBalancers: number; readonly waiting: number }
  readonly addresses: AddressSummary
  readonly nodes: readonly NodeLine[]
  readonly bgp: readonly PeerLine[]
  readonly waiting: readonly WaitingService[]
  readonly settings: { readonly adopt: string; readonly problem?: string }
}

const tableOf = (titles: readonly string[], rows: readonly (readonly Cell[])[]): Table => ({
  columns: titles.map((title) => ({ title })),
  rows,
})

const attentionCells = ({ address, service, eip, node, state, says }: Attention): readonly Cell[] => [
  address,
  service,
  eip,
  node,
  toned(state, 'warn'),
  cut(says),
]

function serviceLines({ services, addresses, settings }: StatusValue): Extract<Block, { kind: 'lines' }>['lines'] {
  return [
    [`${services.loadBalancers} of type LoadBalancer, `, toned(`${services.waiting} waiting`, services.waiting > 0 ? 'warn' : undefined)],
    [`${addresses.inUse} ${addresses.inUse === 1 ? 'address' : 'addresses'} in use, ${addresses.announced} announced`],
    [`adopted: ${settings.adopt}${settings.problem === undefined ? '' : ` (${settings.problem})`}`],
  ]
}

function blocksOf(value: StatusValue, { nobody, nowMs, wide }: { nobody: string; nowMs: number; wide: boolean }): readonly Block[] {
  const waitingCells = ({ service, reason, since, message }: WaitingService): readonly Cell[] => [
    service,
    toned(reason, 'warn'),
    formatAge(since, nowMs),
    wide ? message : cut(message),
  ]
  const { attention } = value.addresses
  return [
    { kind: 'table', title: 'Components', table: tableOf(['COMPONENT', 'READY', 'STATE'], value.components.map(componentCells)) },
    {
      kind: 'table',
      title: 'Pools',
      table: { columns: POOL_COLUMNS, rows: value.pools.map(poolCells) },
      ifEmpty: 'none: create an Eip, as docs/crds.md shows',
    },
    { kind: 'lines', title: 'Services', lines: serviceLines(value) },
    {
      kind: 'table',
      title: 'Layer 2',
      table: { columns: NODE_COLUMNS, rows: value.nodes.map((line) => nodeCells(wide ? line : { ...line, says: cut(line.says) })) },
      ifEmpty: nobody,
    },
    {
      kind: 'table',
      title: 'BGP',
      table: { columns: PEER_COLUMNS, rows: value.bgp.map((line) => peerCells(wide ? line : { ...line, says: cut(line.says) })) },
    },
    {
      kind: 'table',
      title: 'Addresses that want attention',
      table: tableOf(['ADDRESS', 'SERVICE', 'EIP', 'NODE', 'STATE', 'SAYS'], attention.map(attentionCells)),
    },
    {
      kind: 'table',
      title: 'Waiting Services',
      table: tableOf(['SERVICE', 'REASON', 'SINCE', 'MESSAGE'], value.waiting.map(waitingCells)),
    },
  ]
}

async function run({ words, values, cluster, nowMs }: VerbInput): Promise<Outcome> {
  if (words.length > 0) return misuse(`status takes no ${words.join(' ')}; see openelb status --help`)
  const own = values['openelb-namespace']
  const [state, installed, { settings, problem }, speakers] = await Promise.all([
    readLedgerState(cluster, values),
    readComponents(cluster, own),
    readSettings(cluster, own),
    readSpeakers(cluster, own),
  ])
  const waiting = waitingServices(state.services)
  const balanced = state.services.filter(({ spec }) => spec.type === 'LoadBalancer')
  const value: StatusValue = {
    components: componentLines(installed, nowMs),
    pools: poolLines(state),
    services: { loadBalancers: balanced.length, waiting: waiting.length },
    addresses: summarize(state, namespaceOf(values)),
    nodes: nodeLines(
      state.claims.filter(({ spec }) => spec.protocol === 'layer2'),
      speakers,
    ),
    bgp: peerLines(speakers),
    waiting,
    settings: { adopt: settings.adopt, ...(problem !== undefined && { problem }) },
  }
  return {
    kind: 'report',
    code: 0,
    report: { blocks: blocksOf(value, { nobody: noNodes(speakers), nowMs, wide: values.output === 'wide' }), value },
  }
}

export const status: Verb = {
  name: 'status',
  synopsis: ['status [-n NAMESPACE] [-o wide|json|yaml]'],
  summary: 'components, pools, nodes, addresses that want attention, Services that wait and why',
  about: `Shows the installation on one page: whether allocator, webhook and speakers are there, who leads, when the certificate ends; the Eips;
the nodes that answer by layer 2, who hears them and what is wrong with them; the routers of BGP; addresses that are held and not announced; Services that
wait, with the reason (whole with -o wide). What you may not read is said to be unknown. The code is 0 whatever it shows: openelb doctor is
for scripts.`,
  flags: ['output', 'no-headers', 'namespace', 'all-namespaces'],
  run,
}
