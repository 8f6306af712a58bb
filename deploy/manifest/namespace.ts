import { APP_LABEL, APP_LABEL_VALUE, SETTINGS_CONFIG_MAP } from '../../src/api/names.ts'
import type { Installation, ManifestObject } from './installation.ts'
import { componentLabels } from './pod.ts'

/** The namespace. The speaker uses the host's network and NET_RAW, which only the "privileged" Pod Security level allows. */
export function namespaceObject({ namespace }: Installation): ManifestObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: namespace,
      labels: { [APP_LABEL]: APP_LABEL_VALUE, 'pod-security.kubernetes.io/enforce': 'privileged' },
    },
  }
}

/**
 * Settings that more than one process reads. It ships empty, so that the flags of the processes count until somebody writes a setting, and a
 * re-apply of the manifest leaves alone what was written.
 */
export function settingsConfigMap({ namespace }: Installation): ManifestObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: SETTINGS_CONFIG_MAP, namespace, labels: { [APP_LABEL]: APP_LABEL_VALUE } },
  }
}

/** An account of its own for each component, so that each holds its own rights and no other's. */
export function serviceAccount({ namespace }: Installation, name: string, component: string): ManifestObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, labels: componentLabels(component) } }
}
