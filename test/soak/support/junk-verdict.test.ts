import t from 'tap'
import type { JunkSpeakerLine } from './junk-lines.ts'
import { type JunkEvidence, judgeJunk } from './junk-verdict.ts'

const speaker = (over: Partial<JunkSpeakerLine> = {}): JunkSpeakerLine => ({
  ...{ rssMiB: 100, peer: true, problems: [], warnings: [], ignored: { malformed: 3 }, rejected: { unsealed: 4 } },
  ...over,
})
const SECONDS = 12
const times = Array.from({ length: 50 }, (_, at) => at + 1)
const calm: JunkEvidence = {
  speaker: Array<JunkSpeakerLine>(SECONDS).fill(speaker()),
  peer: Array<JunkSpeakerLine>(SECONDS).fill(speaker()),
  asker: Array.from({ length: SECONDS }, () => ({ asked: 100, answeredMs: { '192.0.2.1': times, '2001:db8::1': times } })),
  sent: { ARP: 9 },
  alive: true,
}
const later = <Line>(lines: readonly Line[], from: number, over: (line: Line) => Line): readonly Line[] =>
  lines.map((line, at) => (at < from ? line : over(line)))

t.test('a speaker that does not mind', async (t) => {
  t.same(judgeJunk(calm), {
    passed: true,
    faults: [],
    gaps: [],
    sent: { ARP: 9 },
    ignored: { malformed: 3 },
    rejected: { unsealed: 4 },
    answers: Object.fromEntries(
      ['192.0.2.1', '2001:db8::1'].map((address) => [address, { answers: 600, share: 1, p50: 26, p99: 50, worst: 50 }]),
    ),
    rssMiB: { warm: 100, end: 100 },
  })
})

const cases: readonly { name: string; over: Partial<JunkEvidence>; fault?: RegExp; gap?: RegExp }[] = [
  { name: 'it ended', over: { alive: false }, fault: /^the speaker ended$/ },
  { name: 'nobody watched', over: { speaker: [], peer: [], asker: [] }, fault: /^nothing was seen$/ },
  {
    name: 'its peer was lost for a while',
    over: { speaker: later(calm.speaker, 10, (line) => ({ ...line, peer: false })) },
    gap: /^the speaker did not hear the other speaker in 2 s$/,
  },
  { name: 'it was lost for its peer', over: { peer: [speaker({ peer: false })] }, gap: /^its peer did not hear/ },
  {
    name: 'a socket broke',
    over: { speaker: later(calm.speaker, 3, (line) => ({ ...line, problems: ['eth0: recv: ENOBUFS'] })) },
    fault: /^the speaker: eth0: recv: ENOBUFS$/,
  },
  { name: 'its log warns', over: { peer: [speaker({ warnings: ['{"msg":"thread ended"}'] })] }, fault: /^its peer: .*thread ended/ },
  {
    name: 'one address was silent for a second',
    over: { asker: later(calm.asker, 11, (line) => ({ ...line, answeredMs: { ...line.answeredMs, '192.0.2.1': [] } })) },
    gap: /^192\.0\.2\.1: no answer in second 12$/,
  },
  {
    name: 'many questions stayed open',
    over: { asker: later(calm.asker, 0, (line) => ({ ...line, answeredMs: { '192.0.2.1': times.slice(0, 40), '2001:db8::1': times } })) },
    gap: /^192\.0\.2\.1: only 80\.0 % of the questions were answered$/,
  },
  {
    name: 'memory grew after it was warm',
    over: { speaker: later(calm.speaker, 5, (line) => ({ ...line, rssMiB: 117 })) },
    fault: /^its memory grew from 100 to 117 MiB$/,
  },
]
for (const { name, over, fault, gap } of cases) {
  t.test(name, async (t) => {
    const { passed, faults, gaps } = judgeJunk({ ...calm, ...over })
    t.equal(passed, false)
    t.match([faults, gaps], [fault === undefined ? [] : [fault], gap === undefined ? [] : [gap]])
    t.equal(faults.length + gaps.length, 1)
  })
}

t.test('what it needs to get warm is not held against it', async (t) => {
  const cold = calm.speaker.map((line, second) => ({ ...line, rssMiB: second < 3 ? 40 : 100 }))
  t.ok(judgeJunk({ ...calm, speaker: cold }).passed)
})
