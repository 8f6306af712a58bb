/** The command line as its user has it: a child process, against a real API server with an allocator and a webhook on it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { type CommandResult, run } from '../../lab/command.ts'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import type { NodeObject } from '../../src/api/core-objects.ts'
import { IS_DEFAULT_EIP, OPT_IN } from '../../src/api/service-annotations.ts'
import { createObject, findObject, patchObject } from '../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, EIPS, NODES } from '../../src/kube/resources.ts'
import { startAllocationLab } from '../support/allocation-lab.ts'
import { OWN } from '../support/allocator-world.ts'
import { until } from '../support/until.ts'

const BIN = fileURLToPath(new URL('../../bin', import.meta.url))
const MANUAL = fileURLToPath(new URL('../../docs/cli.md', import.meta.url))

t.setTimeout(420_000)
const lab = await startAllocationLab(['--leader-elect=true'])
t.teardown(() => lab.close())
const { cluster, api } = lab.world
/** Longer than any verb takes on a machine that is far too busy. */
const TIMEOUT_MS = 60_000

interface Typed {
  readonly kubeconfig?: string
  readonly input?: string
}

/** `openelb WORDS`, by the executable of the PATH. */
const openelb = (words: string, { kubeconfig = cluster.kubeconfig, input = '' }: Typed = {}): Promise<CommandResult> =>
  run([`${BIN}/openelb`, ...words.split(' ')], { env: { KUBECONFIG: kubeconfig, NO_COLOR: '1' }, input, timeoutMs: TIMEOUT_MS })

/** Several command lines, two at once: the machine that tests is busy enough. */
async function all(lines: readonly string[], typed?: Typed) {
  const answers: (CommandResult & { readonly words: string })[] = []
  const queue = lines.values()
  const lane = async (): Promise<void> => {
    for (const words of queue) answers.push({ words, ...(await openelb(words, typed)) })
  }
  await Promise.all([lane(), lane()])
  return answers
}

/** The rows of a table: its cells, without the header. */
const cells = (text: string): readonly (readonly string[])[] =>
  text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(/ {2,}/))

await lab.admission('on')

await t.test('no cluster, no kubeconfig, no such context: one sentence, no stack', async (t) => {
  for (const [words, kubeconfig, want] of [
    ['pools', '/nonexistent/kubeconfig', /cannot be reached: the kubeconfig \/nonexistent\/kubeconfig cannot be read/],
    ['pools --context=elsewhere', cluster.kubeconfig, /has no cluster for its context "elsewhere"/],
    ['explain service web', '/nonexistent/kubeconfig', /cannot be reached/],
  ] as const) {
    const { code, stdout, stderr } = await openelb(words, { kubeconfig })
    t.same([code, stdout], [1, ''], words)
    t.match(stderr, want)
    t.equal(stderr.trim().split('\n').length, 1, stderr)
  }
  const dead = t.testdir({ config: readFileSync(cluster.kubeconfig, 'utf8').replace(cluster.server, 'https://127.0.0.1:9') })
  const { code, stdout } = await openelb('doctor', { kubeconfig: `${dead}/config` })
  t.equal(code, 1)
  t.match(stdout, /^FAIL {2}api server +the API server cannot be reached: connect ECONNREFUSED 127\.0\.0\.1:9/)
})

await t.test('wrong usage is code 2, help is code 0', async (t) => {
  const table: readonly [string, number, RegExp][] = [
    ['--help', 0, /^Usage: openelb VERB/],
    ['pools --help', 0, /^Usage:\n {2}openelb pools/],
    ['--version', 0, /^openelb \d/],
    ['poools', 2, /no verb poools; did you mean pools\?/],
    ['pools --yes', 2, /pools takes no --yes/],
    ['pools -o xml', 2, /one of table, wide, json, yaml, name/],
    ['explain service', 2, /write: openelb explain service/],
    ['release 10.0.0', 2, /is not an IP address/],
    ['whatif', 2, /write: openelb whatif/],
  ]
  const wanted = new Map(table.map(([words, ...want]) => [words, want]))
  for (const { words, code, stdout, stderr } of await all([...wanted.keys()])) {
    const [want = 0, text = /./] = wanted.get(words) ?? []
    t.equal(code, want, words)
    t.match(want === 0 ? stdout : stderr, text)
  }
})

await t.test('an empty cluster', async (t) => {
  t.match(await openelb('pools'), { code: 0, stdout: '', stderr: /There is no Eip/ })
  t.match(await openelb('addresses'), { code: 0, stdout: '', stderr: /No addresses are held/ })
  t.match(await openelb('status'), { code: 0, stdout: /allocator +absent +led by lab-0 for \d+s\n/ })
})

await t.test('pools, addresses, status and explain tell the same as the objects', async (t) => {
  await lab.makeEip('public', '192.0.2.0/30', { protocol: 'layer2', interface: 'eth0' }, { annotations: { [IS_DEFAULT_EIP]: 'true' } })
  await lab.makeEip('tiny', '198.51.100.7', { protocol: 'layer2', interface: 'eth0', priority: 4, namespaces: ['team'] })
  await lab.makeNamespace('team')
  await lab.makeService('default/web')
  await lab.makeService('default/api', { address: '192.0.2.2' })
  await lab.makeService('team/one')
  await lab.shows('default/api', '192.0.2.2')
  await lab.shows('default/web', '192.0.2.0')
  await lab.shows('team/one', '198.51.100.7')
  await lab.makeService('team/two')
  const said = await lab.says('team/two', 'PoolExhausted')

  const pools = await openelb('pools')
  t.same(
    cells(pools.stdout).map((row) => row.slice(0, 11).join(' ')),
    ['public 192.0.2.0/30 layer2 2 2 4 True true 0 <none> 0', 'tiny 198.51.100.7 layer2 1 0 1 True false 4 team 1'],
  )
  t.same(
    cells((await openelb('addresses')).stdout).map((row) => [...row.slice(0, 5), row[6]].join(' ')),
    [
      '192.0.2.0 default/web public layer2 <none> NotAnnounced',
      '192.0.2.2 default/api public layer2 <none> NotAnnounced',
      '198.51.100.7 team/one tiny layer2 <none> NotAnnounced',
    ],
  )
  t.equal(cells((await openelb('addresses -n team --no-headers')).stdout).length, 0, 'one line, which is no header')
  const status = (await openelb('status -o wide')).stdout
  t.match(status, /4 of type LoadBalancer, 1 waiting\n3 addresses in use, 0 announced/)
  t.ok(status.includes(said.message), 'the reason, whole')
  const explained = (await openelb('explain service two -n team')).stdout
  t.ok(explained.includes(`False, PoolExhausted: ${said.message}`), explained)
  t.match(explained, /\+ tiny: priority 4, full: all 1 addresses are held\n +- public is the default Eip, which counts only/)
  t.match(explained, /Events: +\S+ ago Warning AssignIPFailed: /)
  t.match((await openelb('explain service default/api')).stdout, /Address: +192\.0\.2\.2 of Eip public: asked for by eip\.openelb/)
  t.match((await openelb('explain address 192.0.2.2')).stdout, /Held by: +default\/api, TCP\/80\n/)
  t.match(await openelb('explain service default/absent'), { code: 1, stderr: 'openelb: there is no Service default/absent\n' })
})

await t.test('formats are for programs, and names for kubectl', async (t) => {
  t.match(JSON.parse((await openelb('pools -o json')).stdout), { items: [{ name: 'public', free: '2', used: 2 }, { name: 'tiny' }] })
  t.match(parse((await openelb('status -o yaml')).stdout), { services: { loadBalancers: 4, waiting: 1 } })
  const names = (await openelb('addresses tiny -o name')).stdout.trim()
  t.match(await cluster.kubectl(['get', names, '-o', 'name']), names)
  const { code, stdout } = await run(['sh', '-c', `${BIN}/openelb pools | head -n 1`], { env: { KUBECONFIG: cluster.kubeconfig } })
  t.same([code, stdout.startsWith('NAME')], [0, true], 'a reader that leaves early is no error')
})

await t.test('kubectl finds the plugin', async (t) => {
  const env = { PATH: `${BIN}:${process.env['PATH']}` }
  t.match(await cluster.kubectl(['openelb', 'pools', 'tiny', '-o', 'name'], { env }), 'eip.network.kubesphere.io/tiny\n')
  t.match(await cluster.kubectl(['plugin', 'list'], { env }), /bin\/kubectl-openelb/)
})

await t.test('what whatif says is what happens', async (t) => {
  const spec = { address: '192.0.2.0/30', protocol: 'layer2', interface: 'eth0', exclude: ['192.0.2.0'], onShrink: 'evict' }
  const file = (change: object) =>
    stringify({ apiVersion: 'network.kubesphere.io/v1alpha2', kind: 'Eip', metadata: { name: 'public' }, spec: { ...spec, ...change } })
  const moved = await openelb('whatif -f -', { input: file({}) })
  t.equal(moved.code, 0, moved.stderr)
  t.match(moved.stderr, /^Warning: Services whose addresses leave Eip public: default\/web$/m, 'what admission says of it')
  t.same(cells(moved.stdout)[0], ['default/web', '192.0.2.0', '192.0.2.1', 'moves'])
  t.match(moved.stdout, /4 Services: 1 moves, 1 waits, 2 keeps\n$/)
  const cut = await openelb('whatif -f -', { input: file({ exclude: ['192.0.2.0-192.0.2.1', '192.0.2.3'] }) })
  t.match(cut, { code: 1, stdout: /default\/web +192\.0\.2\.0 +<none> +loses +no avliable eip/ })
  t.match(await openelb('whatif -f -', { input: file({ address: '192.0.2.0/29' }) }), {
    code: 1,
    stderr: /would be refused: the address field is not allowed to be modified/,
  })
  t.match(await openelb('whatif --delete tiny'), { code: 0, stdout: /team\/one +198\.51\.100\.7 +198\.51\.100\.7 +drains/ })
  t.same(lab.holders('192.0.2.'), { '192.0.2.0': 'default/web', '192.0.2.2': 'default/api' }, 'nothing was written')
  await patchObject(api, EIPS, { name: 'public' }, { spec }, { type: 'merge' })
  await lab.shows('default/web', '192.0.2.1')
  t.match(await openelb('whatif -f -', { input: file({}) }), { code: 0, stdout: /4 Services: 1 waits, 3 keeps\n$/ })
})

const orphan = (address: string, uid: string): AddressClaimObject =>
  ({
    metadata: { name: address },
    spec: {
      address,
      eip: 'public',
      protocol: 'layer2',
      interface: 'eth0',
      service: 'default/ghost',
      holders: [{ namespace: 'default', name: 'ghost', uid, ports: [] }],
    },
  }) as unknown as AddressClaimObject

await t.test('doctor finds what is wrong, and release mends it', async (t) => {
  await createObject<NodeObject>(api, NODES, { metadata: { name: 'n1' } } as NodeObject)
  await patchObject(
    api,
    NODES,
    { name: 'n1' },
    { status: { addresses: [{ type: 'InternalIP', address: '192.0.2.3' }] } },
    { type: 'merge', subresource: 'status' },
  )
  await lab.makeService('default/slip', { annotations: { [OPT_IN]: 'OpenELB' } })
  const sound = await openelb('doctor')
  t.equal(sound.code, 1, 'there are no Pods here')
  t.match(sound.stdout, /^OK {4}api server +v1\./m)
  t.match(sound.stdout, /^OK {4}kinds /m)
  t.match(sound.stdout, /^OK {4}your rights /m)
  t.match(sound.stdout, /^FAIL {2}speaker +it is not installed in openelb-system$/m)
  t.match(sound.stdout, /^OK {4}leader +led by lab-0 /m)
  t.match(sound.stdout, /^OK {4}webhooks +they trust the certificate that is served$/m)
  t.match(sound.stdout, /^OK {4}certificate +it ends in \d+d$/m)
  t.match(sound.stdout, /^OK {4}ledger +3 claims, no contradiction/m)
  t.match(sound.stdout, /^WARN {2}pools +Eip public contains 192\.0\.2\.3 of node n1$/m)
  t.match(sound.stdout, /^WARN {2}services +team\/two waits: PoolExhausted/m)
  t.match(sound.stdout, /^WARN {2}services +default\/slip has the annotation .*"OpenELB", which opts out$/m)

  // The allocator would take it back itself, so it must not be there.
  await lab.world.end(lab.allocator(), 'SIGTERM')
  t.match((await openelb('doctor')).stdout, /^FAIL {2}leader +no leader/m)
  await createObject(api, ADDRESS_CLAIMS, orphan('192.0.2.3', 'nobody'))
  t.match(
    (await openelb('doctor')).stdout,
    /^FAIL {2}ledger +192\.0\.2\.3 is held by default\/ghost, which does not exist\n +-> openelb release 192\.0\.2\.3$/m,
  )
  t.match(await openelb('release 192.0.2.3'), {
    code: 1,
    stderr: /which does not exist any more; there is no terminal to ask at: confirm with --yes/,
  })
  t.ok(await findObject(api, ADDRESS_CLAIMS, { name: '192.0.2.3' }))
  t.match(await openelb('release 192.0.2.3 --yes'), { code: 0, stdout: 'released 192.0.2.3\n' })
  t.equal(await findObject(api, ADDRESS_CLAIMS, { name: '192.0.2.3' }), undefined)
  t.match(await openelb('release 192.0.2.3 --yes'), { code: 1, stderr: 'openelb: nobody holds 192.0.2.3\n' })
})

await t.test('what a living Service shows is released only by force, and given back', async (t) => {
  t.match(await openelb('release 192.0.2.2 --yes'), {
    code: 1,
    stderr: /held by default\/api, which lives and shows it: delete that Service/,
  })
  t.match(await openelb('release 192.0.2.2 --yes --force'), { code: 0 })
  t.match((await openelb('doctor')).stdout, /^FAIL {2}ledger +default\/api shows 192\.0\.2\.2 without a claim/m)
  await lab.restartAllocator()
  await until('the claim is back', async () => (await findObject(api, ADDRESS_CLAIMS, { name: '192.0.2.2' })) !== undefined)
  t.match((await openelb('status')).stdout, /led by lab-1/)
})

interface Role {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

/** A kubeconfig of a new ServiceAccount, with these roles bound to it. */
async function somebody(name: string, roles: readonly Role[] = []): Promise<string> {
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'default' } }
  const bindings = roles.map(({ kind, metadata }) => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: `${kind}Binding`,
    metadata: { ...metadata, name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', name, namespace: 'default' }],
  }))
  await lab.apply(account, ...roles, ...bindings)
  return cluster.serviceAccountKubeconfig('default', name)
}

await t.test('without rights it says which one is missing; the roles of the manual are enough', async (t) => {
  const stranger = await somebody('stranger')
  const commands = [
    'pools',
    'addresses',
    'status',
    'explain service default/web',
    'whatif --delete tiny',
    'release 192.0.2.2 --yes',
    'move 192.0.2.2 --to n1',
  ]
  for (const { words, code, stdout, stderr } of await all(commands, { kubeconfig: stranger })) {
    t.same([code, stdout], [1, ''], words)
    t.match(
      stderr,
      /^openelb: \S+ (".*" )?is forbidden: User "system:serviceaccount:default:stranger" cannot .*: docs\/cli\.md says which rights/,
      words,
    )
  }
  const [, text = ''] = /```yaml\n(.*?)```/s.exec(readFileSync(MANUAL, 'utf8')) ?? []
  const viewer = await somebody(
    'viewer',
    parseAllDocuments(text).map((document) => document.toJS() as Role),
  )
  const readings = [
    'pools',
    'addresses --all',
    'status',
    'explain service default/web',
    'explain pool tiny',
    'explain address 192.0.2.1',
    'whatif --delete tiny',
  ]
  for (const { words, code, stdout } of await all(readings, { kubeconfig: viewer })) {
    t.equal(code, 0, words)
    t.notMatch(stdout, /you may not|cannot be read/, words)
  }
  const { stdout } = await openelb('doctor', { kubeconfig: viewer })
  const missing = stdout.split('\n').filter((line) => /you may not|unknown/.test(line))
  t.same(
    missing.map((line) => line.replaceAll(/ +/g, ' ')),
    ['patch', 'delete'].map(
      (verb, at) => `WARN your rights you may not ${verb} addressclaims.network.kubesphere.io, which ${['move', 'release'][at]} needs`,
    ),
  )
  t.match(await openelb('release 192.0.2.1 --yes --force', { kubeconfig: viewer }), { code: 1, stderr: /cannot delete resource/ })
  t.equal(OWN, 'openelb-system')
})
