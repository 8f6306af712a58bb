import { createHash } from 'node:crypto'

/** The programs of a cluster and the Go package of each. Small ones first: what fails, fails early. */
export const BINARIES = {
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
  kubelet: 'k8s.io/kubernetes/cmd/kubelet',
  'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
} as const
export type BinaryName = keyof typeof BINARIES

/** What `startControlPlane` needs; a whole cluster needs them all. */
export const CONTROL_PLANE_BINARIES: readonly BinaryName[] = ['kubectl', 'etcd', 'kube-apiserver']
export const ALL_BINARIES = Object.keys(BINARIES) as BinaryName[]

/** The module with the release is patched to say which version it is; without it the server calls itself v0.0.0-master. */
export function buildFlags(name: BinaryName, kubernetes: string): readonly string[] {
  const [major = '1', minor = '0'] = kubernetes.split('.')
  const facts = [`gitVersion=v${kubernetes}`, `gitMajor=${major}`, `gitMinor=${minor}`, 'gitTreeState=clean']
  const packages = name === 'etcd' ? [] : ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']
  const stamps = packages.flatMap((path) => facts.map((fact) => `-X ${path}.${fact}`))
  return ['-trimpath', '-buildvcs=false', '-mod=readonly', '-ldflags', ['-s', '-w', ...stamps].join(' ')]
}

/** The version of etcd that a go.mod builds, without the `v`. */
export function etcdVersion(goMod: string): string | undefined {
  return /^\s*go\.etcd\.io\/etcd\/server\/v3 v(\S+)/m.exec(goMod)?.[1]
}

/**
 * Names the cache folder of built binaries. Any byte of go.mod, go.sum or the flags makes another one, and so does the
 * compiler. Without Go on the machine (`goVersion` absent) it is a prefix: any compiler's build of the same inputs will do.
 */
export function builtFolder(
  inputs: { kubernetes: string; goMod: string; goSum: string; architecture: string },
  goVersion: string | undefined,
): string {
  const hash = createHash('sha256')
  const flags = ALL_BINARIES.map((name) => [name, BINARIES[name], ...buildFlags(name, inputs.kubernetes)])
  // JSON of a list, so that no two different inputs run together into the same bytes.
  hash.update(JSON.stringify([inputs.goMod, inputs.goSum, flags, inputs.architecture]))
  return `built-${hash.digest('hex').slice(0, 16)}-${goVersion ?? ''}`
}

/** Whether the output of `NAME --version` says the wanted version: exact for Kubernetes, any 3.5 or later for etcd. */
export function versionMatches(name: BinaryName, output: string, kubernetes: string): boolean {
  if (name !== 'etcd') return new RegExp(`(?:Kubernetes |Client Version: )v${kubernetes.replaceAll('.', '\\.')}(?![\\w.-])`).test(output)
  const [, major, minor] = /etcd Version: (\d+)\.(\d+)/.exec(output) ?? []
  return Number(major) === 3 && Number(minor) >= 5
}
