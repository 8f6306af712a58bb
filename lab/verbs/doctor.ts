import { statfsSync } from 'node:fs'
import { DEFAULT_KUBERNETES, locateBinaries } from '../binaries.ts'
import { labCache } from '../cache.ts'
import { findCommand, hostRefusal, kernelProblems, requirements } from '../requirements.ts'
import type { VerbProgram } from './verb.ts'

const BUILD_NEEDS_BYTES = 4e9

/** Looks at the host and changes nothing. Exit code 0 when `up` would work without any download, 1 otherwise. */
export const doctor: VerbProgram = async ({ kubernetes }, { write }) => {
  const refusal = hostRefusal()
  if (refusal !== undefined) {
    write(refusal)
    return 1
  }
  const kernel = kernelProblems()
  for (const { problem, cure } of kernel) write(`missing  ${problem}\n         mend it: ${cure}`)
  const needed = requirements('cluster')
  const missing = needed.filter(({ present }) => !present)
  for (const { what, debianPackage, present } of needed)
    write(`${present ? 'ok     ' : 'missing'}  ${what}${present ? '' : ` (Debian package ${debianPackage})`}`)
  if (missing.length > 0)
    write(
      `         mend it: apt-get install --no-install-recommends -y ${[...new Set(missing.map(({ debianPackage }) => debianPackage))].join(' ')}`,
    )
  const programs = await locateBinaries(kubernetes ?? DEFAULT_KUBERNETES)
  const absent = programs.filter(({ path }) => path === undefined)
  for (const { name, path } of programs) write(path === undefined ? `missing  ${name}` : `ok       ${name} (${path})`)
  if (absent.length > 0) for (const line of howToGetBinaries()) write(`         ${line}`)
  return kernel.length + missing.length + absent.length === 0 ? 0 : 1
}

function howToGetBinaries(): string[] {
  const lines = ['mend it: npm run lab -- up downloads or builds them']
  if (findCommand('go') === undefined)
    lines.push('there is no Go here: where downloads are not possible, install Go 1.24 or later (https://go.dev/dl)')
  const { bavail, bsize } = statfsSync('/')
  if (bavail * bsize < BUILD_NEEDS_BYTES)
    lines.push(
      `a build needs about 4 GB of disk for ${labCache()} and Go's own caches; there are ${((bavail * bsize) / 1e9).toFixed(1)} GB`,
    )
  return lines
}
