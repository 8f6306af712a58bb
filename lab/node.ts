import { mkdirSync, writeFileSync } from 'node:fs'
import { type Cell, type Component, startCell } from './cell.ts'
import { createNodeCgroup, nodeCgroup } from './cgroups.ts'
import { must, run, StepError, until } from './command.ts'
import { type Layout, labPaths, type NodeLayout, POD_CIDR, POD_CIDR_IPV6 } from './layout.ts'
import type { Pki } from './pki.ts'
import type { ProcessIdentity } from './process-table.ts'
import { SANDBOX_IMAGE } from './sandbox-images.ts'

export interface NodeOptions {
  readonly layout: Layout
  readonly node: NodeLayout
  readonly pki: Pki
  readonly dualStack: boolean
  /** Folder with kubelet and kube-proxy. */
  readonly binaries: string
  /** Folder with the CNI plugins. */
  readonly cniPlugins: string
  readonly images: readonly string[]
  readonly onStart: (name: string, process: ProcessIdentity, log: string) => void
}

/** A node in two steps, because the first does not need the API server. */
export interface NodeStart {
  readonly cell: Cell
  readonly containerd: Component
  /** Starts kubelet and kube-proxy. */
  join(): Promise<readonly Component[]>
}

/** Paths inside the node: what they would be on any machine. */
const INSIDE = {
  binaries: '/run/lab/bin',
  containerdConfig: '/run/lab/containerd.toml',
  cniConfig: '/run/lab/cni',
  kubeletConfig: '/run/lab/kubelet.json',
  kubeconfig: '/run/lab/kubelet.kubeconfig',
  proxyKubeconfig: '/run/lab/kube-proxy.kubeconfig',
  authority: '/run/lab/ca.crt',
  socket: '/run/containerd/containerd.sock',
} as const
const CONTAINERD_TIMEOUT_MS = 20_000

/** Makes the node's machine, starts containerd in it and imports the images. Rejects with a StepError. */
export async function startNode(options: NodeOptions): Promise<NodeStart> {
  const { layout, node } = options
  const paths = labPaths(layout.directory).node(node.name)
  writeNodeFiles(options)
  createNodeCgroup(layout.link, node.name)
  // The one that hides the lab's own directory comes last.
  const hiding = [[paths.run, '/run'] as const, [paths.var, '/var'] as const]
  const binds = [[options.binaries, paths.binaries] as const, ...(paths.root.startsWith('/run/') ? hiding.reverse() : hiding)]
  const logs = labPaths(layout.directory).logs
  const cell = await startCell({ namespace: node.namespace, directory: layout.directory, logs, binds, onStart: options.onStart })
  const containerd = cell.component(`containerd-${node.name}`, ['containerd', '--config', INSIDE.containerdConfig])
  await containerd.start()
  await containerdReady(paths.containerdSocket, containerd)
  for (const image of options.images) await importImage(node.name, paths.containerdSocket, image)
  return { cell, containerd, join: () => joinCluster(cell, node, options) }
}

/** Loads a docker-archive into a node's containerd. */
export async function importImage(node: string, socket: string, archive: string): Promise<void> {
  await must(`image ${archive} on ${node}`, ['ctr', '--address', socket, '--namespace', 'k8s.io', 'images', 'import', archive], {
    timeoutMs: 120_000,
  })
}

async function containerdReady(socket: string, containerd: Component): Promise<void> {
  const probe = async () => {
    if (!containerd.running) throw new StepError(containerd.name, 'it ended', containerd.log)
    const { code } = await run(['ctr', '--address', socket, 'version'], { timeoutMs: 5000 })
    return code === 0 ? true : undefined
  }
  await until(containerd.name, probe, { timeoutMs: CONTAINERD_TIMEOUT_MS, log: containerd.log })
}

async function joinCluster(cell: Cell, node: NodeLayout, { dualStack }: NodeOptions): Promise<readonly Component[]> {
  const kubelet = cell.component(`kubelet-${node.name}`, [
    `${INSIDE.binaries}/kubelet`,
    `--config=${INSIDE.kubeletConfig}`,
    `--kubeconfig=${INSIDE.kubeconfig}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${dualStack ? `${node.ipv4},${node.ipv6}` : node.ipv4}`,
    '--root-dir=/var/lib/kubelet',
    '--cert-dir=/var/lib/kubelet/pki',
  ])
  const proxy = cell.component(`kube-proxy-${node.name}`, [
    `${INSIDE.binaries}/kube-proxy`,
    `--kubeconfig=${INSIDE.proxyKubeconfig}`,
    '--proxy-mode=nftables',
    `--hostname-override=${node.name}`,
    `--cluster-cidr=${dualStack ? `${POD_CIDR},${POD_CIDR_IPV6}` : POD_CIDR}`,
    // These sysctls belong to the host and may be read-only.
    '--conntrack-max-per-core=0',
    '--conntrack-tcp-timeout-established=0',
    '--conntrack-tcp-timeout-close-wait=0',
  ])
  await Promise.all([kubelet.start(), proxy.start()])
  return [kubelet, proxy]
}

function writeNodeFiles(options: NodeOptions): void {
  const { layout, node, pki } = options
  const paths = labPaths(layout.directory).node(node.name)
  const folders = [
    `${paths.run}/lab/cni`,
    paths.binaries,
    `${paths.var}/lib/kubelet`,
    `${paths.var}/log/pods`,
    `${paths.var}/tmp`,
    `${paths.run}/lock`,
  ]
  for (const folder of folders) mkdirSync(folder, { recursive: true })
  const write = (inside: string, text: string) => writeFileSync(`${paths.root}${inside}`, text, { mode: 0o600 })
  write(INSIDE.authority, pki.authority)
  write(INSIDE.kubeconfig, pki.kubeconfig(pki.issue(`system:node:${node.name}`, 'system:nodes')))
  write(INSIDE.proxyKubeconfig, pki.kubeconfig(pki.issue('system:kube-proxy')))
  write(INSIDE.containerdConfig, containerdConfig(options.cniPlugins))
  write(`${INSIDE.cniConfig}/10-lab.conflist`, `${JSON.stringify(cniConfig(options))}\n`)
  write(INSIDE.kubeletConfig, `${JSON.stringify(kubeletConfig(layout, node), undefined, 2)}\n`)
}

function containerdConfig(cniPlugins: string): string {
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "${INSIDE.socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  # A sandbox without CAP_SYS_RESOURCE cannot lower oom_score_adj, and runc dies of it without a word.
  restrict_oom_score_adj = true
  sandbox_image = "${SANDBOX_IMAGE}"
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${cniPlugins}"
    conf_dir = "${INSIDE.cniConfig}"
`
}

function cniConfig({ node, dualStack }: NodeOptions): object {
  const ranges = [[{ subnet: node.podCidr }], ...(dualStack ? [[{ subnet: node.podCidrIpv6 }]] : [])]
  const routes = [{ dst: '0.0.0.0/0' }, ...(dualStack ? [{ dst: '::/0' }] : [])]
  const bridge = {
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    ipMasq: true,
    ipam: { type: 'host-local', dataDir: '/run/lab/ipam', ranges, routes },
  }
  // portmap is what gives hostPort its meaning.
  return { cniVersion: '0.4.0', name: 'lab', plugins: [bridge, { type: 'portmap', capabilities: { portMappings: true } }] }
}

function kubeletConfig(layout: Layout, node: NodeLayout): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: INSIDE.authority } },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: nodeCgroup(layout.link, node.name),
    cgroupsPerQOS: true,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    containerRuntimeEndpoint: `unix://${INSIDE.socket}`,
    evictionHard: { 'imagefs.available': '0%', 'nodefs.available': '0%' },
    podLogsDir: '/var/log/pods',
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    resolvConf: '',
    // Images come from this machine only: one that is collected cannot be fetched again.
    imageGCHighThresholdPercent: 100,
  }
}
