/** The memory limit of a container: Node sizes its heap by it, so without it a process on a large machine takes far more than in its Pod. */
import { existsSync, writeFileSync } from 'node:fs'
import { createNodeCgroup, removeCgroups } from '../../lab/cgroups.ts'

const ROOT = '/sys/fs/cgroup'

export interface MemoryLimit {
  /** Where a process writes its id to enter; undefined on a host without memory cgroups: then there is no limit. */
  readonly procs: string | undefined
  /** When the processes have ended. */
  remove(): Promise<void>
}

/** Makes a cgroup with that limit, in the hierarchies of version 1 or in version 2. */
export function createMemoryLimit(name: string, mebibytes: number): MemoryLimit {
  const link = `openelb-bench-${name}`
  createNodeCgroup(link, 'process')
  const files = [`${ROOT}/${link}/process/memory.max`, `${ROOT}/memory/${link}/process/memory.limit_in_bytes`]
  const file = files.find((path) => existsSync(path))
  if (file !== undefined) writeFileSync(file, String(mebibytes * 2 ** 20))
  return {
    procs: file?.replace(/[^/]*$/, 'cgroup.procs'),
    remove: async () => void (await removeCgroups(link)),
  }
}
