import t from 'tap'
import { judgeWire, takeOverMs, type WireRecord } from './wire-capture-analysis.ts'

const [A, B, C] = ['02:00:00:00:00:0a', '02:00:00:00:00:0b', '02:00:00:00:00:0c']

/** A probe every 5 ms from 0; `who` says which MACs answer the one of that time, 1 ms later. */
function recording(untilMs: number, who: (atMs: number) => readonly string[]): WireRecord[] {
  const records: WireRecord[] = []
  for (let atMs = 0, id = 0; atMs < untilMs; atMs += 5, id = (id + 1) % 256) {
    records.push({ atMs, kind: 'probe', mac: '', id })
    for (const [at, mac] of who(atMs).entries()) records.push({ atMs: atMs + 1 + at / 10, kind: 'answer', mac, id })
  }
  return records
}

const judge = (untilMs: number, who: (atMs: number) => readonly string[]) => judgeWire(recording(untilMs, who), 5)

t.test('nothing was recorded', async (t) => {
  t.same(judgeWire([], 5), {
    probes: 0,
    lost: 0,
    silentMs: 0,
    longestSilenceMs: 0,
    doubles: 0,
    twoMacsMs: 0,
    tenures: [],
    moves: 0,
    announcements: [],
    slowestAnswerMs: undefined,
  })
})

t.test('one owner without a break, also when the numbers of the probes start again', async (t) => {
  const report = judge(5000, () => [A])
  t.match(report, { probes: 1000, lost: 0, silentMs: 0, doubles: 0, twoMacsMs: 0, moves: 0, slowestAnswerMs: 1 })
  t.same(report.tenures, [{ mac: A, fromMs: 1, toMs: 4996, answers: 1000 }])
})

t.test('a crash: nobody for 80 ms, then another', async (t) => {
  const report = judge(1000, (atMs) => (atMs < 400 ? [A] : atMs < 480 ? [] : [B]))
  t.match(report, { probes: 200, lost: 16, silentMs: 80, longestSilenceMs: 80, doubles: 0, twoMacsMs: 0, moves: 1 })
  t.same(
    report.tenures.map(({ mac }) => mac),
    [A, B],
  )
  t.equal(takeOverMs(report, A, 400), 81)
  t.equal(takeOverMs(report, B, 400), undefined)
})

t.test('a hand-over: the new owner answers 20 ms before the old one stops', async (t) => {
  const report = judge(1000, (atMs) => (atMs < 400 ? [A] : atMs < 420 ? [A, B] : [B]))
  t.match(report, { lost: 0, doubles: 4, moves: 1 })
  t.ok(report.twoMacsMs > 14 && report.twoMacsMs < 20, `${report.twoMacsMs}`)
})

t.test('one that answers for a while beside another that goes on: two MACs, and nothing moved', async (t) => {
  const report = judge(1000, (atMs) => (atMs > 200 && atMs <= 400 ? [A, B] : [A]))
  t.match(report, { moves: 0, doubles: 40 })
  t.ok(report.twoMacsMs > 190 && report.twoMacsMs < 200, `${report.twoMacsMs}`)
})

t.test('two that answer every second probe each are two, though no probe was answered twice', async (t) => {
  const report = judge(1000, (atMs) => (atMs % 10 === 0 ? [A] : [B]))
  t.match(report, { doubles: 0, lost: 0 })
  t.ok(report.twoMacsMs > 980, `${report.twoMacsMs}`)
})

t.test('three at once are counted once', async (t) => {
  const report = judge(500, () => [A, B, C])
  t.equal(report.doubles, 100)
  t.ok(report.twoMacsMs > 490 && report.twoMacsMs < 500, `${report.twoMacsMs}`)
})

t.test('a pause of one owner is silence and no move; an address that goes and comes back moved twice', async (t) => {
  const paused = judge(2000, (atMs) => (atMs >= 400 && atMs < 1000 ? [] : [A]))
  t.match(paused, { moves: 0, silentMs: 600, lost: 120 })
  t.equal(paused.tenures.length, 1)
  t.match(
    judge(3000, (atMs) => (atMs >= 1000 && atMs < 2000 ? [B] : [A])),
    { moves: 2, lost: 0, twoMacsMs: 0 },
  )
})

t.test('silence at the beginning and at the end counts, but not the last moments', async (t) => {
  t.match(
    judge(500, (atMs) => (atMs < 100 ? [] : [A])),
    { lost: 20, silentMs: 100 },
  )
  t.match(
    judge(500, (atMs) => (atMs < 480 ? [A] : [])),
    { lost: 0, silentMs: 0, probes: 96 },
  )
  const end = judge(500, (atMs) => (atMs < 300 ? [A] : []))
  t.match(end, { lost: 29, silentMs: 140 })
})

t.test('a late answer belongs to its own probe; an answer to nothing is no answer', async (t) => {
  const late: WireRecord[] = [
    { atMs: 0, kind: 'answer', mac: B, id: 9 },
    { atMs: 1, kind: 'probe', mac: '', id: 0 },
    { atMs: 6, kind: 'probe', mac: '', id: 1 },
    { atMs: 201, kind: 'answer', mac: A, id: 0 },
    { atMs: 203, kind: 'answer', mac: A, id: 1 },
  ]
  t.match(judgeWire(late, 5), { probes: 2, lost: 0, slowestAnswerMs: 200 })
})

t.test('announcements are kept apart from answers', async (t) => {
  const announced: WireRecord[] = [{ atMs: 3, kind: 'announcement', mac: B, id: -1 }, ...recording(100, () => [A])]
  const report = judgeWire(announced, 5)
  t.match(report, { moves: 0, twoMacsMs: 0 })
  t.same(report.announcements, [{ atMs: 3, mac: B }])
})
