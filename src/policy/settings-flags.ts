/** The flags by which a process is told what holds where ConfigMap `openelb-config` says nothing. Webhook and allocator take the same. */
import { SETTINGS_CONFIG_MAP } from '../api/names.ts'
import { COMPAT_NAMES } from '../api/service-request.ts'
import { err, ok, type Result } from '../result.ts'
import { ADOPT_RULES, DEFAULT_SETTINGS, parseSettings, type Settings } from './settings.ts'

/** Their definitions, in the form of src/runtime/flags.ts. */
export const SETTINGS_FLAGS = {
  adopt: {
    kind: 'string',
    default: DEFAULT_SETTINGS.adopt,
    oneOf: ADOPT_RULES,
    description: `Which Services are ours, where ConfigMap ${SETTINGS_CONFIG_MAP} does not say it: by default Eip, annotation or class.`,
  },
  compat: {
    kind: 'string',
    default: '',
    valueName: 'NAMES',
    description: `Whose annotations are read as ours (${COMPAT_NAMES.join(', ')}), where ConfigMap ${SETTINGS_CONFIG_MAP} does not say it.`,
  },
} as const

/** The settings that the flags ask for, to be given to parseSettings. Error: a sentence that names the flag. */
export function readSettingsFlags(flags: { readonly adopt: string; readonly compat: string }): Result<Settings, string> {
  const settings = parseSettings({ adopt: flags.adopt, compat: flags.compat })
  return settings.ok ? ok(settings.value) : err(`--${settings.error.message}`)
}
