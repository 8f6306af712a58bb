import { startCluster } from '../cluster.ts'
import { StepError } from '../command.ts'
import { isAlive } from '../process-table.ts'
import { bootId, findLab, type LabState } from '../state.ts'
import { tearDown } from '../teardown.ts'
import type { VerbProgram } from './verb.ts'

/** Starts a cluster that stays. A half-made or rebooted one of the same name is removed first. */
export const up: VerbProgram = async (options, { write, signal }) => {
  const startedAt = Date.now()
  await clearTheWay(options.name, write)
  const { name, nodes, dualStack, kubernetes, install } = options
  const cluster = await startCluster({
    name,
    nodes,
    dualStack,
    install,
    ...(kubernetes === undefined ? {} : { kubernetes }),
    persistent: true,
    log: write,
    signal,
  })
  write(await cluster.kubectl(['get', 'nodes', '--output=wide']))
  write(
    `lab ${name} is up after ${((Date.now() - startedAt) / 1000).toFixed(1)} s; addresses for pools: ${cluster.subnet}.50 to ${cluster.subnet}.254`,
  )
  write(`export KUBECONFIG=${cluster.kubeconfig}`)
  return 0
}

/** Rejects when the lab runs; removes what is left of it when it does not. */
export async function clearTheWay(name: string, write: (line: string) => void): Promise<void> {
  const lab = findLab(name)
  if (lab === undefined) return
  if (isRunning(lab))
    throw new StepError(
      undefined,
      `the lab named ${name} is running already; "npm run lab -- status" shows it, "npm run lab -- down" removes it`,
    )
  write(`removing what is left of an earlier lab named ${name}`)
  await tearDown(lab)
}

/** Whether the lab was fully up and all its processes are still there, or another process is making it right now. */
export function isRunning(lab: LabState): boolean {
  if (lab.bootId !== bootId()) return false
  if (lab.owner !== undefined && isAlive(lab.owner)) return true
  const processes = Object.values(lab.processes)
  return lab.phase === 'running' && processes.length > 0 && processes.every(isAlive)
}
