import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where binaries and images are kept between labs: `$XDG_CACHE_HOME/openelb-lab` (XDG Base Directory Specification). */
export function labCache(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const base = environment['XDG_CACHE_HOME']
  // The specification says that a relative path is to be ignored.
  return join(base?.startsWith('/') === true ? base : join(homedir(), '.cache'), 'openelb-lab')
}
