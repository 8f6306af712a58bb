/** What a process uses, as Linux counts it. */
import { readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/** Seconds of processor time, own and of the kernel on its behalf. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name in brackets may hold blanks; the fields that count come after it (proc_pid_stat(5): 14 and 15).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident memory now, and the most that it ever was. Mebibytes. */
export function residentMiB(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const mebibytes = (name: string): number => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024)
  return { now: mebibytes('VmRSS'), peak: mebibytes('VmHWM') }
}

/** Seconds of processor time that each of these processes used between two calls. */
export function watchCpu(pids: Readonly<Record<string, number>>): () => Record<string, number> {
  const before = Object.entries(pids).map(([name, pid]) => [name, pid, cpuSeconds(pid)] as const)
  return () => Object.fromEntries(before.map(([name, pid, used]) => [name, Number((cpuSeconds(pid) - used).toFixed(2))]))
}
