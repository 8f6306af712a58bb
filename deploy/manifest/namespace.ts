import { APP_LABEL, APP_LABEL_VALUE, SETTINGS_CONFIG_MAP } from '../../src/api/names.ts'
import { DEFAULT_SETTINGS } from '../../src/policy/settings.ts'
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

/** Settings that more than one process reads. A re-apply of the manifest writes the shipped values again. */
export function settingsConfigMap({ namespace }: Installation): ManifestObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: SETTINGS_CONFIG_MAP, namespace, labels: { [APP_LABEL]: APP_LABEL_VALUE } },
    data: { adopt: DEFAULT_SETTINGS.adopt },
  }
}

/** An account of its own for each component, so that each holds its own rights and no other's. */
export function serviceAccount({ namespace }: Installation, name: string, component: string): ManifestObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, labels: componentLabels(component) } }
}
