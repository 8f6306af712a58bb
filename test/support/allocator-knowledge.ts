import { createKnowledge, type KnowledgeOptions, type Listener } from '../../src/allocator/knowledge.ts'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import type { ConfigMapObject, KubernetesObject, NamespaceObject, NodeObject, ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject } from '../../src/api/eip.ts'
import { NOW } from './allocator-objects.ts'
import { watchedMap } from './watched-map.ts'

/** The same object in another version, and perhaps of another life of its name. */
export const at = <T extends KubernetesObject>(object: T, resourceVersion: string, uid = object.metadata.uid): T => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion, uid },
})

/** The knowledge over collections that a test changes by hand. `news` gives what was told since it was called last. */
export function knowledgeOf(options: KnowledgeOptions = {}) {
  const sources = {
    services: watchedMap<ServiceObject>(),
    namespaces: watchedMap<NamespaceObject>(),
    nodes: watchedMap<NodeObject>(),
    eips: watchedMap<EipObject>(),
    claims: watchedMap<AddressClaimObject>(),
    settings: watchedMap<ConfigMapObject>(),
  }
  const knowledge = createKnowledge(sources, 'openelb-system', options)
  const told: string[] = []
  const listener: Listener = {
    service: (key) => told.push(`service ${key}`),
    eip: (name) => told.push(`eip ${name}`),
    happened: (happening) => told.push(JSON.stringify(happening)),
    everything: () => told.push('everything'),
    badSettings: (message) => told.push(message),
  }
  knowledge.listen(listener)
  const news = (): string[] => told.splice(0)
  return { sources, knowledge, news, listener }
}

/** A Node with these addresses, each with its type before a space. */
export function node(name: string, ...addresses: readonly string[]): NodeObject {
  const entries = addresses.map((text) => text.split(' ')).map(([type = '', address = '']) => ({ type, address }))
  const metadata = { name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: NOW }
  return { apiVersion: 'v1', kind: 'Node', metadata, status: { addresses: entries } }
}

/** The ConfigMap of the settings. */
export const settingsMap = (data: Readonly<Record<string, string>>): ConfigMapObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'openelb-config', namespace: 'openelb-system', uid: 'uid-settings', resourceVersion: '1', creationTimestamp: NOW },
  data,
})
