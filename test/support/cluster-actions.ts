/** What users do to Services and Eips, in one line each. Keys are `namespace/name`. */
import type { Condition, ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject } from '../../src/api/eip.ts'
import { ALLOCATED_CONDITION, EIP_NAME, OPT_IN, REQUESTED_ADDRESS } from '../../src/api/service-annotations.ts'
import type { ApiClient } from '../../src/kube/client.ts'
import { createObject, deleteObject, patchObject } from '../../src/kube/objects.ts'
import { EIPS, NAMESPACES, SERVICES } from '../../src/kube/resources.ts'

/** What a new Service asks for. */
export interface Wish {
  readonly eip?: string
  readonly address?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  /** Without the annotation that opts in. */
  readonly bare?: boolean
  readonly spec?: object
}

type NewObject = { metadata: { name: string } }

export const refOf = (key: string): { readonly namespace: string; readonly name: string } => {
  const [namespace = '', name = ''] = key.split('/')
  return { namespace, name }
}

/** The addresses that it shows, joined by commas. */
export const shownText = (service: ServiceObject | undefined): string =>
  (service?.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join(',')

export const conditionOf = (service: ServiceObject | undefined): Condition | undefined =>
  service?.status?.conditions?.find(({ type }) => type === ALLOCATED_CONDITION)

function newService(key: string, wish: Wish): NewObject {
  const annotations = {
    ...(wish.bare !== true && { [OPT_IN]: 'openelb' }),
    ...(wish.eip !== undefined && { [EIP_NAME]: wish.eip }),
    ...(wish.address !== undefined && { [REQUESTED_ADDRESS]: wish.address }),
    ...wish.annotations,
  }
  const { labels, finalizers } = wish
  const metadata = { ...refOf(key), annotations, ...(labels && { labels }), ...(finalizers && { finalizers }) }
  return { metadata, spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...wish.spec } } as NewObject
}

export type ClusterActions = ReturnType<typeof createClusterActions>

export function createClusterActions(api: ApiClient) {
  const patchService = (key: string, patch: object) => patchObject<ServiceObject>(api, SERVICES, refOf(key), patch, { type: 'merge' })
  return {
    makeService: (key: string, wish: Wish = {}): Promise<object> => createObject(api, SERVICES, newService(key, wish)),
    patchService,
    /** Null removes an annotation. */
    annotate: (key: string, annotations: Readonly<Record<string, string | null>>) => patchService(key, { metadata: { annotations } }),
    removeService: (key: string) => deleteObject(api, SERVICES, refOf(key)),
    makeEip: (name: string, address: string, spec: object = {}, meta: object = {}) =>
      createObject(api, EIPS, { metadata: { name, ...meta }, spec: { address, ...spec } } as NewObject),
    patchEip: (name: string, patch: object) => patchObject<EipObject>(api, EIPS, { name }, patch, { type: 'merge' }),
    removeEip: (name: string) => deleteObject(api, EIPS, { name }),
    makeNamespace: (name: string, labels: Readonly<Record<string, string>> = {}) =>
      createObject(api, NAMESPACES, { metadata: { name, labels } }),
  }
}
