/** The settings that more than one process reads: ConfigMap `openelb-config` in our namespace. */
import { err, ok, type Result } from '../result.ts'

/**
 * Which Services of type LoadBalancer are ours:
 * - `default-eip`: our loadBalancerClass, our annotation, and, while a default Eip exists, Services that name no implementation at all;
 * - `annotated`: our loadBalancerClass or our annotation;
 * - `class`: our loadBalancerClass only.
 */
export const ADOPT_RULES = ['default-eip', 'annotated', 'class'] as const
export type AdoptRule = (typeof ADOPT_RULES)[number]

export interface Settings {
  readonly adopt: AdoptRule
}

/** What holds while the ConfigMap is absent or does not mention a setting. */
export const DEFAULT_SETTINGS: Settings = { adopt: 'default-eip' }

export interface SettingsError {
  readonly code: 'BAD_ADOPT'
  readonly text: string
  readonly message: string
}

/**
 * Reads the `data` of ConfigMap `openelb-config` (undefined when the ConfigMap is absent). Keys that we do not know are ignored, so that
 * an older process can read a newer ConfigMap.
 * Errors: BAD_ADOPT. The caller keeps the settings it had, since a typing error must not change who owns a Service.
 */
export function parseSettings(data: Readonly<Record<string, string>> | undefined): Result<Settings, SettingsError> {
  const text = data?.['adopt']
  if (text === undefined) return ok(DEFAULT_SETTINGS)
  const adopt = ADOPT_RULES.find((rule) => rule === text.trim())
  if (adopt !== undefined) return ok({ adopt })
  const shown = text.slice(0, 64)
  return err({ code: 'BAD_ADOPT', text: shown, message: `adopt is "${shown}"; it must be one of ${ADOPT_RULES.join(', ')}` })
}
