import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { labCgroups } from '../../lab/cgroups.ts'
import { type Cluster, startCluster, startControlPlane } from '../../lab/cluster.ts'
import { run, until } from '../../lab/command.ts'
import { labLayout } from '../../lab/layout.ts'
import { identify, isAlive, markedProcesses } from '../../lab/process-table.ts'
import { claimLab, findLab, writeState } from '../../lab/state.ts'
import { tearDownOrphans } from '../../lab/teardown.ts'
import { addressesOf, captureOn, uplink } from '../lab/capture.ts'

const MAIN = join(import.meta.dirname, '../../lab/main.ts')
/** Documentation addresses (RFC 5737, RFC 3849): nobody answers, and nothing else on this host asks for them. */
const OUTSIDE = ['198.51.100.7', '203.0.113.7']
const LAB_NETWORKS = /^10\.(24[46-9]|25[0-5]|96)\./
/** What Kubernetes leaves on a machine that is a node. */
const NODE_TRACES = [
  '/run/containerd',
  '/var/lib/kubelet',
  '/var/lib/cni',
  '/var/lib/containerd',
  '/var/log/containers',
  '/opt/containerd',
  '/run/xtables.lock',
]

/** A Pod of BusyBox's httpd and a Service of both families; the mark shows whether its process is gone in the end. */
const WORKLOAD = `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
  - name: web
    image: docker.io/lab/busybox:1
    command: [httpd, -f, -p, "8080", -h, /www, -r, lab-scenario-mark]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ipFamilyPolicy: RequireDualStack, ports: [{port: 80, targetPort: 8080}]}
`

t.setTimeout(300_000)

/** Everything of one lab that the host still has; empty when nothing is left. */
function tracesOf(name: string, id: number): string[] {
  const { link } = labLayout(id, name, '', 0)
  const directory = `/var/lib/openelb-lab/${name}`
  const namespaces = existsSync('/run/netns') ? readdirSync('/run/netns').filter((entry) => entry.startsWith(`${link}-`)) : []
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`/${link}-`) || line.includes(`${directory}/`))
  const files = [directory, `/run/openelb-lab/${name}`, `/sys/class/net/${link}`].filter((path) => existsSync(path))
  return [...namespaces, ...mounts, ...files, ...labCgroups(link), ...markedProcesses(directory).map(({ pid }) => `process ${pid}`)]
}

const containerProcesses = () => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes('lab-scenario-mark'))
const commandLine = (pid: string) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
const ruleset = async () => (await run(['nft', 'list', 'tables'])).stdout
const traces = () => NODE_TRACES.filter((path) => existsSync(path))

const before = { traces: traces(), ruleset: await ruleset() }
const link = uplink()
if (link === undefined) t.comment('this host has no default route: no capture on an uplink')
const capture = link === undefined ? undefined : captureOn(link)

t.test('a dual-stack cluster runs Pods, and a control plane stands beside it', async (t) => {
  const [cluster, second] = await Promise.all([
    startCluster({ name: `test-one-${process.pid}`, nodes: 1, dualStack: true, log: t.comment }),
    startControlPlane({ name: `test-two-${process.pid}`, log: t.comment }),
  ])
  t.teardown(() => Promise.all([cluster.down(), second.down()]))
  t.not(cluster.id, second.id)
  await podsAnswer(t, cluster)
  await nothingLeaves(t, cluster)
  await auditSays(t, cluster)
  await componentsRestart(t, second)
  await commandsWork(t, cluster)

  await cluster.down()
  await cluster.down()
  t.same(tracesOf(cluster.name, cluster.id), [], 'nothing of it is left')
  t.same(containerProcesses(), [], 'nor a process of a container')
  t.match(await second.kubectl(['get', 'namespaces']), /kube-system/, 'the other lab does not notice')
  await second.down()
  t.same(tracesOf(second.name, second.id), [])
})

async function podsAnswer(t: Test, cluster: Cluster): Promise<void> {
  await cluster.kubectl(['apply', '-f', '-'], { input: WORKLOAD })
  await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/web', '--timeout=60s'], { timeoutMs: 70_000 })
  const addresses = JSON.parse(await cluster.kubectl(['get', 'service', 'web', '-o=jsonpath={.spec.clusterIPs}'])) as string[]
  t.equal(addresses.length, 2, 'both families')
  for (const address of addresses) {
    const url = address.includes(':') ? `http://[${address}]/` : `http://${address}/`
    const page = await until(
      url,
      async () => (await cluster.node('n1').exec(['busybox', 'wget', '-qO-', url], { timeoutMs: 3000 })).stdout || undefined,
      { timeoutMs: 20_000 },
    )
    t.equal(page.trim(), 'hello from the lab', `kube-proxy forwards ${address}`)
  }
  t.match(await cluster.kubectl(['exec', 'web', '--', 'cat', '/www/index.html']), /hello/, 'the API server reaches the kubelet')
  const { stdout } = await cluster.far.exec(['busybox', 'ping', '-c', '1', '-W', '2', cluster.node('n1').ip])
  t.match(stdout, /1 packets received/, 'the second subnet reaches a node through the router')
}

async function nothingLeaves(t: Test, cluster: Cluster): Promise<void> {
  const places = [cluster.node('n1'), cluster.controlPlane, cluster.client, cluster.router, cluster.far]
  for (const address of OUTSIDE) {
    await Promise.all(places.map((place) => place.exec(['busybox', 'ping', '-c', '1', '-W', '1', address])))
    await cluster.tryKubectl(['exec', 'web', '--', 'ping', '-c', '1', '-W', '1', address])
  }
  const routes = (await cluster.controlPlane.exec(['ip', 'route', 'show'])).stdout
  t.match(routes, /unreachable default/)
  await captureWorks(t, cluster)
  if (capture === undefined) return
  const leaked = capture.frames.flatMap(addressesOf).filter((address) => LAB_NETWORKS.test(address) || OUTSIDE.includes(address))
  t.same(leaked, [], `no packet of the lab among ${capture.frames.length} frames on ${link}`)
}

/** The same capture on the host's interface into the lab, where packets must be seen: it is not blind. */
async function captureWorks(t: Test, cluster: Cluster): Promise<void> {
  const inside = captureOn(labLayout(cluster.id, '', '', 0).link)
  await run(['busybox', 'ping', '-c', '1', '-W', '2', cluster.client.ip])
  inside.close()
  t.ok(inside.frames.flatMap(addressesOf).includes(cluster.client.ip), 'the capture sees a packet where there is one')
}

async function auditSays(t: Test, cluster: Cluster): Promise<void> {
  await cluster.kubectl(['create', 'serviceaccount', 'reader'])
  const kubeconfig = await cluster.serviceAccountKubeconfig('default', 'reader')
  const denied = await cluster.tryKubectl(['get', 'pods'], { env: { KUBECONFIG: kubeconfig } })
  t.match(denied.stderr, /system:serviceaccount:default:reader" cannot list resource "pods"/, 'the token is that of the ServiceAccount')
  const lines = readFileSync(cluster.auditLog, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { user: { username: string }; verb: string })
  t.ok(
    lines.some(({ user, verb }) => user.username === 'system:serviceaccount:default:reader' && verb === 'list'),
    'and the audit log has it',
  )
  t.ok(
    lines.every(({ user }) => user.username.startsWith('system:serviceaccount:')),
    'and nobody else',
  )
}

async function componentsRestart(t: Test, cluster: Cluster): Promise<void> {
  const apiServer = cluster.component('kube-apiserver')
  await apiServer.stop('SIGKILL')
  t.equal(apiServer.running, false)
  t.not((await cluster.tryKubectl(['get', 'nodes', '--request-timeout=2s'])).code, 0)
  await apiServer.start()
  await cluster.apiServerReady()
  t.equal((await cluster.tryKubectl(['get', 'namespace', 'default'])).code, 0, 'etcd has kept what it knew')
}

async function commandsWork(t: Test, cluster: Cluster): Promise<void> {
  const { name } = cluster
  const table: readonly { argv: string[]; code: number; says: RegExp }[] = [
    { argv: ['doctor'], code: 0, says: /ok +kubelet \(/ },
    { argv: ['status'], code: 0, says: new RegExp(`${name}: running\\n.* 1 nodes, dual stack`) },
    { argv: ['logs', '--name', name], code: 0, says: /kubelet-n1 +\d+ bytes/ },
    { argv: ['logs', 'etcd', '--name', name], code: 0, says: /ready to serve client requests/ },
    { argv: ['logs', 'nothing', '--name', name], code: 1, says: /no log of nothing; there are .*etcd/ },
    { argv: ['kubectl', '--name', name, 'get', 'nodes', '--output=name'], code: 0, says: /^node\/n1\n$/ },
    { argv: ['shell', '--name', name, 'n1', 'sh', '-c', 'ls /run/containerd; exit 7'], code: 7, says: /containerd\.sock/ },
    { argv: ['shell', '--name', name, 'n2'], code: 1, says: /there is no n2 in this lab; there are n1, cp, client/ },
    { argv: ['load', '/nonexistent.tar', '--name', name], code: 1, says: /there is no file \/nonexistent.tar/ },
    { argv: ['up', '--name', name], code: 1, says: /is running already/ },
    { argv: ['up', '--kubernetes', '1.2.3', '--name', 'x'], code: 1, says: /1\.2\.3 is not offered; offered are 1\.34\.4/ },
    { argv: ['down', '--name', 'nobody'], code: 0, says: /there is no lab named nobody/ },
  ]
  for (const { argv, code, says } of table) {
    const { stdout, stderr, ...result } = await run([process.execPath, MAIN, ...argv])
    t.equal(result.code, code, `${argv.join(' ')}: ${code}`)
    t.match(`${stdout}${stderr}`, says)
  }
}

t.test('kill -9 of the command, at any moment, leaves nothing that down does not remove', async (t) => {
  const moments: readonly { name: string; reached: (name: string) => boolean }[] = [
    { name: `test-early-${process.pid}`, reached: (name) => (findLab(name)?.id ?? -1) >= 0 },
    {
      name: `test-late-${process.pid}`,
      reached: (name) => Object.keys(findLab(name)?.processes ?? {}).some((process) => process.startsWith('kubelet')),
    },
  ]
  for (const { name, reached } of moments) {
    const up = spawn(process.execPath, [MAIN, 'up', '--nodes', '1', '--name', name], { stdio: 'ignore' })
    const ended = once(up, 'exit')
    await until(`the moment to kill ${name}`, () => (reached(name) || up.exitCode !== null ? true : undefined), {
      timeoutMs: 60_000,
      everyMs: 5,
    })
    up.kill('SIGKILL')
    await ended
    const { id } = findLab(name) ?? {}
    t.type(id, 'number')
    t.not(tracesOf(name, id ?? 0).length, 0, 'the killed command leaves a half-made lab')
    const down = await run([process.execPath, MAIN, 'down', '--name', name])
    t.match(down, { code: 0, stdout: /is gone after/ })
    t.same(tracesOf(name, id ?? 0), [])
  }
})

t.test('a second lab of the same name is refused, and SIGTERM while starting removes what was made', async (t) => {
  const name = `test-term-${process.pid}`
  const up = spawn(process.execPath, [MAIN, 'up', '--nodes', '1', '--name', name], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(up, 'exit')
  await until('its id', () => ((findLab(name)?.id ?? -1) >= 0 ? true : undefined), { timeoutMs: 60_000, everyMs: 5 })
  const { id = 0 } = findLab(name) ?? {}
  await t.rejects(startControlPlane({ name }), { message: new RegExp(`a lab named ${name} exists already`) })
  up.kill('SIGTERM')
  t.match(await ended, [1, null])
  t.same(tracesOf(name, id), [])
})

t.test('a lab goes with the process that started it, but not one that a user left running', async (t) => {
  const name = `test-orphan-${process.pid}`
  const program = `import { startControlPlane } from ${JSON.stringify(join(import.meta.dirname, '../../lab/cluster.ts'))}
    await startControlPlane({ name: '${name}' }); setInterval(() => undefined, 1000)`
  const owner = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'ignore' })
  const ended = once(owner, 'exit')
  t.teardown(() => owner.kill('SIGKILL'))
  await until('the lab', () => (findLab(name)?.phase === 'running' ? true : undefined), { timeoutMs: 60_000 })
  const lines: string[] = []
  await tearDownOrphans((line) => lines.push(line))
  t.equal(findLab(name)?.phase, 'running', 'its owner lives, so it stays')
  const { id = 0 } = findLab(name) ?? {}
  owner.kill('SIGKILL')
  await ended
  await tearDownOrphans((line) => lines.push(line))
  t.ok(lines.includes(`removing lab ${name}: what started it is gone`), 'said')
  t.same(tracesOf(name, id), [], 'and done')
})

t.test('after a reboot only files are left, and whoever has the old pids now is not touched', async (t) => {
  const name = `test-boot-${process.pid}`
  const bystander = spawn('sleep', ['600'])
  t.teardown(() => bystander.kill('SIGKILL'))
  await once(bystander, 'spawn')
  const found = identify(bystander.pid ?? 0)
  if (found === undefined) throw new Error('no bystander')
  const claimed = claimLab({ name, kubernetes: '1.34.4', nodes: 1, dualStack: false })
  writeState({ ...claimed, bootId: 'an earlier boot', phase: 'running', processes: { etcd: { ...found, log: '' } } })
  t.match(await run([process.execPath, MAIN, 'status']), {
    code: 1,
    stdout: new RegExp(`${name}: not whole; remove it with: npm run lab -- down --name ${name}`),
  })
  t.match(await run([process.execPath, MAIN, 'down', '--name', name]), { code: 0 })
  t.same(tracesOf(name, claimed.id ?? 0), [])
  t.equal(isAlive(found), true, 'the bystander lives')
})

t.test('the first lab after a boot takes back even the mount that the first network namespace makes', async (t) => {
  const name = `test-fresh-${process.pid}`
  const lab = (verb: string) => `'${process.execPath}' '${MAIN}' ${verb} --nodes 1 --name ${name} >&2`
  // A mount namespace with an empty /run is a host after its boot, as far as the lab can see.
  const script = [
    'umount --recursive --lazy /run/netns || true',
    'mount -t tmpfs fresh /run',
    'cat /proc/self/mounts',
    'echo ----',
    lab('up'),
  ]
  const inside = [...script, lab('down'), 'cat /proc/self/mounts', 'echo ----', 'ls /run'].join('\n')
  const { code, stdout, stderr } = await run(['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', inside])
  t.equal(code, 0, stderr)
  const [before, after, files] = stdout.split('----\n')
  t.equal(after, before, 'the same mounts')
  t.notMatch(files, /netns/, 'and no folder')
})

t.test('the host is as it was', async (t) => {
  capture?.close()
  t.same(traces(), before.traces, 'no folder of a node')
  t.equal(await ruleset(), before.ruleset, 'no rule of a node')
})
