import { existsSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { sleep } from './command.ts'

const ROOT = '/sys/fs/cgroup'
const REMOVE_TRIES = 50
const REMOVE_EVERY_MS = 40

/** The parent of all container cgroups of a node, relative to the root of each hierarchy. */
export function nodeCgroup(link: string, node: string): string {
  return `/${link}/${node}`
}

/** Folders of the lab's cgroups: one with cgroup v2, one per controller with v1. */
export function labCgroups(link: string): string[] {
  if (!existsSync(ROOT)) return []
  return [
    ROOT,
    ...readdirSync(ROOT, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(ROOT, name)),
  ]
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
