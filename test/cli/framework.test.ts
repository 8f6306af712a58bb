import fc from 'fast-check'
import t from 'tap'
import { formatAge, formatSpan } from '../../src/cli/age.ts'
import { attempt } from '../../src/cli/cluster-reader.ts'
import { renderReport } from '../../src/cli/render.ts'
import type { Report } from '../../src/cli/report.ts'
import { formatTable } from '../../src/cli/table.ts'
import { explainTrouble, shortTrouble } from '../../src/cli/trouble.ts'
import { readCommand } from '../../src/cli/usage.ts'
import type { Verb } from '../../src/cli/verb.ts'
import { ApiError } from '../../src/kube/api-error.ts'

const verb = (name: string, over: Partial<Verb> = {}): Verb => ({
  name,
  synopsis: [`${name} [WORD]`],
  summary: `does ${name}`,
  about: `More about ${name}.`,
  flags: ['output', 'namespace'],
  run: async () => ({ kind: 'trouble', message: 'not run' }),
  ...over,
})
const VERBS = [verb('pools', { lists: true }), verb('release', { flags: ['yes'] })]
const read = (...argv: string[]) => readCommand(argv, VERBS, '1.2.3')

t.test('a command line becomes a verb, its words and its flags', async (t) => {
  t.match(read('pools'), { kind: 'run', verb: { name: 'pools' }, words: [], values: { output: 'table', namespace: '' } })
  t.match(read('-n', 'a', 'pools', 'x', '-ojson'), { kind: 'run', words: ['x'], values: { output: 'json', namespace: 'a' } })
  t.match(read('pools', '-o', 'name'), { kind: 'run' })
  t.match(read('release', '-y', '--context=c'), { kind: 'run', values: { yes: true, context: 'c' } })
})

t.test('help, version and no verb', async (t) => {
  for (const argv of [['--help'], ['help'], ['-h']])
    t.match(read(...argv), { kind: 'print', code: 0, text: /pools +does pools/ }, argv.join())
  t.match(read(), { kind: 'print', code: 2, text: /^Usage: openelb VERB/ })
  for (const argv of [
    ['pools', '--help'],
    ['help', 'pools'],
    ['pools', '-h', 'x'],
  ]) {
    t.match(
      read(...argv),
      { kind: 'print', code: 0, text: /openelb pools \[WORD\].*More about pools\..*-o, --output=FORMAT/s },
      argv.join(),
    )
  }
  const help = read('release', '--help')
  t.ok(help.kind === 'print' && !help.text.includes('--output'), 'only its own flags')
  t.match(help, { text: /--kubeconfig=FILE/ }, 'and the common ones')
  for (const argv of [['--version'], ['version']]) t.same(read(...argv), { kind: 'print', text: 'openelb 1.2.3\n', code: 0 })
})

t.test('wrong usage is told with what would be right', async (t) => {
  const table: readonly [string[], RegExp][] = [
    [['pols'], /no verb pols; did you mean pools\?/],
    [['entirely'], /no verb entirely; there are pools, release/],
    [['help', 'pols'], /did you mean pools/],
    [['pools', '--outputt=json'], /did you mean --output/],
    [['pools', '-o', 'xml'], /one of table, wide, json, yaml, name/],
    [['pools', '--yes'], /pools takes no --yes; see openelb pools --help/],
    [['pools', '-o'], /--output needs a value/],
  ]
  for (const [argv, message] of table) t.match(read(...argv), { kind: 'misuse', message }, argv.join(' '))
  const named = readCommand(['other', '-o', 'name'], [verb('other')], '1')
  t.match(named, { kind: 'misuse', message: /other lists no objects/ })
  const words = fc.array(fc.oneof(fc.string(), fc.constantFrom('pools', '-o', '--yes', '-A', '--', '-')))
  t.doesNotThrow(() => fc.assert(fc.property(words, (argv) => ['run', 'print', 'misuse'].includes(read(...argv).kind))))
})

const table = (rows: readonly (readonly string[])[]) => ({
  columns: [{ title: 'A' }, { title: 'LONG', wide: true }, { title: 'END' }],
  rows,
})
const plain = { headers: true, wide: true, colour: false }

t.test('tables are aligned like kubectl’s', async (t) => {
  const rows = table([
    ['xyz', '', ''],
    ['q', 'w', 'e'],
  ])
  t.equal(formatTable(rows, plain), 'A     LONG     END\nxyz   <none>\nq     w        e')
  t.equal(formatTable(rows, { ...plain, wide: false }), 'A     END\nxyz\nq     e')
  t.equal(formatTable(rows, { ...plain, headers: false }), 'xyz   <none>\nq     w        e')
})

t.test('a colour takes no width, and no text of an object moves the cursor', async (t) => {
  const painted = { columns: [{ title: 'A' }, { title: 'B' }], rows: [[{ text: 'no', tone: 'bad' as const }, 'x']] }
  t.equal(formatTable(painted, { ...plain, colour: true }), 'A    B\n\u001b[31mno\u001b[0m   x')
  t.equal(formatTable(painted, plain), 'A    B\nno   x')
  const texts = fc.array(fc.tuple(fc.string(), fc.string(), fc.string()), { minLength: 1 })
  fc.assert(fc.property(texts, (rows) => !/[^\n\P{Cc}]/u.test(formatTable(table(rows), plain))))
  t.match(formatTable(table([['\u001b[2J', '', 'a\nb']]), plain), /\\x1b\[2J +<none> +a b$/)
})

const report: Report = {
  blocks: [
    { kind: 'table', title: 'Things', table: table([['a', 'b', 'c']]) },
    { kind: 'table', title: 'Nothing', table: table([]) },
    { kind: 'table', title: 'Empty', table: table([]), ifEmpty: 'none' },
    { kind: 'lines', title: 'Words', lines: [['one ', { text: 'two', tone: 'good' }], ['three']] },
  ],
  value: { items: [{ name: 'a' }] },
  names: ['thing/a'],
}

t.test('one report, all formats', async (t) => {
  const as = (format: 'table' | 'wide' | 'json' | 'yaml' | 'name', over = {}) =>
    renderReport(report, { format, headers: true, colour: false, ...over })
  t.equal(as('table'), 'Things\nA   END\na   c\n\nEmpty\nnone\n\nWords\none two\nthree\n')
  t.match(as('wide'), /A {3}LONG {3}END\n/)
  t.same(JSON.parse(as('json')), report.value)
  t.equal(as('yaml'), 'items:\n  - name: a\n')
  t.equal(as('name'), 'thing/a\n')
  t.match(as('table', { colour: true }), 'one \u001b[32mtwo\u001b[0m')
  t.equal(renderReport({ blocks: [], value: null }, { format: 'table', headers: true, colour: false }), '')
  t.equal(renderReport({ blocks: [], value: null }, { format: 'name', headers: true, colour: false }), '')
})

t.test('ages are kubectl’s', async (t) => {
  const seconds: readonly [number, string][] = [
    [-5, '0s'],
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [190, '3m10s'],
    [600, '10m'],
    [3 * 3600, '3h'],
    [3 * 3600 + 120, '3h2m'],
    [9 * 3600, '9h'],
    [47 * 3600, '47h'],
    [49 * 3600, '2d1h'],
    [9 * 86_400, '9d'],
    [800 * 86_400, '2y70d'],
    [3000 * 86_400, '8y'],
  ]
  for (const [span, want] of seconds) t.equal(formatSpan(span * 1000), want)
  t.equal(formatAge('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:00:05Z')), '5s')
  t.equal(formatAge(undefined, 0), 'unknown')
  t.equal(formatAge('yesterday', 0), 'unknown')
})

t.test('a failed request is one sentence with a cure', async (t) => {
  const error = (status: number, message: string, cause?: Error) => new ApiError(message, { status, reason: 'X', cause })
  const deep = new Error('the kubeconfig /x cannot be read', { cause: new Error('ENOENT') })
  t.match(explainTrouble(error(0, 'no way', deep)), /cannot be reached: the kubeconfig \/x cannot be read: ENOENT; see --kubeconfig/)
  t.match(explainTrouble(error(0, 'GET /x: no answer within 10 ms')), /cannot be reached: GET \/x: no answer within 10 ms;/)
  t.match(explainTrouble(error(401, 'GET /x: 401 Unauthorized')), /does not know you \(Unauthorized\): log in/)
  t.match(
    explainTrouble(error(403, 'GET /x: 403 eips is forbidden: User "u" cannot list')),
    /^eips is forbidden: User "u" cannot list: docs\/cli\.md/,
  )
  const unknownKind = 'GET /apis/network.kubesphere.io/v1alpha2/eips: 404 page not found'
  t.match(explainTrouble(error(404, unknownKind)), /does not know the kinds of OpenELB: install it/)
  t.equal(explainTrouble(error(500, 'GET /x: 500 broken')), 'GET /x: 500 broken')
  t.same(
    [0, 403, 500].map((status) => shortTrouble(error(status, 'x'))),
    ['no answer', 'you may not read it', 'error 500'],
  )
})

t.test('only a failed request is an answer; a bug is not', async (t) => {
  t.match(await attempt(Promise.reject(new ApiError('x', { status: 403, reason: 'Forbidden' }))), { ok: false, error: { status: 403 } })
  t.same(await attempt(Promise.resolve(1)), { ok: true, value: 1 })
  await t.rejects(attempt(Promise.reject(new TypeError('a bug'))), /a bug/)
})
