/** What of the cluster's own settings stands in the way of layer 2 addresses. */
import { parse } from 'yaml'
import type { ConfigMapObject } from '../../api/core-objects.ts'
import { SETTINGS_CONFIG_MAP } from '../../api/names.ts'
import { parseSettings } from '../../policy/settings.ts'
import { shortTrouble } from '../trouble.ts'
import type { DoctorFacts } from './facts.ts'
import { type Finding, fail, fine, warn } from './finding.ts'

interface KubeProxyConfiguration {
  readonly mode?: unknown
  readonly ipvs?: { readonly strictARP?: unknown } | null
}

/** kube-proxy's mode and strictARP, of its ConfigMap as kubeadm writes it; undefined where it cannot be read. */
export function readKubeProxy(map: ConfigMapObject | undefined): { readonly mode: string; readonly strictArp: boolean } | undefined {
  const text = map?.data?.['config.conf']
  if (text === undefined) return undefined
  try {
    const { mode, ipvs } = (parse(text) ?? {}) as KubeProxyConfiguration
    return { mode: typeof mode === 'string' && mode !== '' ? mode : 'iptables', strictArp: ipvs?.strictARP === true }
  } catch {
    return undefined
  }
}

export function checkKubeProxy({ kubeProxy }: Pick<DoctorFacts, 'kubeProxy'>): readonly Finding[] {
  if (!kubeProxy.ok) return [warn('kube-proxy', `its mode is unknown: ${shortTrouble(kubeProxy.error)}`)]
  const read = readKubeProxy(kubeProxy.value)
  if (read === undefined)
    return [fine('kube-proxy', 'it has no ConfigMap kube-system/kube-proxy to look at; in IPVS mode it needs strictARP')]
  if (read.mode !== 'ipvs' || read.strictArp) return [fine('kube-proxy', `mode ${read.mode}${read.mode === 'ipvs' ? ', strictARP' : ''}`)]
  const cure = 'set ipvs.strictARP: true in ConfigMap kube-system/kube-proxy, and restart kube-proxy'
  return [fail('kube-proxy', 'mode ipvs without strictARP: every node answers ARP for every address', cure)]
}

export function checkSettings({ settings, namespace }: Pick<DoctorFacts, 'settings' | 'namespace'>): readonly Finding[] {
  if (!settings.ok) return [warn('settings', `they are unknown: ${shortTrouble(settings.error)}`)]
  const parsed = parseSettings(settings.value?.data)
  if (parsed.ok) return [fine('settings', `adopt is ${parsed.value.adopt}`)]
  return [
    fail(
      'settings',
      `ConfigMap ${namespace}/${SETTINGS_CONFIG_MAP}: ${parsed.error.message}`,
      'correct it; meanwhile the former settings hold',
    ),
  ]
}
