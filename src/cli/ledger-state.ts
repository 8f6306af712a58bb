/** Who has which address, as the API server tells it: the objects that most verbs begin with. */
import { compareIp, type Ip } from '../addr/ip.ts'
import type { AddressRange } from '../addr/range.ts'
import { allocatedCondition } from '../allocator/service-status.ts'
import { type AddressClaimObject, parseClaimName } from '../api/address-claim.ts'
import type { ConfigMapObject, ServiceObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { SETTINGS_CONFIG_MAP } from '../api/names.ts'
import { ADDRESS_CLAIMS, CONFIG_MAPS, EIPS, SERVICES } from '../kube/resources.ts'
import { DEFAULT_SETTINGS, parseSettings, type Settings } from '../policy/settings.ts'
import { attempt, type ClusterReader } from './cluster-reader.ts'
import type { CliValues } from './flags.ts'

export interface LedgerState {
  readonly eips: readonly EipObject[]
  readonly claims: readonly AddressClaimObject[]
  /** What the settings keep from everybody: no Eip gives it. Empty where the settings cannot be read. */
  readonly excluded: readonly AddressRange[]
  /** Those of one namespace where -n was given. */
  readonly services: readonly ServiceObject[]
}

/** The namespace that -n names; undefined for all. */
export const namespaceOf = (values: CliValues): string | undefined =>
  values['all-namespaces'] || values.namespace === '' ? undefined : values.namespace

/** Eips and claims alone. Rejects with the first ApiError. */
export async function readClaims(cluster: ClusterReader): Promise<Pick<LedgerState, 'eips' | 'claims'>> {
  const [eips, claims] = await Promise.all([cluster.list<EipObject>(EIPS), cluster.list<AddressClaimObject>(ADDRESS_CLAIMS)])
  return { eips, claims: inAddressOrder(claims) }
}

/** Without the Services, which are the most. Rejects with the first ApiError. */
export async function readHeld(cluster: ClusterReader, ownNamespace: string): Promise<Omit<LedgerState, 'services'>> {
  const [held, { settings }] = await Promise.all([readClaims(cluster), readSettings(cluster, ownNamespace)])
  return { ...held, excluded: settings.exclude }
}

/** Services are read before claims: a claim whose Service is missing was then not just created. Rejects with the first ApiError. */
export async function readLedgerState(cluster: ClusterReader, values: CliValues): Promise<LedgerState> {
  const services = await cluster.list<ServiceObject>(SERVICES, namespaceOf(values))
  return { services, ...(await readHeld(cluster, values['openelb-namespace'])) }
}

/** The settings of the installation. Those that cannot be read are said to be the default ones, with the reason. */
export async function readSettings(
  cluster: ClusterReader,
  ownNamespace: string,
): Promise<{ readonly settings: Settings; readonly problem?: string }> {
  const read = await attempt(cluster.find<ConfigMapObject>(CONFIG_MAPS, { namespace: ownNamespace, name: SETTINGS_CONFIG_MAP }))
  if (!read.ok) return { settings: DEFAULT_SETTINGS, problem: `ConfigMap ${ownNamespace}/${SETTINGS_CONFIG_MAP} cannot be read` }
  const parsed = parseSettings(read.value?.data)
  return parsed.ok ? { settings: parsed.value } : { settings: DEFAULT_SETTINGS, problem: parsed.error.message }
}

/** The address of a claim; undefined for a name that none of ours has. */
export function claimIp({ metadata }: AddressClaimObject): Ip | undefined {
  const ip = parseClaimName(metadata.name)
  return ip.ok ? ip.value : undefined
}

/** Claims in the order of their addresses; a name sorts as text, an address does not. Those without an address come last. */
export function inAddressOrder(claims: readonly AddressClaimObject[]): readonly AddressClaimObject[] {
  return claims
    .map((claim) => ({ claim, ip: claimIp(claim) }))
    .sort((a, b) =>
      a.ip === undefined || b.ip === undefined ? Number(a.ip === undefined) - Number(b.ip === undefined) : compareIp(a.ip, b.ip),
    )
    .map(({ claim }) => claim)
}

export const nameOfService = ({ metadata }: Pick<ServiceObject, 'metadata'>): string => `${metadata.namespace ?? ''}/${metadata.name}`

/** Whether the Service lacks what it asks for, and the allocator said so. */
export const isWaiting = (service: ServiceObject): boolean => allocatedCondition(service)?.status === 'False'

export const sameIp = (a: Ip, b: Ip): boolean => a.family === b.family && a.value === b.value
