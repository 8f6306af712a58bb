/** Small builders of the objects that the rules read. */
import type { ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject, EipSpec } from '../../src/api/eip.ts'
import { type Pool, toPool } from '../../src/policy/pool.ts'

export const DEFAULT_EIP = { 'eip.openelb.kubesphere.io/is-default-eip': 'true' } as const

export interface EipOptions {
  readonly annotations?: Readonly<Record<string, string>>
  readonly created?: string
  readonly deleting?: boolean
  readonly uid?: string
  readonly resourceVersion?: string
}

/** An Eip of protocol bgp, unless the spec says otherwise. */
export function eipObject(
  name: string,
  spec: string | (Partial<EipSpec> & { readonly address: string }),
  options: EipOptions = {},
): EipObject {
  return {
    apiVersion: 'network.kubesphere.io/v1alpha2',
    kind: 'Eip',
    metadata: {
      name,
      uid: options.uid ?? `uid-${name}`,
      resourceVersion: options.resourceVersion ?? '1',
      creationTimestamp: options.created ?? '2026-01-01T00:00:00Z',
      ...(options.annotations !== undefined && { annotations: options.annotations }),
      ...(options.deleting === true && { deletionTimestamp: '2026-01-02T00:00:00Z' }),
    },
    spec: typeof spec === 'string' ? { address: spec } : spec,
  }
}

/** The pool of such an Eip. Throws when it cannot be one. */
export function pool(...args: Parameters<typeof eipObject>): Pool {
  const read = toPool(eipObject(...args))
  if (!read.ok) throw new Error(read.error.message)
  return read.value
}

export interface ServiceOptions {
  readonly annotations?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly namespace?: string
  readonly spec?: Partial<ServiceObject['spec']>
  readonly ingress?: string
}

/** A Service of type LoadBalancer in namespace default. */
export function serviceObject({ annotations, labels, namespace = 'default', spec, ingress }: ServiceOptions = {}): ServiceObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'web',
      namespace,
      uid: 'u1',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(annotations !== undefined && { annotations }),
      ...(labels !== undefined && { labels }),
    },
    spec: { type: 'LoadBalancer', ...spec },
    ...(ingress !== undefined && { status: { loadBalancer: { ingress: [{ ip: ingress }] } } }),
  }
}
