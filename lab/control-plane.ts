import { mkdirSync, writeFileSync } from 'node:fs'
import type { LabApi } from './api.ts'
import { AUDIT_POLICY } from './audit-policy.ts'
import type { Cell, Component } from './cell.ts'
import { StepError, until } from './command.ts'
import { API_PORT, ETCD_PORT, type Layout, labPaths, SERVICE_CIDR, SERVICE_CIDR_IPV6 } from './layout.ts'
import type { Pki } from './pki.ts'

export interface ControlPlaneOptions {
  readonly layout: Layout
  readonly cell: Cell
  readonly pki: Pki
  readonly api: LabApi
  /** Absolute path of a binary by its name. */
  readonly binary: (name: string) => string
  /** Whether the controller-manager and the scheduler run too. */
  readonly controllers: boolean
}

const READY_TIMEOUT_MS = 60_000

/** Starts etcd and the API server, and the controllers beside them once the API server answers /readyz. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<readonly Component[]> {
  const { layout, cell } = options
  mkdirSync(labPaths(layout.directory).etcd, { recursive: true, mode: 0o700 })
  const etcd = cell.component('etcd', etcdArguments(options))
  const apiServer = cell.component('kube-apiserver', apiServerArguments(options))
  await Promise.all([etcd.start(), apiServer.start()])
  await apiServerReady(options.api, apiServer, [etcd])
  if (!options.controllers) return [etcd, apiServer]
  const controllers = [
    cell.component('kube-controller-manager', controllerManagerArguments(options)),
    cell.component('kube-scheduler', schedulerArguments(options)),
  ]
  await Promise.all(controllers.map((component) => component.start()))
  return [etcd, apiServer, ...controllers]
}

/** Waits for /readyz; ends early when one of the processes it needs has ended. */
export async function apiServerReady(api: LabApi, apiServer: Component, needed: readonly Component[] = []): Promise<void> {
  const probe = async () => {
    for (const component of [...needed, apiServer]) if (!component.running) throw new StepError(component.name, 'it ended', component.log)
    await api.call({ path: '/readyz', timeoutMs: 2000 })
    return true
  }
  await until('kube-apiserver', probe, { timeoutMs: READY_TIMEOUT_MS, log: apiServer.log })
}

function etcdArguments({ layout, binary }: ControlPlaneOptions): string[] {
  // Peers are needed by etcd's start-up alone: a cluster of one speaks to nobody.
  const peer = 'http://127.0.0.1:2380'
  const clients = ['127.0.0.1', layout.controlPlane.ipv4].map((address) => `http://${address}:${ETCD_PORT}`).join(',')
  return [
    binary('etcd'),
    `--data-dir=${labPaths(layout.directory).etcd}`,
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    // A lab that loses power is thrown away: no need to wait for the disk at each write.
    '--unsafe-no-fsync=true',
  ]
}

function apiServerArguments({ layout, binary }: ControlPlaneOptions): string[] {
  const paths = labPaths(layout.directory)
  const policy = `${paths.pki}/audit-policy.json`
  writeFileSync(policy, AUDIT_POLICY)
  return [
    binary('kube-apiserver'),
    `--etcd-servers=http://127.0.0.1:${ETCD_PORT}`,
    `--secure-port=${API_PORT}`,
    '--bind-address=0.0.0.0',
    `--advertise-address=${layout.controlPlane.ipv4}`,
    `--service-cluster-ip-range=${SERVICE_CIDR},${SERVICE_CIDR_IPV6}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${paths.pki}/service-account.pub`,
    `--service-account-signing-key-file=${paths.pki}/service-account.key`,
    `--client-ca-file=${paths.pki}/ca.crt`,
    `--tls-cert-file=${paths.pki}/apiserver.crt`,
    `--tls-private-key-file=${paths.pki}/apiserver.key`,
    `--cert-dir=${paths.pki}`,
    `--kubelet-client-certificate=${paths.pki}/kubelet-client.crt`,
    `--kubelet-client-key=${paths.pki}/kubelet-client.key`,
    '--kubelet-preferred-address-types=InternalIP',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    '--profiling=false',
    // Webhooks are called at the addresses of their Pods, so no kube-proxy is needed beside the API server.
    '--enable-aggregator-routing=true',
    `--audit-policy-file=${policy}`,
    `--audit-log-path=${paths.auditLog}`,
    '--audit-log-mode=blocking',
  ]
}

function controllerManagerArguments({ layout, pki, binary }: ControlPlaneOptions): string[] {
  const paths = labPaths(layout.directory)
  return [
    binary('kube-controller-manager'),
    `--kubeconfig=${writeKubeconfig(layout, pki, 'kube-controller-manager', 'system:masters')}`,
    `--service-account-private-key-file=${paths.pki}/service-account.key`,
    `--root-ca-file=${paths.pki}/ca.crt`,
    `--cluster-signing-cert-file=${paths.pki}/ca.crt`,
    `--cluster-signing-key-file=${paths.pki}/ca.key`,
    '--leader-elect=false',
    '--secure-port=0',
  ]
}

function schedulerArguments({ layout, pki, binary }: ControlPlaneOptions): string[] {
  const kubeconfig = writeKubeconfig(layout, pki, 'system:kube-scheduler')
  return [binary('kube-scheduler'), `--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--secure-port=0']
}

/** Writes a kubeconfig for a component's certificate; gives its path. */
export function writeKubeconfig(layout: Layout, pki: Pki, user: string, organization?: string): string {
  const folder = labPaths(layout.directory).kubeconfigs
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = `${folder}/${user.replaceAll(':', '-')}`
  writeFileSync(path, pki.kubeconfig(pki.issue(user, organization)), { mode: 0o600 })
  return path
}
