import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StepError } from './command.ts'

const ROOT = '/sys/fs/cgroup'
const REMOVE_TRIES = 50
const REMOVE_EVERY_MS = 40

/** The parent of all container cgroups of a node, relative to the root of each hierarchy. */
export function nodeCgroup(link: string, node: string): string {
  return `/${link}/${node}`
}

/**
 * Makes the parent, which kubelet wants to find: in every hierarchy of cgroup v1, or in the one of v2 with its controllers
 * handed down.
 */
export function createNodeCgroup(link: string, node: string): void {
  for (const hierarchy of hierarchies()) {
    const path = join(hierarchy, link, node)
    mkdirSync(path, { recursive: true })
    if (existsSync(join(hierarchy, 'cpuset.cpus'))) copyCpuset([hierarchy, join(hierarchy, link), path])
    if (hierarchy === ROOT) for (const folder of [hierarchy, join(hierarchy, link), path]) handDownControllers(folder)
  }
}

/** The folders of all mounted hierarchies: the root itself with v2, one folder per controller with v1. */
function hierarchies(): string[] {
  if (!existsSync(ROOT)) return []
  if (existsSync(join(ROOT, 'cgroup.controllers'))) return [ROOT]
  const folders = readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return folders.map(({ name }) => join(ROOT, name)).filter((folder) => existsSync(join(folder, 'cgroup.procs')))
}

/** A new cpuset of v1 is empty, and no process may enter an empty one. */
function copyCpuset([parent = '', ...children]: readonly string[]): void {
  for (const child of children) {
    for (const file of ['cpuset.cpus', 'cpuset.mems']) writeFileSync(join(child, file), readFileSync(join(parent, file)))
  }
}

/** cgroup v2: children have the controllers that their parent hands down. One that cannot be is not needed by the lab. */
function handDownControllers(folder: string): void {
  for (const controller of readFileSync(join(folder, 'cgroup.controllers'), 'utf8').trim().split(' ')) {
    try {
      writeFileSync(join(folder, 'cgroup.subtree_control'), `+${controller}`)
    } catch (error) {
      if (!['cpu', 'memory', 'pids', 'cpuset'].includes(controller)) continue
      throw new StepError(
        'cgroups',
        `${folder} does not hand down ${controller}: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }
}

/** Folders of the lab's cgroups: one with cgroup v2, one per controller with v1. */
export function labCgroups(link: string): string[] {
  return hierarchies()
    .map((hierarchy) => join(hierarchy, link))
    .filter((folder) => existsSync(folder))
}

/** Removes them; the kernel lets go of a cgroup a moment after its last process. Gives the ones that stay. */
export async function removeCgroups(link: string): Promise<string[]> {
  for (let tries = 0; tries < REMOVE_TRIES; tries += 1) {
    if (labCgroups(link).filter((folder) => !removeTree(folder)).length === 0) return []
    await sleep(REMOVE_EVERY_MS)
  }
  return labCgroups(link)
}

/** Depth first; the files of a cgroup are the kernel's and go with its folder. */
function removeTree(folder: string): boolean {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) removeTree(join(folder, entry.name))
    rmdirSync(folder)
    return true
  } catch {
    // Busy for the moment, or gone: the caller looks again.
    return !existsSync(folder)
  }
}
