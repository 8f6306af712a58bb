/** The few fields that we read of the objects of an installation, beside those in src/api/core-objects.ts. */
import type { KubernetesObject, PodObject } from '../api/core-objects.ts'
import type { Resource } from '../kube/resources.ts'

const namespaced = (group: string, plural: string, kind: string): Resource => ({ group, version: 'v1', plural, kind, namespaced: true })

export const DEPLOYMENTS = namespaced('apps', 'deployments', 'Deployment')
export const DAEMON_SETS = namespaced('apps', 'daemonsets', 'DaemonSet')

export interface DeploymentObject extends KubernetesObject {
  readonly spec?: { readonly replicas?: number }
  readonly status?: { readonly readyReplicas?: number }
}

export interface DaemonSetObject extends KubernetesObject {
  readonly status?: { readonly desiredNumberScheduled?: number; readonly numberReady?: number }
}

/** A Pod with the ports and the flags of its containers. */
export interface PodWithPorts extends PodObject {
  readonly spec?: {
    readonly nodeName?: string
    readonly containers?: readonly {
      readonly args?: readonly string[]
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[]
    }[]
  }
}

/** An Event of the core group; `series` and `lastTimestamp` depend on who wrote it. */
export interface EventObject extends KubernetesObject {
  readonly type?: string
  readonly reason?: string
  readonly message?: string
  readonly count?: number
  readonly firstTimestamp?: string | null
  readonly lastTimestamp?: string | null
  readonly eventTime?: string | null
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string } | null
  readonly involvedObject?: { readonly uid?: string }
}

/** A webhook configuration, validating or mutating. */
export interface WebhookConfigurationObject extends KubernetesObject {
  readonly webhooks?: readonly {
    readonly name: string
    readonly failurePolicy?: string
    readonly clientConfig: { readonly caBundle?: string; readonly service?: { readonly namespace: string; readonly name: string } }
  }[]
}

export interface CustomResourceDefinitionObject extends KubernetesObject {
  readonly spec: {
    readonly versions: readonly {
      readonly name: string
      readonly served: boolean
      readonly storage: boolean
      readonly schema?: { readonly openAPIV3Schema?: unknown }
    }[]
  }
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[] }
}
