/** The settings as they hold now: the process' own flags, and the ConfigMap over them. */
import type { ConfigMapObject } from '../../api/core-objects.ts'
import { parseSettings, type Settings } from '../../policy/settings.ts'
import type { Teller, Watched } from './sources.ts'

export interface SettingsFollower {
  current(): Settings
  /** Why the ConfigMap cannot be read; undefined when it can. */
  problem(): string | undefined
  close(): void
}

/** Follows the ConfigMap; `unset` is what holds where it says nothing. `onChange` is called before anybody is told. */
export function followSettings(watched: Watched<ConfigMapObject>, unset: Settings, tell: Teller, onChange: () => void): SettingsFollower {
  let current = unset
  let problem: string | undefined
  const read = (map: ConfigMapObject | undefined): void => {
    const parsed = parseSettings(map?.data, unset)
    problem = parsed.ok ? undefined : parsed.error.message
    if (!parsed.ok) {
      tell.badSettings(parsed.error.message)
      return
    }
    const changed = !isSame(parsed.value, current)
    current = parsed.value
    if (!changed) return
    onChange()
    tell.everything()
  }
  for (const map of watched.values()) read(map)
  return { current: () => current, problem: () => problem, close: watched.subscribe(({ after }) => read(after)) }
}

const isSame = (a: Settings, b: Settings): boolean => textOf(a) === textOf(b)

const textOf = ({ adopt, compat, exclude }: Settings): string =>
  [adopt, ...compat, ...exclude.map(({ family, first, last }) => `${family}/${first}-${last}`)].join()
