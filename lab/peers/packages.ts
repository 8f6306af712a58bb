import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { must, run, StepError } from '../command.ts'
import { findCommand } from '../requirements.ts'
import { ROUTER_KINDS, type RouterKind } from './spec.ts'

/** The program that shows that the package is there, and the package. */
const PACKAGES: Readonly<Record<RouterKind, { readonly program: string; readonly debianPackage: string }>> = {
  frr: { program: '/usr/lib/frr/bgpd', debianPackage: 'frr' },
  bird: { program: 'bird', debianPackage: 'bird2' },
  gobgp: { program: 'gobgpd', debianPackage: 'gobgpd' },
}
const INSTALL_LIMIT_MS = 300_000
/** Asked by every package that wants to start a daemon (invoke-rc.d(8)); 101: it must not. */
const POLICY = '/usr/sbin/policy-rc.d'
const DENY = '#!/bin/sh\n# Written by the lab of OpenELB while it installs routers; it removes this file again.\nexit 101\n'

export function missingRouters(kinds: readonly RouterKind[] = ROUTER_KINDS): readonly RouterKind[] {
  return kinds.filter((kind) => !isThere(PACKAGES[kind].program))
}

/** Installs routers that this host lacks, without starting their system daemons: they would take port 179 of the host. */
export async function ensureRouters(
  kinds: readonly RouterKind[],
  { install, log }: { install: boolean; log: (line: string) => void },
): Promise<void> {
  const packages = missingRouters(kinds).map((kind) => PACKAGES[kind].debianPackage)
  if (packages.length === 0) return
  const argv = ['apt-get', 'install', '--no-install-recommends', '-y', ...packages]
  if (!install || findCommand('apt-get') === undefined)
    throw new StepError(undefined, `missing on this host: ${packages.join(', ')}; run: ${argv.join(' ')}`)
  log(`installing the routers ${packages.join(', ')}; their system daemons are not started`)
  await withoutDaemons(async () => {
    const options = { timeoutMs: INSTALL_LIMIT_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
    // Where the package lists are old or absent, the first try fails; they are fetched then and only then.
    if ((await run(argv, options)).code === 0) return
    await must('packages', ['apt-get', 'update'], options)
    await must('packages', argv, options)
  })
}

/** Packages that `work` installs start nothing. Somebody's own policy stays; one of ours that a killed run left behind goes. */
export async function withoutDaemons(work: () => Promise<void>, policy: string = POLICY): Promise<void> {
  if (existsSync(policy) && readFileSync(policy, 'utf8') !== DENY) return work()
  writeFileSync(policy, DENY, { mode: 0o755 })
  try {
    await work()
  } finally {
    rmSync(policy, { force: true })
  }
}

const isThere = (program: string): boolean => (program.startsWith('/') ? existsSync(program) : findCommand(program) !== undefined)
