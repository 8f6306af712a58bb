import t from 'tap'
import { lineCoverage } from '../../scripts/coverage.ts'
import { runProgram } from '../../scripts/step.ts'
import { createTapReader, failuresOf, type TestPoint } from '../../scripts/tap-stream.ts'

function read(text: string) {
  const points: TestPoint[] = []
  const reader = createTapReader((point) => points.push(point))
  for (const line of text.split('\n')) reader.line(line)
  return { points, tally: reader.tally(), rest: reader.rest(), isWhole: reader.isWhole() }
}

t.test('a stream of tap', async (t) => {
  const { points, tally } = read(`TAP version 14
# Subtest: one
    ok 1 - inner # time=3ms
    not ok 2 - inner failure
    1..2
not ok 1 - one # time=1500.5ms
  ---
  at: here
  ...
ok 2 - two { is # no brace # time=2s
1..2
# { total: 7, pass: 4, fail: 2, skip: 1 }
# time=12ms`)
  t.same(
    points.map(({ ok, name, seconds }) => [ok, name, seconds]),
    [
      [false, 'one', 1.5005],
      [true, 'two { is # no brace', 2],
    ],
  )
  t.match(points[0]?.text, /inner failure/)
  t.notMatch(points[0]?.text, /at: here/, 'details of a failure follow its line')
  t.equal(failuresOf(points[0]?.text ?? '').trim(), 'not ok 2 - inner failure\nnot ok 1 - one # time=1500.5ms')
  t.same(tally, { passed: 5, failed: 2 })
})

t.test('a stream that is cut off is a failure', async (t) => {
  t.same(read('TAP version 14\nok 1 - one').tally, { passed: 0, failed: 1 })
  t.same(read('').tally, { passed: 0, failed: 1 })
  t.same(read('# { total: 3, pass: 3 }').tally, { passed: 3, failed: 0 })
  t.equal(read('ok 1 - one\nError: boom').rest, 'Error: boom')
  // What failed in it may be run once more; what never ran is not known.
  t.notOk(read('not ok 1 - one').isWhole)
  t.ok(read('not ok 1 - one\n# { total: 3, pass: 2, fail: 1 }').isWhole)
})

t.test('coverage counts files that no test loads', async (t) => {
  const report = [
    { path: 'src/a.ts', covered: 90, total: 100 },
    { path: 'src/shell.ts', covered: 0, total: 1000 },
  ]
  const files = [
    { path: 'src/a.ts', lines: 100 },
    { path: 'src/b.ts', lines: 100 },
  ]
  t.same(lineCoverage(report, files), {
    percent: 45,
    worst: [
      { path: 'src/b.ts', covered: 0, total: 100 },
      { path: 'src/a.ts', covered: 90, total: 100 },
    ],
  })
  t.equal(lineCoverage([], []).percent, 100)
})

t.test('programs end within their bound, and say how', async (t) => {
  const lines: string[] = []
  const fine = await runProgram({
    argv: ['-e', 'console.log("a\\nb"); process.stdout.write("c")'],
    limitMs: 20_000,
    onLine: (line) => lines.push(line),
  })
  t.match(fine, { ok: true, reason: '', output: 'a\nb\nc' })
  t.same(lines, ['a', 'b', 'c'])
  t.match(await runProgram({ argv: ['-e', 'process.exit(3)'], limitMs: 20_000 }), { ok: false, reason: 'exit code 3' })
  t.match(await runProgram({ argv: ['-e', 'setInterval(() => {}, 1000)'], limitMs: 300 }), { ok: false, reason: 'not done after 0.3 s' })
})
