import { type AddressClaimObject, parseClaimName } from '../api/address-claim.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { ALLOCATED_CONDITION } from '../api/service-annotations.ts'
import { formatTable } from './table.ts'

const LONGEST_SAYING = 160

/** What `openelb status` reads. */
export interface ClusterState {
  readonly eips: readonly EipObject[]
  readonly claims: readonly AddressClaimObject[]
  readonly services: readonly ServiceObject[]
}

/** Pools, the addresses in use, and the Services that wait with their reasons, as three tables. */
export function formatStatus(state: ClusterState): string {
  return [
    section('Pools', ['NAME', 'ADDRESS', 'PROTOCOL', 'USED', 'TOTAL', 'READY', 'REASON'], state.eips.map(poolRow)),
    section('Addresses', ['ADDRESS', 'SERVICE', 'EIP', 'PROTOCOL', 'NODE', 'SAYS'], inOrder(state.claims).map(claimRow)),
    section('Waiting Services', ['SERVICE', 'REASON', 'MESSAGE'], state.services.flatMap(waitingRow)),
  ].join('\n\n')
}

function section(title: string, header: readonly string[], rows: readonly (readonly string[])[]): string {
  return `${title}\n${rows.length === 0 ? 'none' : formatTable(header, rows)}`
}

function poolRow({ metadata, spec, status }: EipObject): string[] {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  const total = status?.capacity ?? String(status?.poolSize ?? 'unknown')
  const reason = ready === undefined || ready.reason === 'Active' ? '' : `${ready.reason}: ${ready.message}`
  return [metadata.name, spec.address, spec.protocol ?? 'bgp', String(status?.usage ?? 0), total, ready?.status ?? 'Unknown', reason]
}

function claimRow({ spec, status }: AddressClaimObject): string[] {
  const holders = spec.holders.map(({ namespace, name }) => `${namespace}/${name}`).join(';')
  const said = status?.conditions?.filter((condition) => condition.type !== 'Announced' || condition.status !== 'True') ?? []
  return [
    spec.address,
    holders,
    spec.eip,
    spec.protocol,
    status?.owner?.node ?? '',
    said.map(({ reason, message }) => cut(`${reason}: ${message}`)).join('; '),
  ]
}

/** `openelb explain` has the whole text; it may name every node. */
const cut = (text: string): string => (text.length > LONGEST_SAYING ? `${text.slice(0, LONGEST_SAYING)}...` : text)

/** Claims in the order of their addresses; a name sorts as text, an address does not. */
function inOrder(claims: readonly AddressClaimObject[]): AddressClaimObject[] {
  const key = ({ metadata }: AddressClaimObject): string => {
    const ip = parseClaimName(metadata.name)
    return ip.ok ? `${ip.value.family}${ip.value.value.toString(16).padStart(32, '0')}` : metadata.name
  }
  return claims
    .map((claim) => ({ claim, key: key(claim) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ claim }) => claim)
}

function waitingRow({ metadata, status }: ServiceObject): string[][] {
  const condition = status?.conditions?.find(({ type }) => type === ALLOCATED_CONDITION)
  if (condition?.status !== 'False') return []
  return [[`${metadata.namespace}/${metadata.name}`, condition.reason, condition.message]]
}
