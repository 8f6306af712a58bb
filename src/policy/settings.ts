/** The settings that more than one process reads: ConfigMap `openelb-config` in our namespace. */
import { type AddressRange, parseAddressRange } from '../addr/range.ts'
import { COMPAT_NAMES, type Compat } from '../api/service-request.ts'
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
  /** Load balancers whose request annotations on Services are read as synonyms of ours. */
  readonly compat: readonly Compat[]
  /** Addresses that no Service gets, whatever the Eips say: gateways, servers. */
  readonly exclude: readonly AddressRange[]
}

/** What holds while the ConfigMap is absent or does not mention a setting. */
export const DEFAULT_SETTINGS: Settings = { adopt: 'default-eip', compat: [], exclude: [] }

export interface SettingsError {
  readonly code: 'BAD_ADOPT' | 'BAD_COMPAT' | 'BAD_EXCLUDE'
  readonly text: string
  readonly message: string
}

const entriesOf = (text: string): readonly string[] =>
  text
    .split(/[\s,]+/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')

function bad(code: SettingsError['code'], setting: string, text: string, cure: string): Result<never, SettingsError> {
  const shown = text.slice(0, 64)
  return err({ code, text: shown, message: `${setting} is "${shown}"; ${cure}` })
}

function readAdopt(text: string): Result<AdoptRule, SettingsError> {
  const adopt = ADOPT_RULES.find((rule) => rule === text.trim())
  return adopt === undefined ? bad('BAD_ADOPT', 'adopt', text, `it must be one of ${ADOPT_RULES.join(', ')}`) : ok(adopt)
}

function readCompat(text: string): Result<readonly Compat[], SettingsError> {
  const names = entriesOf(text)
  const known = COMPAT_NAMES.filter((name) => names.includes(name))
  if (known.length === new Set(names).size) return ok(known)
  return bad('BAD_COMPAT', 'compat', text, `it may name ${COMPAT_NAMES.join(' and ')}, separated by commas`)
}

function readExclude(text: string): Result<readonly AddressRange[], SettingsError> {
  const ranges: AddressRange[] = []
  for (const entry of entriesOf(text)) {
    const range = parseAddressRange(entry)
    if (!range.ok) return bad('BAD_EXCLUDE', 'exclude', entry, 'it takes addresses, prefixes and ranges, separated by commas')
    ranges.push(range.value)
  }
  return ok(ranges)
}

/**
 * Reads the `data` of ConfigMap `openelb-config` (undefined when the ConfigMap is absent); what it does not mention is as in `unset`, the
 * process' own flags. Keys that we do not know are ignored, so that an older process can read a newer ConfigMap.
 * Errors: BAD_ADOPT, BAD_COMPAT, BAD_EXCLUDE. The caller keeps the settings it had, since a typing error must not change who owns a Service.
 */
export function parseSettings(
  data: Readonly<Record<string, string>> | undefined,
  unset: Settings = DEFAULT_SETTINGS,
): Result<Settings, SettingsError> {
  const { adopt: adoptText, compat: compatText, exclude: excludeText } = data ?? {}
  const adopt = adoptText === undefined ? ok(unset.adopt) : readAdopt(adoptText)
  if (!adopt.ok) return adopt
  const compat = compatText === undefined ? ok(unset.compat) : readCompat(compatText)
  if (!compat.ok) return compat
  const exclude = excludeText === undefined ? ok(unset.exclude) : readExclude(excludeText)
  if (!exclude.ok) return exclude
  return ok({ adopt: adopt.value, compat: compat.value, exclude: exclude.value })
}
