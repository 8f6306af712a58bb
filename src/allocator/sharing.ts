/**
 * Who may hold one address together. A newcomer is checked against what the claim says of those who hold it, so that whoever changes must
 * leave, and nobody loses an address by what another one does.
 */
import type { Holder } from '../api/address-claim.ts'
import type { Refusal, SharingObstacle } from '../policy/refusal.ts'
import { type Holding, holderOf } from './ledger.ts'
import { serviceKey } from './service-key.ts'

type Obstacle = SharingObstacle | 'unshared' | undefined

/** Inside one namespace it is enough to ask for the same address, as in OpenELB; across namespaces both must state the same key. */
function consent(own: Holder, other: Holder): Obstacle {
  if (own.sharing !== other.sharing) return 'key'
  return own.sharing === undefined && own.namespace !== other.namespace ? 'unshared' : undefined
}

/** Traffic of a Local Service reaches only nodes with its Pods, and one node answers for the address. */
function policies(own: Holder, other: Holder): Obstacle {
  if ((own.backend === undefined) !== (other.backend === undefined)) return 'policy'
  return own.backend === other.backend ? undefined : 'selector'
}

/** The first port that both use, such as `TCP/80`. */
function commonPort(own: Holder, other: Holder): string | undefined {
  const used = new Set(other.ports.map(({ protocol, port }) => `${protocol}/${port}`))
  return own.ports.map(({ protocol, port }) => `${protocol}/${port}`).find((port) => used.has(port))
}

/**
 * Why a Service, by its entry `own`, may not hold the address beside those who hold it; undefined when it may. `isRecorded` is set for what
 * OpenELB recorded as shared: then only a common port stands against it.
 */
export function sharingRefusal(own: Holder, holding: Holding, isRecorded = false): Refusal | undefined {
  const { address } = holding
  for (const other of holding.claim.spec.holders) {
    if (other.uid === own.uid) continue
    const by = serviceKey(other)
    const obstacle = isRecorded ? undefined : (consent(own, other) ?? policies(own, other))
    if (obstacle === 'unshared') return { code: 'AddressTaken', address, by }
    if (obstacle !== undefined) return { code: 'SharingRefused', address, by, why: obstacle }
    const port = commonPort(own, other)
    if (port !== undefined) return { code: 'PortClash', address, by, port }
  }
  return undefined
}

/** Whether anybody else holds the address. */
export const hasOthers = (holding: Holding, uid: string): boolean =>
  holding.claim.spec.holders.length > (holderOf(holding, uid) === undefined ? 0 : 1)
