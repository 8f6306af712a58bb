import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { labEnvironment, must, run, StepError } from './command.ts'
import { findStaticBusybox } from './sandbox-images.ts'

/** One thing that must be on the host, and the Debian package that brings it. */
export interface Requirement {
  readonly what: string
  readonly debianPackage: string
  readonly present: boolean
}

export interface HostProblem {
  readonly problem: string
  /** The command or the change that mends it. */
  readonly cure: string
}

const CNI_FOLDERS = ['/usr/lib/cni', '/opt/cni/bin']
const CNI_PLUGINS = ['bridge', 'host-local', 'portmap', 'loopback']
const INSTALL_TIMEOUT_MS = 300_000

/** What a control plane alone needs, and what nodes need besides. */
export function requirements(tier: 'control-plane' | 'cluster'): readonly Requirement[] {
  const commands: readonly (readonly [string, string])[] = [
    ['ip', 'iproute2'],
    ['nsenter', 'util-linux'],
    ['unshare', 'util-linux'],
    ['mount', 'mount'],
  ]
  const nodeCommands: readonly (readonly [string, string])[] = [
    ['containerd', 'containerd'],
    ['ctr', 'containerd'],
    ['runc', 'runc'],
    ['nft', 'nftables'],
    ['iptables', 'iptables'],
    ['conntrack', 'conntrack'],
  ]
  const wanted = tier === 'cluster' ? [...commands, ...nodeCommands] : commands
  const found = wanted.map(([command, debianPackage]) => ({ what: command, debianPackage, present: findCommand(command) !== undefined }))
  if (tier === 'control-plane') return found
  return [
    ...found,
    { what: 'CNI plugins', debianPackage: 'containernetworking-plugins', present: findCniPlugins() !== undefined },
    { what: 'a static busybox', debianPackage: 'busybox-static', present: findStaticBusybox() !== undefined },
  ]
}

/** The first folder that holds every plugin the lab's Pod network uses. */
export function findCniPlugins(): string | undefined {
  return CNI_FOLDERS.find((folder) => CNI_PLUGINS.every((plugin) => existsSync(join(folder, plugin))))
}

/** Absolute path of a command in the lab's PATH. */
export function findCommand(name: string): string | undefined {
  const folders = (labEnvironment()['PATH'] ?? '').split(':')
  return folders.map((folder) => join(folder, name)).find((path) => isExecutable(path))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Why no lab can run here at all, in one sentence; undefined when it can. */
export function hostRefusal(): string | undefined {
  const instead = 'use any cluster instead: kubectl apply -f deploy/openelb.yaml'
  if (process.platform !== 'linux') return `The lab needs Linux (network namespaces) and this is ${process.platform}; ${instead}`
  if (process.getuid?.() !== 0) return `The lab needs root (network namespaces, mounts): run it with sudo, or ${instead}`
  return undefined
}

/** What the kernel must offer and does not. */
export function kernelProblems(): readonly HostProblem[] {
  const problems: HostProblem[] = []
  for (const kind of ['net', 'mnt', 'pid']) {
    if (!existsSync(`/proc/self/ns/${kind}`))
      problems.push({ problem: `the kernel has no ${kind} namespaces`, cure: 'use a kernel with CONFIG_NAMESPACES' })
  }
  if (!existsSync(`/proc/self/task/${process.pid}/children`))
    problems.push({ problem: 'the kernel lists no child processes', cure: 'use a kernel with CONFIG_PROC_CHILDREN' })
  const fileSystems = readFileSync('/proc/filesystems', 'utf8')
  if (!/\boverlay$/m.test(fileSystems)) problems.push({ problem: 'the kernel has no overlay file system (yet)', cure: 'modprobe overlay' })
  return problems
}

/** Installs what is missing, having said so first. Rejects with a StepError that carries the command when it may not or cannot. */
export async function ensureRequirements(
  tier: 'control-plane' | 'cluster',
  options: { install: boolean; log: (line: string) => void },
): Promise<void> {
  const missing = requirements(tier).filter(({ present }) => !present)
  if (missing.length === 0) return
  const packages = [...new Set(missing.map(({ debianPackage }) => debianPackage))]
  const names = missing.map(({ what }) => what).join(', ')
  const command = `apt-get install --no-install-recommends -y ${packages.join(' ')}`
  if (findCommand('apt-get') === undefined)
    throw new StepError(
      undefined,
      `missing on this host: ${names}; install them with your system's package manager (in Debian: ${packages.join(', ')})`,
    )
  if (!options.install) throw new StepError(undefined, `missing on this host: ${names}; run: ${command}`)
  options.log(`missing on this host: ${names}; installing the packages ${packages.join(', ')}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  // Where the package lists are old or absent, the first try fails; they are fetched then and only then.
  const argv = ['apt-get', 'install', '--no-install-recommends', '-y', ...packages]
  const withProxies = { timeoutMs: INSTALL_TIMEOUT_MS, env: { ...process.env, ...env } }
  if ((await run(argv, withProxies)).code === 0) return
  await must('packages', ['apt-get', 'update'], withProxies)
  await must('packages', argv, withProxies)
}
