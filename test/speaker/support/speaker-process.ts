/** Speaker processes in the namespaces of a lab, with no more rights than the manifest gives them. */
import { fileURLToPath } from 'node:url'
import type { LabNode } from '../../../lab/cluster.ts'
import { type LineProcess, startLines } from './process-lines.ts'

const MAIN = fileURLToPath(new URL('../../../src/speaker/main.ts', import.meta.url))
export const METRICS_PORT = 50053

interface LogLine {
  readonly msg: string
  readonly level: string
  readonly [field: string]: unknown
}

export interface SpeakerProcess extends LineProcess<LogLine> {
  page(path: `/${string}`): Promise<{ readonly status: number; readonly text: string }>
  said(message: string, timeoutMs?: number): Promise<LogLine>
}

/** Root with these two capabilities and no other, as in the Pod. */
const RIGHTS = ['setpriv', '--bounding-set=-all,+net_raw,+net_bind_service', '--inh-caps=-all', '--no-new-privs']

/** The key of the speakers of a test; each lab's network is its own. */
export const MEMBERSHIP_KEY = 'a key that is no default, for the speakers of a test'

/**
 * Starts a speaker on a node and waits until it has read the cluster. `env` is laid over the environment that the manifest gives; without
 * MEMBER_LIST_SECRET the speakers do not hear one another.
 */
export async function startSpeaker(
  node: LabNode,
  kubeconfig: string,
  flags: readonly string[] = ['--enable-layer2'],
  env: Readonly<Record<string, string>> = {},
): Promise<SpeakerProcess> {
  const argv = [
    ...node.enter,
    ...RIGHTS,
    process.execPath,
    MAIN,
    `--kubeconfig=${kubeconfig}`,
    `--metrics-addr=${node.ip}:${METRICS_PORT}`,
    '--log-level=debug',
    ...flags,
  ]
  const lines = startLines<LogLine>(argv, 'stderr', {
    NODE_NAME: node.name,
    OPENELB_NAMESPACE: 'openelb-system',
    POD_NAME: `openelb-speaker-${node.name}`,
    POD_IP: node.ip,
    MEMBER_LIST_SECRET: MEMBERSHIP_KEY,
    ...env,
  })
  const said = (message: string, timeoutMs?: number) => lines.next(`"${message}" of ${node.name}`, ({ msg }) => msg === message, timeoutMs)
  await said('the cluster is read')
  return {
    ...lines,
    said,
    async page(path) {
      const answer = await fetch(`http://${node.ip}:${METRICS_PORT}${path}`)
      return { status: answer.status, text: await answer.text() }
    },
  }
}
