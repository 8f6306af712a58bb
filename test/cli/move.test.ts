import t from 'tap'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import { formatMove, MOVE, moveWishOf } from '../../src/api/claim-annotations.ts'
import type { KubernetesObject, NodeObject } from '../../src/api/core-objects.ts'
import { move } from '../../src/cli/verbs/move.ts'
import { ApiError } from '../../src/kube/api-error.ts'
import { type FakeCluster, type FakeOptions, fakeCluster, runVerb } from './support/fake-cluster.ts'
import { claim, eip, node, report, service, speakerPod } from './support/objects.ts'

const NODES = ['n1', 'n2', 'n3']
const ready = (name: string, some: Partial<NodeObject> = {}): NodeObject => ({
  ...node(name, '192.168.0.1'),
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
  ...some,
})
const world = (...claims: AddressClaimObject[]): readonly KubernetesObject[] => [
  ...NODES.map((name) => ready(name)),
  ...NODES.map((name) => speakerPod(name)),
  eip('pool', '10.0.0.0/29'),
  service('web'),
  service('gone-local', { spec: { externalTrafficPolicy: 'Local' } }),
  ...claims,
]
const pages = Object.fromEntries(NODES.map((name) => [`speaker-${name}`, report(name, NODES)]))
const isClaim = (object: KubernetesObject): object is AddressClaimObject => object.kind === 'AddressClaim'

/** Speakers that fulfil a wish after so many looks at it; `by` may be somebody else. */
function speakers(afterLooks: number, by?: string): NonNullable<FakeOptions['afterwards']> {
  let looks = 0
  return (cluster: FakeCluster, objects) => {
    for (const each of objects.filter(isClaim)) {
      const wish = moveWishOf(each)
      const owner = each.status?.owner
      if (wish === undefined || owner === undefined || wish.epoch !== owner.epoch || ++looks <= afterLooks) continue
      cluster.replace(each, { status: { ...each.status, owner: { ...owner, node: by ?? wish.node, epoch: owner.epoch + 1 } } })
    }
  }
}

const run = async (words: string, objects: readonly KubernetesObject[], options: FakeOptions = {}) => {
  const cluster = fakeCluster({ objects, pages, ...options })
  const said: string[] = []
  const ran = await runVerb(move, words.split(' '), cluster, { say: (text) => void said.push(text) })
  return { ...ran, cluster, said }
}
const owned = claim('10.0.0.2', 'web', { owner: 'n1' })

t.test('an address moves, and the wish is taken away again', async (t) => {
  const { code, out, cluster, said } = await run('10.0.0.2 --to n2', world(owned), { afterwards: speakers(3) })
  t.equal(code, 0, out)
  t.match(out, /^ADDRESS +SERVICE +BEFORE +AFTER +EPOCH +TOOK +RESULT\n10\.0\.0\.2 +default\/web +n1 +n2 +3 -> 4 +\d+ ms +moved\n$/)
  t.same(cluster.annotated, [
    `addressclaims/10.0.0.2@7 ${MOVE}=${formatMove({ node: 'n2', epoch: 3 })}`,
    `addressclaims/10.0.0.2@9 ${MOVE}=`,
  ])
  t.same(said, ['asking n2 to take 10.0.0.2 from n1'])
  t.ok(cluster.waitedMs < 1000)
  const { out: json } = await run('10.0.0.2 --to n2 -o json', world(owned), { afterwards: speakers(0) })
  t.match(JSON.parse(json), {
    items: [{ address: '10.0.0.2', before: 'n1', after: 'n2', epochBefore: 3, epochAfter: 4, tookMs: 0, result: 'moved' }],
  })
})

t.test('IPv6, lists, and all of a node', async (t) => {
  const six = claim('fd00::2', 'web', { owner: 'n1' })
  const other = claim('10.0.0.3', 'web', { owner: 'n3' })
  const both = await run('10.0.0.2,fd00:0::2 --to=n2', world(owned, six, other), { afterwards: speakers(2) })
  t.match(both, { code: 0, out: /10\.0\.0\.2 .*n2.*moved\nfd00::2 .*n2.*moved\n$/, said: ['asking for 2 moves'] })
  const drained = await run('--all --from n1', world(owned, six, other), { afterwards: speakers(0) })
  t.equal(drained.code, 0)
  t.notMatch(drained.out, /10\.0\.0\.3/)
  t.notMatch(drained.out, / n1 +n1 /)
  t.match(await run('--all --from n2', world(owned)), { code: 0, out: '', err: 'n2 owns no address.' })
  const many = Array.from({ length: 40 }, (_, at) => claim(`10.0.1.${at}`, 'web', { owner: 'n1' }))
  const all = await run('--all --from n1 --to n3', world(...many), { afterwards: speakers(90) })
  t.equal(all.out.match(/ n3 .* moved$/gm)?.length, 40)
})

t.test('what may not move is refused before anything is written', async (t) => {
  const bad = ready('n3', { status: { conditions: [{ type: 'Ready', status: 'False' }] } })
  const bgp = { ...owned, spec: { ...owned.spec, protocol: 'bgp' as const } }
  const local = claim('10.0.0.4', 'gone-local', { owner: 'n1' })
  const table: readonly (readonly [string, readonly KubernetesObject[], RegExp])[] = [
    ['10.0.0.9 --to n2', world(owned), /^nobody holds 10\.0\.0\.9$/],
    ['10.0.0.2 --to n1', world(owned), /^n1 owns 10\.0\.0\.2 already$/],
    ['10.0.0.2 --to n22', world(owned), /^there is no node n22; did you mean n2\?$/],
    [
      '10.0.0.2 --to n3',
      [...world(owned).filter(({ metadata }) => metadata.name !== 'n3'), bad],
      /^n3 may not own 10\.0\.0\.2: the node is not Ready$/,
    ],
    [
      '10.0.0.2 --to n3',
      world(owned).filter(({ metadata }) => metadata.name !== 'speaker-n3'),
      /^n3 may not own 10\.0\.0\.2: no speaker Pod runs/,
    ],
    ['10.0.0.4 --to n2', world(local), /^n2 may not own 10\.0\.0\.4: externalTrafficPolicy is Local and no ready endpoint/],
    ['10.0.0.2 --to n2', world(bgp), /^10\.0\.0\.2 is announced by bgp: only addresses of protocol layer2/],
    ['10.0.0.2 --to n2', world(claim('10.0.0.2', 'web')), /^nobody answers for 10\.0\.0\.2, so nobody can hand it over/],
    ['10.0.0.2 --to n2 --from n3', world(owned), /^n1 owns 10\.0\.0\.2, not n3$/],
    ['10.0.0.2 10.0.0.3 --to n2', world(owned, claim('10.0.0.3', 'web', { owner: 'n2' })), /^n2 owns 10\.0\.0\.3 already$/],
  ]
  for (const [words, objects, want] of table) {
    const { code, err, cluster } = await run(words, objects)
    t.match({ code, err }, { code: 1, err: want }, words)
    t.same(cluster.annotated, [], words)
  }
  const silent = {
    ...pages,
    'speaker-n1': {
      ...report('n1', NODES),
      membership: {
        settled: true,
        quorum: 'majority',
        members: report('n1', NODES).membership?.members.map((one) =>
          one.node === 'n3' ? { ...one, alive: false, fault: 'silent' } : one,
        ),
      },
    },
  }
  t.match(await run('10.0.0.2 --to n3', world(owned), { pages: silent }), {
    code: 1,
    err: /the speaker on the node is not heard by the other speakers$/,
  })
  const alone = world(owned).filter(({ metadata }) => !['n2', 'n3'].includes(metadata.name))
  t.match(await run('--all --from n1', alone), { code: 1, out: /n1 +n1 +3 +<none> +refused: no other node may own 10\.0\.0\.2\n/ })
})

t.test('what does not come about is said, and the wish does not stay', async (t) => {
  const idle = await run('10.0.0.2 --to n2 --wait 3s', world(owned))
  t.match(idle, { code: 1, out: /n1 +n1 +3 +<none> +not moved: n2 did not take it within 3s, and the wish is taken back/ })
  t.equal(idle.cluster.annotated.at(-1), `addressclaims/10.0.0.2@8 ${MOVE}=`)
  t.ok(idle.cluster.waitedMs >= 3000 && idle.cluster.waitedMs < 3500)
  t.match(idle.said, [/^asking/, '0 of 1 settled, waiting for the rest'])
  t.match(await run('10.0.0.2 --to n2', world(owned), { afterwards: speakers(1, 'n3') }), {
    code: 1,
    out: /3 -> 4 +<none> +not moved: n3 took it meanwhile/,
  })
  const dropped = await run('10.0.0.2 --to n2 --wait 1s', world(owned), {
    afterwards: (cluster, objects) => {
      const found = objects.find(isClaim)
      if (found?.status?.owner !== undefined) cluster.replace(found, { status: {} })
    },
  })
  t.match(dropped, { code: 1, out: /not moved: n1 gave it up and nobody has taken it yet/ })
})

t.test('an API server that goes away meanwhile, and a claim that does', async (t) => {
  const cluster = fakeCluster({ objects: world(owned), pages, afterwards: speakers(4) })
  let looks = 0
  const away = new ApiError('GET /x: no answer', { status: 0, reason: 'Timeout' })
  const flaky = {
    ...cluster,
    find: async <T>(...[resource, ref]: Parameters<typeof cluster.find>): Promise<T | undefined> => {
      if (resource.kind === 'AddressClaim' && ++looks > 1 && looks < 5) throw away
      return cluster.find<T>(resource, ref)
    },
  }
  t.match(await runVerb(move, ['10.0.0.2', '--to', 'n2'], flaky), { code: 0 }, 'it is waited for')
  looks = 0
  const fresh = fakeCluster({ objects: world(owned), pages })
  const released = {
    ...fresh,
    find: async <T>(...[resource, ref]: Parameters<typeof cluster.find>): Promise<T | undefined> =>
      resource.kind === 'AddressClaim' && ++looks > 1 ? undefined : fresh.find<T>(resource, ref),
  }
  t.match(await runVerb(move, ['10.0.0.2', '--to', 'n2'], released), { code: 1, out: /not moved: its Service released it meanwhile/ })
})

t.test('a claim that changes meanwhile is looked at again', async (t) => {
  let clashes = 2
  const cluster = fakeCluster({ objects: world(owned), pages, afterwards: speakers(0) })
  const clashing = {
    ...cluster,
    annotate: async <T>(...[resource, object, annotations]: Parameters<typeof cluster.annotate>): Promise<T> => {
      if (clashes-- > 0) throw new ApiError('PATCH /x: 409 changed', { status: 409, reason: 'Conflict' })
      return cluster.annotate<T>(resource, object, annotations)
    },
  }
  t.match(await runVerb(move, ['10.0.0.2', '--to', 'n2'], clashing), { code: 0 })
  clashes = 99
  t.match(await runVerb(move, ['10.0.0.2', '--to', 'n3'], clashing), { code: 1, out: /not moved: the claim changes all the time/ })
  const { out, code } = await run('10.0.0.2 --to n2', world(owned), { forbidden: ['addressclaims.network.kubesphere.io/patch'] })
  t.equal(code, 1, out)
})

t.test('wrong usage', async (t) => {
  for (const words of ['', '10.0.0.2', '--to n2', '--all', '--all --to n2', '10.0.0.2 --all --from n1']) {
    t.match(
      await runVerb(move, words === '' ? [] : words.split(' '), fakeCluster()),
      { code: 2, err: /write: openelb move ADDRESS/ },
      words,
    )
  }
  t.match(await run('10.0.0 --to n2', []), { code: 2, err: /is not an IP address/ })
  t.match(await run('10.0.0.2 --to n2 --wait soon', []), { code: 2 })
})
