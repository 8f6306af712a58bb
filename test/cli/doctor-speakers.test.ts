/** What the doctor makes of the speakers' reports. */
import t from 'tap'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import { formatMove, MOVE } from '../../src/api/claim-annotations.ts'
import type { KubernetesObject } from '../../src/api/core-objects.ts'
import { auditOwners, checkDisputes, gathered } from '../../src/cli/doctor/check-owners.ts'
import { auditMembership, checkKernels, checkReports } from '../../src/cli/doctor/check-speakers.ts'
import type { Finding } from '../../src/cli/doctor/finding.ts'
import { isReport, readSpeakers, type Speakers } from '../../src/cli/speakers/speakers.ts'
import { doctor } from '../../src/cli/verbs/doctor.ts'
import type { PodWithPorts } from '../../src/cli/workload-objects.ts'
import { ApiError } from '../../src/kube/api-error.ts'
import type { SpeakerReport } from '../../src/speaker/speaker-report.ts'
import { type FakeOptions, fakeCluster, NOW_MS, runVerb } from './support/fake-cluster.ts'
import { answered, claim, condition, eip, member, OWN, report, service, speakerPod } from './support/objects.ts'

const NODES = ['n1', 'n2', 'n3']
const pods = NODES.map((node) => speakerPod(node))

/** The speakers with these reports; a node without one does not answer. */
const speakersOf = (reports: readonly SpeakerReport[]): Speakers => ({
  all: NODES.map((node) => ({
    node,
    pod: speakerPod(node),
    report: reports.find((one) => one.node === node) ?? { kind: 'unreachable', says: 'away' },
  })),
})
const told = (findings: readonly Finding[]): readonly string[] => findings.map(({ level, says }) => `${level} ${says}`)
const pagesOf = (reports: readonly SpeakerReport[]) => Object.fromEntries(reports.map((one) => [`speaker-${one.node}`, one]))
const everybody = NODES.map((node) => report(node, NODES))

t.test('reports: what was read, and why the rest was not', async (t) => {
  const read = (objects: readonly PodWithPorts[], options: Partial<FakeOptions> = {}) =>
    readSpeakers(fakeCluster({ objects, ...options }), OWN)
  const all = await read(pods, { pages: pagesOf(everybody) })
  t.ok(all.all.every((speaker) => isReport(speaker.report)))
  t.same(told(checkReports(all, OWN)), ['OK 3 reports read'])
  t.same(told(checkReports(await read([]), OWN)), [], 'no Pods: said by another check')
  t.same(told(checkReports(await read(pods, { forbidden: ['pods'] }), OWN)), ['WARN their Pods cannot be listed: you may not read it'])

  const forbidden = await read(pods, { forbidden: ['pods/proxy'], pages: pagesOf(everybody) })
  t.match(told(checkReports(forbidden, OWN)), ['WARN n1, n2, n3: you may not get pods/proxy, so its speaker cannot be asked'])

  const old = new ApiError('GET /x: 404 there is only /metrics', { status: 404, reason: 'NotFound' })
  const stuck = new ApiError('GET /x: no answer within 3000 ms', { status: 0, reason: 'Timeout' })
  const mixed = await read([speakerPod('n1'), speakerPod('n2'), speakerPod('n3', { phase: 'Pending' })], {
    pages: { 'speaker-n1': old, 'speaker-n2': stuck },
  })
  t.match(told(checkReports(mixed, OWN)), [
    /^WARN n1: its speaker says nothing of itself at \/report: it is of an older version/,
    'WARN n2: its speaker cannot be asked through the API server: it does not answer',
    'WARN n3: its speaker does not run: the Pod is Pending',
  ])
  const newer = { ...report('n1', NODES), addresses: [{ address: 1 }] }
  t.match(told(checkReports(await read([speakerPod('n1')], { pages: { 'speaker-n1': newer } }), OWN)), [/^WARN n1: .*of another version/])
  const extended = { ...report('n1', NODES), mood: 'fine' }
  t.same(told(checkReports(await read([speakerPod('n1')], { pages: { 'speaker-n1': extended } }), OWN)), ['OK 1 report read'])
})

t.test('a speaker is asked at the port that its Pod calls metrics; other Pods are left alone', async (t) => {
  const asked: string[] = []
  const stranger = { ...speakerPod('n9'), metadata: { ...speakerPod('n9').metadata, labels: { app: 'openelb', component: 'controller' } } }
  const cluster = fakeCluster({ objects: [speakerPod('n1'), speakerPod('n2', { port: 9100 }), stranger] })
  const podPage: typeof cluster.podPage = async ({ namespace, pod, port }, path) => {
    asked.push(`${namespace}/${pod}:${port}${path}`)
    return report('n1', ['n1'])
  }
  await readSpeakers({ ...cluster, podPage }, OWN)
  t.same(asked.toSorted(), ['openelb-system/speaker-n1:50053/report', 'openelb-system/speaker-n2:9100/report'])
})

t.test('a cluster of which most does not answer is not asked to its end', async (t) => {
  const many = Array.from({ length: 200 }, (_, at) => speakerPod(`n${String(at).padStart(3, '0')}`))
  let asked = 0
  const cluster = fakeCluster({ objects: many })
  const speakers = await readSpeakers(
    {
      ...cluster,
      podPage: async () => {
        asked += 1
        await new Promise((resolve) => setImmediate(resolve))
        throw new ApiError('GET /x: no answer', { status: 0, reason: 'Timeout' })
      },
    },
    OWN,
  )
  t.ok(asked >= 32 && asked < 64, `${asked} were asked`)
  t.equal(speakers.all.length, 200)
  t.match(told(checkReports(speakers, OWN)), [/does not answer$/, /^WARN .*was not asked/])
})

t.test('kernels: nodes of one trouble are one line', async (t) => {
  const strictArp = { check: 'strict-arp', severity: 'error', message: 'the kernel answers', cure: 'strictARP' } as const
  const remark = { check: 'bridge-netfilter', severity: 'ok', message: 'by the way', cure: 'none' } as const
  const full = { check: 'neighbour-table', severity: 'warning', message: 'nearly full', cure: 'gc_thresh3' } as const
  const findings = checkKernels(
    speakersOf([
      report('n1', NODES, { preflight: [strictArp, remark] }),
      report('n2', NODES, { preflight: [full] }),
      report('n3', NODES, { preflight: [strictArp] }),
    ]),
  )
  t.same(told(findings), ['FAIL n1, n3: the kernel answers', 'WARN n2: nearly full'])
  t.same(
    findings.map(({ cure }) => cure),
    ['strictARP', 'gc_thresh3'],
  )
  t.same(told(checkKernels(speakersOf([report('n1', NODES, { preflight: [remark] })]))), ['OK nothing on 1 node spoils layer 2'])
  t.same(checkKernels(speakersOf([])), [])
})

t.test('membership', async (t) => {
  const off = NODES.map((node) => report(node, NODES, { membership: undefined }))
  const side = (quorum: 'minority' | 'one-of-two' | 'majority', ...members: ReturnType<typeof member>[]) => ({
    settled: true,
    quorum,
    members,
  })
  const [n1, n2, n3] = [member('n1'), member('n2'), member('n3')]
  const table: readonly (readonly [string, readonly SpeakerReport[], readonly (string | RegExp)[]])[] = [
    ['all well', everybody, []],
    ['nobody to ask', [], []],
    ['alone', [report('n1', ['n1'])], []],
    ['off everywhere', off, [/^WARN it is off, for want of a key/]],
    [
      'one has no key',
      [report('n1', NODES), report('n2', NODES), report('n3', NODES, { membership: undefined })],
      ['FAIL n3: the speaker has no key, and the others have one'],
    ],
    [
      'one starts',
      [report('n1', NODES, { membership: { settled: false, quorum: 'minority', members: [n1] } })],
      ['WARN n1 has not heard the others yet, and takes nothing over'],
    ],
    [
      'one runs and is cut off',
      [
        report('n1', NODES, { membership: side('majority', n1, n2, member('n3', 'silent')) }),
        report('n2', NODES, { membership: side('majority', n1, n2, member('n3', 'silent')) }),
        report('n3', NODES, { membership: side('minority', member('n1', 'silent'), member('n2', 'silent'), n3) }),
      ],
      [
        'FAIL n3 hears 1 of 3 speakers, itself included: no majority, so it takes nothing over',
        'FAIL n3 runs, and is not heard by n1, n2',
        'FAIL n1 runs, and is not heard by n3',
        'FAIL n2 runs, and is not heard by n3',
      ],
    ],
    [
      'one is dead',
      [report('n1', NODES, { membership: side('majority', n1, n2, member('n3', 'ended')) }), report('n2', NODES)],
      ['WARN n3 is not heard by n1, and does not answer here either'],
    ],
    [
      'two, and one is dead',
      [report('n1', NODES, { membership: side('one-of-two', n1, member('n2', 'silent')) })],
      [/^WARN n1 hears 1 of 2 speakers.*only while it reaches the API server/, /^WARN n2 is not heard by n1/],
    ],
    [
      'another key',
      [report('n1', ['n1', 'n2'], { membership: side('one-of-two', n1, member('n2', 'never-heard')) }), report('n2', ['n2'])],
      [/^WARN n1 hears 1 of 2/, 'FAIL n2 runs, and has never been heard by n1'],
    ],
    [
      'one cannot answer',
      [report('n1', NODES, { membership: side('majority', n1, n2, member('n3', undefined, false)) })],
      ['WARN n3 says that it cannot answer on the wire now'],
    ],
  ]
  for (const [name, reports, want] of table) {
    const found = told(auditMembership(speakersOf(reports), OWN))
    t.equal(found.length, want.length, `${name}: ${found.join('; ')}`)
    // In whatever order.
    for (const one of want)
      t.ok(
        found.some((says) => (typeof one === 'string' ? says === one : one.test(says))),
        `${name}: ${one}`,
      )
  }
  t.match(auditMembership(speakersOf(off), OWN), [{ cure: /^kubectl -n openelb-system create secret generic memberlist / }])
  const oneWithout = [report('n1', NODES), report('n2', NODES), report('n3', NODES, { membership: undefined })]
  t.match(auditMembership(speakersOf(oneWithout), OWN), [{ cure: /^the log of the speaker says why/ }], 'the Secret is there')
})

const held = (address: string, owner: string | undefined, some: object = {}): AddressClaimObject => ({
  ...claim(address, 'a', owner === undefined ? {} : { owner }),
  ...some,
})
const answers = (node: string, ...addresses: SpeakerReport['addresses']): SpeakerReport => report(node, NODES, { addresses })

t.test('owners: who answers, against who is recorded', async (t) => {
  const table: readonly (readonly [string, readonly AddressClaimObject[], readonly SpeakerReport[], readonly string[]])[] = [
    ['as recorded', [held('10.0.0.2', 'n1')], [answers('n1', answered('10.0.0.2'))], []],
    ['nobody could be asked', [held('10.0.0.2', 'n1')], [], []],
    [
      'two',
      [held('10.0.0.2', 'n1')],
      [answers('n1', answered('10.0.0.2', 3)), answers('n2', answered('10.0.0.2', 4))],
      ['FAIL 10.0.0.2: answered by n1 (epoch 3) and n2 (epoch 4)'],
    ],
    [
      'another one',
      [held('10.0.0.2', 'n1')],
      [answers('n2', answered('10.0.0.2', 4))],
      ['FAIL 10.0.0.2: answered by n2 and recorded for n1'],
    ],
    [
      'nobody is recorded',
      [held('10.0.0.2', undefined)],
      [answers('n2', answered('10.0.0.2', 4))],
      ['FAIL 10.0.0.2: answered by n2 and recorded for nobody'],
    ],
    ['the owner is silent', [held('fd00::2', 'n1')], [answers('n1')], ['FAIL fd00::2: recorded for n1, which does not answer for it']],
    ['the owner could not be asked', [held('10.0.0.2', 'n1')], [answers('n2')], []],
    ['nobody owns it', [held('10.0.0.2', undefined)], [answers('n1')], []],
    ['nobody holds it', [], [answers('n1', answered('10.0.0.9'))], ['FAIL 10.0.0.9: answered by n1, and nobody holds it']],
  ]
  for (const [name, claims, reports, want] of table) t.same(told(auditOwners(claims, speakersOf(reports))), want, name)
})

t.test('many addresses of one trouble are one line', async (t) => {
  const addresses = Array.from({ length: 9 }, (_, at) => `10.0.0.${at}`)
  const found = auditOwners(
    addresses.map((address) => held(address, address === '10.0.0.8' ? 'n2' : 'n1')),
    speakersOf([answers('n1'), answers('n2')]),
  )
  t.equal(found.length, 9)
  t.same(told(gathered(found)), [
    'FAIL 10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4 and 3 more: recorded for n1, which does not answer for it',
    'FAIL 10.0.0.8: recorded for n2, which does not answer for it',
  ])
  const seen = (address: string, at: string) => answered(address, 3, { foreignClaims: { mac: '02:00:00:00:00:99', at, count: 2 } })
  const both = answers('n1', seen('10.0.0.0', '2026-11-21T00:00:30Z'), seen('10.0.0.1', '2026-11-21T00:00:50Z'))
  t.same(told(checkDisputes([], speakersOf([both]), NOW_MS)), [
    'WARN 02:00:00:00:00:99 said that it has 10.0.0.0, 10.0.0.1, 4 times, last 10s ago; seen by n1',
  ])
})

t.test('disputes: other hosts, and moves that do not come about', async (t) => {
  const seen = (mac: string, at: string, count = 4) => answered('10.0.0.2', 3, { foreignClaims: { mac, at, count } })
  const tell = (claims: readonly AddressClaimObject[], ...reports: SpeakerReport[]) =>
    told(checkDisputes(claims, speakersOf(reports), NOW_MS))
  const own = held('10.0.0.2', 'n1')
  t.same(tell([own], answers('n1', seen('02:00:00:00:00:99', '2026-11-21T00:00:30Z'))), [
    'WARN 02:00:00:00:00:99 said that it has 10.0.0.2, 4 times, last 30s ago; seen by n1',
  ])
  t.same(tell([own], answers('n1', seen('02:00:00:00:00:99', '2026-11-20T00:00:30Z'))), [], 'long ago')
  t.same(tell([own], answers('n1', seen('02:00:00:00:00:01', '2026-11-21T00:00:30Z'))), [], 'one of our own nodes, on a move')
  const contested = claim('10.0.0.2', 'a', {
    owner: 'n1',
    conditions: [condition('AddressConflict', 'True', 'ForeignClaim', '02:99 has it')],
  })
  t.same(tell([contested], answers('n1', seen('02:00:00:00:00:99', '2026-11-21T00:00:30Z'))), ['FAIL 10.0.0.2: 02:99 has it'], 'said once')
  const wished = (node: string, epoch: number) => ({
    ...own,
    metadata: { ...own.metadata, annotations: { [MOVE]: formatMove({ node, epoch }) } },
  })
  t.same(tell([wished('n2', 3)]), ['WARN 10.0.0.2: shall move from n1 to n2, and has not yet'])
  t.same(tell([wished('n2', 2)]), [], 'of a former owner')
  t.same(tell([wished('n1', 3)]), [], 'it is there')
})

t.test('the doctor looks twice at what may be of a moment, and prints the rest', async (t) => {
  const objects: readonly KubernetesObject[] = [
    ...pods,
    eip('pool', '10.0.0.0/29'),
    claim('10.0.0.2', 'a', { owner: 'n1' }),
    service('a', { shows: ['10.0.0.2'] }),
  ]
  const examine = async (pages: FakeOptions['pages']) => {
    const cluster = fakeCluster({ objects, ...(pages !== undefined && { pages }) })
    const { out } = await runVerb(doctor, [], cluster)
    return { out, waitedMs: cluster.waitedMs }
  }
  const [, n2, n3] = everybody
  const right = [answers('n1', answered('10.0.0.2')), n2, n3] as readonly SpeakerReport[]
  const well = await examine(pagesOf(right))
  for (const line of [
    /^OK {4}speakers +3 reports read$/m,
    /^OK {4}nodes /m,
    /^OK {4}membership +3 speakers hear/m,
    /^OK {4}owners +1 answered/m,
  ]) {
    t.match(well.out, line)
  }
  const wrong = [answers('n1'), answers('n2', answered('10.0.0.2', 4)), n3] as readonly SpeakerReport[]
  const lasting = await examine(pagesOf(wrong))
  t.match(lasting.out, /^FAIL {2}owners +10\.0\.0\.2: answered by n2 and recorded for n1\n +-> the record follows/m)
  t.equal(lasting.waitedMs, well.waitedMs + 3000)

  const pages: Record<string, unknown> = pagesOf(wrong)
  const cluster = fakeCluster({ objects, pages, afterwards: () => void Object.assign(pages, pagesOf(right)) })
  t.match((await runVerb(doctor, [], cluster)).out, /^OK {4}owners /m, 'it only moved')
})
