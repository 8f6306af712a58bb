/** One ServiceAccount for the bench and for what it measures, so that the API server treats the two alike. */
import { readFileSync } from 'node:fs'
import type { Cluster } from '../../lab/cluster.ts'
import { DEFAULT_NAMESPACE } from '../../src/api/names.ts'
import type { Account } from './daemon.ts'

const NAME = 'bench'

/** The lab writes JSON, which is YAML. */
interface LabKubeconfig {
  readonly clusters: readonly [{ readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }]
  readonly users: readonly [{ readonly user: { readonly token: string } }]
}

/** Makes the account, which may do everything, in our namespace. Gives its ways in, and the path of a kubeconfig for the bench itself. */
export async function createAccount(cluster: Cluster): Promise<Account & { readonly kubeconfig: string }> {
  await cluster.kubectl(['create', 'namespace', DEFAULT_NAMESPACE])
  await cluster.kubectl(['create', 'serviceaccount', NAME, '-n', DEFAULT_NAMESPACE])
  const subject = `--serviceaccount=${DEFAULT_NAMESPACE}:${NAME}`
  await cluster.kubectl(['create', 'clusterrolebinding', NAME, '--clusterrole=cluster-admin', subject])
  const kubeconfig = await cluster.serviceAccountKubeconfig(DEFAULT_NAMESPACE, NAME)
  const config = JSON.parse(readFileSync(kubeconfig, 'utf8')) as LabKubeconfig
  const [{ cluster: there }] = config.clusters
  const authority = Buffer.from(there['certificate-authority-data'], 'base64').toString()
  return { kubeconfig, server: new URL(there.server), token: config.users[0].user.token, authority }
}
