import { mkdirSync, writeFileSync } from 'node:fs'
import { createLabApi, type LabApi } from './api.ts'
import { type CommandOptions, type CommandResult, run, StepError } from './command.ts'
import { API_PORT, type Layout, labPaths } from './layout.ts'
import type { Pki } from './pki.ts'

/** The administrator's ways into the cluster. */
export interface Connection {
  readonly server: string
  readonly kubeconfig: string
  readonly api: LabApi
  /** Runs kubectl as administrator; a failing command is an answer. */
  tryKubectl(args: readonly string[], options?: CommandOptions): Promise<CommandResult>
  /** As tryKubectl, but gives stdout and rejects with a StepError when the command fails. */
  kubectl(args: readonly string[], options?: CommandOptions): Promise<string>
  /** Names of the nodes whose Ready condition is True. */
  readyNodes(): Promise<string[]>
  /** Writes a kubeconfig with a fresh token (24 h) of that ServiceAccount, which must exist; gives its path. */
  serviceAccountKubeconfig(namespace: string, name: string): Promise<string>
}

const TOKEN_SECONDS = 86_400

/** Writes the administrator's kubeconfig and opens a connection; nothing is asked of the API server yet. */
export function connect(layout: Layout, pki: Pki, kubectlPath: string): Connection {
  const paths = labPaths(layout.directory)
  mkdirSync(paths.logs, { recursive: true })
  mkdirSync(paths.kubeconfigs, { recursive: true, mode: 0o700 })
  const admin = pki.issue('lab-admin', 'system:masters')
  writeFileSync(paths.kubeconfig, pki.kubeconfig(admin), { mode: 0o600 })
  const server = `https://${layout.controlPlane.ipv4}:${API_PORT}`
  const api = createLabApi(server, pki.authority, admin)
  const tryKubectl = (args: readonly string[], options: CommandOptions = {}) =>
    run([kubectlPath, ...args], { ...options, env: { ...kubectlEnvironment(layout.directory), ...options.env } })
  return {
    server,
    kubeconfig: paths.kubeconfig,
    api,
    tryKubectl,
    async kubectl(args, options) {
      const result = await tryKubectl(args, options)
      if (result.code !== 0) throw new StepError(`kubectl ${args.join(' ')}`, result.stderr.trim() || `exit ${result.code}`)
      return result.stdout
    },
    readyNodes: async () => readyNodes(await api.call({ path: '/api/v1/nodes' })),
    async serviceAccountKubeconfig(namespace, name) {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: TOKEN_SECONDS } }
      const answer = await api.call({ method: 'POST', path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, body })
      const { status } = JSON.parse(answer) as { status: { token: string } }
      const path = `${paths.kubeconfigs}/${namespace}-${name}`
      writeFileSync(path, pki.kubeconfig({ token: status.token }), { mode: 0o600 })
      return path
    },
  }
}

/** kubectl keeps its discovery cache with the lab, not in the user's home. */
export function kubectlEnvironment(directory: string): Record<string, string> {
  return { KUBECONFIG: labPaths(directory).kubeconfig, KUBECACHEDIR: `${directory}/kube-cache` }
}

function readyNodes(text: string): string[] {
  const list = JSON.parse(text) as { items: { metadata: { name: string }; status: { conditions?: { type: string; status: string }[] } }[] }
  return list.items
    .filter(({ status }) => status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true)
    .map(({ metadata }) => metadata.name)
}
