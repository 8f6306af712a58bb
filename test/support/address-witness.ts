/** Watches Services and claims through every version, and notes what must never be. */
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import type { ServiceObject } from '../../src/api/core-objects.ts'
import type { ApiClient } from '../../src/kube/client.ts'
import { createInformer } from '../../src/kube/informer.ts'
import { ADDRESS_CLAIMS, SERVICES } from '../../src/kube/resources.ts'
import { silentLogger } from '../../src/runtime/logger.ts'

export interface AddressWitness {
  /** Sentences about addresses that two Services showed at the same revision. */
  readonly doubles: readonly string[]
  /** Every list of addresses that a Service showed, in order, by `namespace/name`; an empty text is none. */
  history(service: string): readonly string[]
  service(key: string): ServiceObject | undefined
  services(): readonly ServiceObject[]
  claims(): readonly AddressClaimObject[]
  close(): Promise<void>
}

const shown = (service: ServiceObject): readonly string[] => (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? [])

export async function startAddressWitness(client: ApiClient): Promise<AddressWitness> {
  const services = createInformer<ServiceObject>({ client, resource: SERVICES, logger: silentLogger })
  const claims = createInformer<AddressClaimObject>({ client, resource: ADDRESS_CLAIMS, logger: silentLogger })
  const doubles: string[] = []
  const histories = new Map<string, string[]>()
  const users = new Map<string, Set<string>>()
  services.subscribe(({ key, before, after }) => {
    for (const address of before === undefined ? [] : shown(before)) users.get(address)?.delete(key)
    for (const address of after === undefined ? [] : shown(after)) {
      const set = users.get(address) ?? new Set()
      users.set(address, set.add(key))
      if (set.size > 1) doubles.push(`${address} is shown by ${[...set].join(' and ')} at ${after?.metadata.resourceVersion}`)
    }
    const history = histories.get(key) ?? []
    const text = after === undefined ? '' : shown(after).join(',')
    if (history.at(-1) !== text) histories.set(key, [...history, text])
  })
  for (const informer of [services, claims]) informer.start()
  await Promise.all([services.whenSynced(), claims.whenSynced()])
  return {
    doubles,
    history: (service) => histories.get(service) ?? [],
    service: (key) => services.get(key),
    services: () => [...services.values()],
    claims: () => [...claims.values()],
    close: async () => {
      await Promise.all([services.close(), claims.close()])
    },
  }
}
