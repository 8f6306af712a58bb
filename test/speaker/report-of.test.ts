import t from 'tap'
import { monotonicMs } from '../../src/speaker/fence.ts'
import { createReportPage } from '../../src/speaker/io/report-server.ts'
import type { AddressKey } from '../../src/speaker/layer2/address-key.ts'
import type { Observation } from '../../src/speaker/layer2/observation.ts'
import type { MembershipFacts } from '../../src/speaker/membership/facts.ts'
import { type ReportedLine, type ReportedWire, type ReportFacts, speakerReport } from '../../src/speaker/report-of.ts'
import type { Finding } from '../../src/speaker/speaker-report.ts'

const mac = (last: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, last)
const WALL_MS = Date.parse('2026-11-21T12:00:00Z')

const line = (text: string, address: AddressKey, epoch = 3): ReportedLine => ({
  text,
  address,
  interface: { name: 'eth0', mac: mac(1) },
  epoch,
  recorded: true,
})
const seen = (observation: Partial<Observation>): Observation => ({
  lastAnswer: undefined,
  lastAnnouncementMs: undefined,
  lastForeignClaim: undefined,
  ...observation,
})
const wire = (observations: ReadonlyMap<AddressKey, Observation>): ReportedWire => ({
  counters: { ofAddress: (slot) => ({ requests: slot * 10, responses: slot * 9, gratuitous: 2 }) },
  slots: () => [
    ['192.0.2.1', 1],
    ['2001:db8::1', 2],
  ],
  observation: (address) => observations.get(address),
})
const facts = (some: Partial<ReportFacts>): ReportFacts => ({
  self: 'n1',
  version: '1.2.3',
  membership: undefined,
  lines: [],
  wire: undefined,
  preflight: [],
  nowMs: 100_000,
  wallMs: WALL_MS,
  ...some,
})

t.test('a speaker without membership and addresses', async (t) => {
  const report = speakerReport(facts({}))
  t.same(JSON.parse(JSON.stringify(report)), { node: 'n1', version: '1.2.3', addresses: [], preflight: [] })
})

t.test('members by name, with their faults and the age of their last sign of life', async (t) => {
  const known = (some: object) => ({ alive: true, serving: true, leaving: false, lastSignMs: 99_950.4, fault: undefined, ...some })
  const membership: MembershipFacts = {
    settled: true,
    members: new Map([
      ['n2', known({ alive: false, serving: false, lastSignMs: undefined, fault: 'never-heard' })],
      ['n1', known({ lastSignMs: 100_000.7 })],
      ['n3', known({ leaving: true })],
    ]),
  }
  t.same(speakerReport(facts({ membership })).membership, {
    settled: true,
    quorum: 'majority',
    members: [
      { node: 'n1', alive: true, serving: true, leaving: false, lastSignMsAgo: 0 },
      { node: 'n2', alive: false, serving: false, leaving: false, fault: 'never-heard' },
      { node: 'n3', alive: true, serving: true, leaving: true, lastSignMsAgo: 50 },
    ],
  })
})

t.test('addresses with what was seen of them, in the time of the clock on the wall', async (t) => {
  const observations = new Map<AddressKey, Observation>([
    [
      0xc0000201,
      seen({
        lastAnswer: { toMac: mac(7), atMs: 98_500 },
        lastAnnouncementMs: 40_000,
        lastForeignClaim: { address: 0xc0000201, mac: mac(9), atMs: 99_999, count: 4 },
      }),
    ],
  ])
  const given = facts({ lines: [line('192.0.2.1', 0xc0000201), line('2001:db8::1', 5n, 0)], wire: wire(observations) })
  t.same(speakerReport(given).addresses, [
    {
      address: '192.0.2.1',
      interface: 'eth0',
      mac: '02:00:00:00:00:01',
      epoch: 3,
      recorded: true,
      requests: 10,
      answers: 9,
      lastAnswer: { to: '02:00:00:00:00:07', at: '2026-11-21T11:59:58Z' },
      lastAnnouncement: '2026-11-21T11:59:00Z',
      foreignClaims: { count: 4, mac: '02:00:00:00:00:09', at: '2026-11-21T11:59:59Z' },
    },
    { address: '2001:db8::1', interface: 'eth0', mac: '02:00:00:00:00:01', epoch: 0, recorded: true, requests: 20, answers: 18 },
  ])
  const unknown = speakerReport(facts({ lines: [line('192.0.2.9', 9)], wire: wire(observations) }))
  t.match(unknown.addresses, [{ requests: 0, answers: 0 }], 'a line that the thread has not got yet')
})

t.test('the page is made anew after a moment, not at each request', async (t) => {
  let lines: readonly ReportedLine[] = []
  const findings: readonly Finding[] = [{ check: 'rp-filter', severity: 'warning', message: 'm', cure: 'c' }]
  const page = createReportPage({
    self: 'n1',
    version: '1',
    announcer: undefined,
    latest: () => lines,
    preflight: { findings: () => findings },
  })
  const first = page()
  t.match(JSON.parse(first), { node: 'n1', addresses: [], preflight: [{ check: 'rp-filter' }] })
  lines = [line('192.0.2.1', 1)]
  t.equal(page(), first)
  const untilMs = monotonicMs() + 300
  await new Promise((resolve) => setTimeout(resolve, 300))
  while (monotonicMs() < untilMs) await new Promise((resolve) => setImmediate(resolve))
  t.match(JSON.parse(page()), { addresses: [{ address: '192.0.2.1' }] })
})
