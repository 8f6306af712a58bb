/** Reads what the paper needs. */
import type { ConfigMapObject, NamespaceObject, NodeObject, ServiceObject } from '../../api/core-objects.ts'
import { SETTINGS_CONFIG_MAP } from '../../api/names.ts'
import { CONFIG_MAPS, NAMESPACES, NODES, SERVICES } from '../../kube/resources.ts'
import { attempt, type ClusterReader, readingOr } from '../cluster-reader.ts'
import { readClaims } from '../ledger-state.ts'
import type { PaperObjects } from './paper.ts'

/** The objects, and what could not be read with what that means. */
export interface PaperReading {
  readonly objects: PaperObjects
  readonly gaps: readonly string[]
}

/** Eips, claims and Services must be readable; the rest may be missing, and then the answer is that much poorer. */
export async function readPaper(cluster: ClusterReader, ownNamespace: string): Promise<PaperReading> {
  const services = await cluster.list<ServiceObject>(SERVICES)
  const [held, namespaces, nodes, settings] = await Promise.all([
    readClaims(cluster),
    attempt(cluster.list<NamespaceObject>(NAMESPACES)),
    attempt(cluster.list<NodeObject>(NODES)),
    attempt(cluster.find<ConfigMapObject>(CONFIG_MAPS, { namespace: ownNamespace, name: SETTINGS_CONFIG_MAP })),
  ])
  const gaps = [
    ...(namespaces.ok ? [] : ['Namespaces cannot be read, so they count as having no labels']),
    ...(nodes.ok ? [] : ['Nodes cannot be read, so their addresses count as free']),
    ...(settings.ok ? [] : [`ConfigMap ${ownNamespace}/${SETTINGS_CONFIG_MAP} cannot be read, so the default settings hold`]),
  ]
  const objects = {
    services,
    ...held,
    namespaces: readingOr(namespaces) ?? bareNamespaces(services),
    nodes: readingOr(nodes) ?? [],
    settings: readingOr(settings),
  }
  return { objects, gaps }
}

/** The namespaces that the Services live in, as far as the Services tell. */
const bareNamespaces = (services: readonly ServiceObject[]): readonly NamespaceObject[] =>
  [...new Set(services.flatMap(({ metadata }) => metadata.namespace ?? []))].map((name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, uid: '', resourceVersion: '', creationTimestamp: '' },
  }))
