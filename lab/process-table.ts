import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks after boot at which it started: field 22 of /proc/PID/stat (proc(5)). */
  readonly startTicks: string
}

/** Set in the environment of every process of a lab, with the lab's directory as value: how `down` knows them after a crash. */
export const MARKER = 'OPENELB_LAB'

/** Field 22 of /proc/PID/stat; undefined when there is no such process or it is a zombie (which holds nothing any more). */
export function startTicks(pid: number): string | undefined {
  const stat = readProc(`${pid}/stat`)
  // The second field is the name in brackets and may hold anything; fields are counted after the last bracket.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? undefined : fields?.[19]
}

export function identify(pid: number): ProcessIdentity | undefined {
  const ticks = startTicks(pid)
  return ticks === undefined ? undefined : { pid, startTicks: ticks }
}

export function isAlive({ pid, startTicks: ticks }: ProcessIdentity): boolean {
  return startTicks(pid) === ticks
}

/** Sends a signal unless the process is gone or its pid now belongs to another one. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false
  try {
    process.kill(target.pid, signal)
    return true
  } catch {
    // It ended between the two lines.
    return false
  }
}

/** Pids of the direct children, over all threads of the parent. */
export function childrenOf(pid: number): number[] {
  return list(`${pid}/task`).flatMap((task) =>
    (readProc(`${pid}/task/${task}/children`) ?? '')
      .split(' ')
      .filter((text) => text !== '')
      .map(Number),
  )
}

/** Processes that carry the marker of the lab in `directory`. */
export function markedProcesses(directory: string): ProcessIdentity[] {
  const wanted = `${MARKER}=${directory}`
  return allProcesses().filter(({ pid }) => (readProc(`${pid}/environ`) ?? '').split('\0').includes(wanted))
}

/** Processes that live in one of the network namespaces bound at `paths` (such as /run/netns/elb9-n1). */
export function processesInNamespaces(paths: readonly string[]): ProcessIdentity[] {
  const wanted = new Set(paths.map(namespaceInode).filter((inode) => inode !== undefined))
  return wanted.size === 0 ? [] : allProcesses().filter(({ pid }) => wanted.has(networkNamespaceOf(pid) ?? ''))
}

/** Kills with SIGKILL and waits until none is left. Gives the ones that are still there after `timeoutMs`. */
export async function killAndWait(targets: readonly ProcessIdentity[], timeoutMs: number): Promise<ProcessIdentity[]> {
  for (const target of targets) signalProcess(target, 'SIGKILL')
  const end = Date.now() + timeoutMs
  let left = targets.filter(isAlive)
  while (left.length > 0 && Date.now() < end) {
    await sleep(20)
    left = left.filter(isAlive)
  }
  return left
}

function allProcesses(): ProcessIdentity[] {
  return list('')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => identify(Number(name)))
    .filter((found) => found !== undefined)
}

function networkNamespaceOf(pid: number): string | undefined {
  try {
    return /\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[1]
  } catch {
    return undefined
  }
}

function namespaceInode(path: string): string | undefined {
  try {
    return String(statSync(path).ino)
  } catch {
    return undefined
  }
}

/** A file under /proc as text; undefined when the process went away or may not be read. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return undefined
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(`/proc/${path}`)
  } catch {
    return []
  }
}
