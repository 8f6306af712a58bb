import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cluster } from './cluster.ts'
import { StepError } from './command.ts'

const MANIFEST = join(import.meta.dirname, '..', 'deploy', 'openelb.yaml')
const NAMESPACE = 'openelb-system'
const READY_TIMEOUT_S = 120
const WORKLOADS = ['deployment/openelb-admission', 'deployment/openelb-controller', 'daemonset/openelb-speaker']

/** Installs the product as any user does and waits until every part says it is ready. Rejects with a StepError and a log of what it saw. */
export async function installProduct(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['apply', '--filename', MANIFEST])
  try {
    await Promise.all([
      waitFor(cluster, ['wait', '--for=condition=Complete', 'job', '--all']),
      ...WORKLOADS.map((workload) => waitFor(cluster, ['rollout', 'status', workload])),
    ])
  } catch (error) {
    const log = await writeReport(cluster)
    throw new StepError('installation', error instanceof Error ? error.message : String(error), log)
  }
}

async function waitFor(cluster: Cluster, args: readonly string[]): Promise<void> {
  const bounded = [...args, '--namespace', NAMESPACE, `--timeout=${READY_TIMEOUT_S}s`]
  await cluster.kubectl(bounded, { timeoutMs: (READY_TIMEOUT_S + 10) * 1000 })
}

/** What one would look at next, in one file: Pods, events, and the end of every Pod's log. */
async function writeReport(cluster: Cluster): Promise<string> {
  const path = join(tmpdir(), `openelb-lab-${cluster.name}-installation.log`)
  const look = async (args: readonly string[]) =>
    `$ kubectl ${args.join(' ')}\n${Object.values(await cluster.tryKubectl(args)).join('\n')}\n`
  const inNamespace = ['--namespace', NAMESPACE]
  const pods = (await cluster.tryKubectl(['get', 'pods', ...inNamespace, '--output=name'])).stdout.trim().split('\n')
  const parts = [
    await look(['get', 'pods', ...inNamespace, '--output=wide']),
    await look(['get', 'events', ...inNamespace, '--sort-by=.lastTimestamp']),
  ]
  for (const pod of pods.filter((name) => name !== ''))
    parts.push(await look(['logs', ...inNamespace, '--all-containers', '--tail=50', pod]))
  writeFileSync(path, parts.join('\n'))
  return path
}
