/** The control plane that is away: frozen (its connections stay, and say nothing) or killed (they are refused). */
import process from 'node:process'
import type { Cluster } from '../../../lab/cluster.ts'

export type Part = 'kube-apiserver' | 'etcd'

export interface Outages {
  freeze(part: Part): void
  thaw(part: Part): void
  kill(part: Part): Promise<void>
  /** Starts what was killed, and waits for the API server. */
  start(part: Part): Promise<void>
  /** Everything runs again. */
  end(): Promise<void>
}

export function createOutages(cluster: Cluster): Outages {
  const frozen = new Set<Part>()
  const killed = new Set<Part>()
  const signal = (part: Part, name: NodeJS.Signals): void => {
    const { pid } = cluster.component(part)
    if (pid !== undefined) process.kill(pid, name)
  }
  const thaw = (part: Part): void => {
    signal(part, 'SIGCONT')
    frozen.delete(part)
  }
  const start = async (part: Part): Promise<void> => {
    await cluster.component(part).start()
    killed.delete(part)
    await cluster.apiServerReady()
  }
  return {
    freeze(part) {
      signal(part, 'SIGSTOP')
      frozen.add(part)
    },
    thaw,
    async kill(part) {
      killed.add(part)
      await cluster.component(part).stop('SIGKILL')
    },
    start,
    async end() {
      for (const part of [...frozen]) thaw(part)
      for (const part of [...killed]) await start(part)
    },
  }
}
