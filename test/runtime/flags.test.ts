import fc from 'fast-check'
import t from 'tap'
import { formatDuration, parseDuration } from '../../src/runtime/duration.ts'
import { defineFlags, formatFlags, parseFlags } from '../../src/runtime/flags.ts'
import { parseListenAddress } from '../../src/runtime/listen-address.ts'
import { nearest } from '../../src/runtime/nearest.ts'
import { KLOG_FLAGS, PROCESS_FLAGS } from '../../src/runtime/process-flags.ts'

const FLAGS = defineFlags({
  'metrics-addr': { kind: 'string', default: ':50052', valueName: 'ADDRESS', description: 'Where metrics are served.' },
  mode: { kind: 'string', default: 'one', oneOf: ['one', 'two'], description: 'Which of two.' },
  'leader-elect': { kind: 'boolean', default: true, description: 'Whether to elect.' },
  port: { kind: 'integer', default: 9443, min: 1, max: 65535, description: 'The port.' },
  wait: { kind: 'duration', default: 15_000, minMs: 100, maxMs: 60_000, description: 'How long.' },
  ...KLOG_FLAGS,
})
const DEFAULTS = { 'metrics-addr': ':50052', mode: 'one', 'leader-elect': true, port: 9443, wait: 15_000 }

t.test('accepted command lines', async (t) => {
  const table: readonly { argv: string[]; want: Partial<typeof DEFAULTS>; rest?: string[]; warnings?: number; asked?: string }[] = [
    { argv: [], want: {} },
    { argv: ['--port=1', '--mode=two'], want: { port: 1, mode: 'two' } },
    { argv: ['--port', '1', '-wait', '1s'], want: { port: 1, wait: 1000 } },
    { argv: ['-port=2'], want: { port: 2 } },
    { argv: ['--leader-elect'], want: { 'leader-elect': true } },
    { argv: ['--leader-elect=false', '--metrics_addr='], want: { 'leader-elect': false, 'metrics-addr': '' } },
    { argv: ['--leader-elect=F', 'word'], want: { 'leader-elect': false }, rest: ['word'] },
    { argv: ['--leader-elect', 'false'], want: { 'leader-elect': true }, rest: ['false'] },
    { argv: ['--port=1', '--port=2'], want: { port: 2 } },
    { argv: ['--metrics-addr=a=b'], want: { 'metrics-addr': 'a=b' } },
    { argv: ['--wait=1m'], want: { wait: 60_000 } },
    { argv: ['-v=4', '--logtostderr', '--v', '9', '--log_dir=/x'], want: {}, warnings: 4 },
    { argv: ['create', '--port=3', '--', '--port=4'], want: { port: 3 }, rest: ['create', '--port=4'] },
    { argv: ['-', '-5'], want: {}, rest: ['-', '-5'] },
    { argv: ['--help'], want: {}, asked: 'help' },
    { argv: ['-h', '--version'], want: {}, asked: 'help' },
    { argv: ['--version'], want: {}, asked: 'version' },
  ]
  for (const { argv, want, rest = [], warnings = 0, asked = 'run' } of table) {
    const parsed = parseFlags(argv, FLAGS)
    t.match(parsed, { ok: true, value: { rest, asked } }, argv.join(' '))
    if (!parsed.ok) continue
    t.same(parsed.value.values, { ...DEFAULTS, ...want }, argv.join(' '))
    t.equal(parsed.value.warnings.length, warnings, argv.join(' '))
  }
  const parsed = parseFlags(['--port=9443'], FLAGS)
  t.ok(parsed.ok && parsed.value.given.has('port') && !parsed.value.given.has('mode'), 'a default that is given counts as given')
  const warned = parseFlags(['--v=2'], FLAGS)
  t.match(warned.ok && warned.value.warnings[0], /^--v is accepted and has no effect: .*--log-level/)
})

t.test('refused command lines name the flag and what would do', async (t) => {
  const table: readonly [string[], string, RegExp][] = [
    [['--prot=1'], 'UNKNOWN_FLAG', /no flag --prot; did you mean --port\?/],
    [['--leader-elct'], 'UNKNOWN_FLAG', /did you mean --leader-elect\?/],
    [['--entirely-else'], 'UNKNOWN_FLAG', /see --help/],
    [['--constructor'], 'UNKNOWN_FLAG', /see --help/],
    [['--port=abc'], 'BAD_VALUE', /--port=abc .*whole number from 1 to 65535/],
    [['--port=0'], 'BAD_VALUE', /from 1 to 65535/],
    [['--port=1e3'], 'BAD_VALUE', /--port=1e3/],
    [['--port='], 'BAD_VALUE', /--port=/],
    [['--port'], 'MISSING_VALUE', /--port needs a value/],
    [['--mode=three'], 'BAD_VALUE', /one of one, two/],
    [['--leader-elect=yes'], 'BAD_VALUE', /true or false/],
    [['--wait=5'], 'BAD_VALUE', /15s or 1m30s, at least 100ms and at most 1m/],
    [['--wait=2m'], 'BAD_VALUE', /at most 1m/],
  ]
  for (const [argv, code, message] of table) {
    const parsed = parseFlags(argv, FLAGS)
    t.match(parsed, { ok: false, error: { code, message } }, argv.join(' '))
    t.ok(!parsed.ok && parsed.error.message.includes(parsed.error.flag), 'the message names the flag')
  }
})

t.test('letters', async (t) => {
  const flags = defineFlags({
    output: { kind: 'string', default: '', short: 'o', description: 'The form.' },
    all: { kind: 'boolean', default: false, short: 'A', description: 'All of them.' },
    old: { kind: 'boolean', default: false, description: 'A long name that begins with a letter of another flag.' },
  })
  const table: readonly [string[], object, string[]?][] = [
    [['-o', 'json'], { output: 'json' }],
    [['-o=json'], { output: 'json' }],
    [['-ojson'], { output: 'json' }],
    [['-o', '-'], { output: '-' }],
    [['-o='], { output: '' }],
    [['-A', 'word'], { all: true }, ['word']],
    [['-A=false'], { all: false }],
    [['-old'], { old: true }],
    [['-output', 'x'], { output: 'x' }],
    [['--output=x', '-o', 'y'], { output: 'y' }],
  ]
  for (const [argv, want, rest = []] of table) {
    const defaults = { output: '', all: false, old: false }
    t.match(parseFlags(argv, flags), { ok: true, value: { values: { ...defaults, ...want }, rest } }, argv.join(' '))
  }
  const refused: readonly [string[], RegExp][] = [
    [['-o'], /--output needs a value/],
    [['-Ax'], /no flag --Ax/],
    [['--o', 'x'], /no flag --o/],
  ]
  for (const [argv, message] of refused) t.match(parseFlags(argv, flags), { ok: false, error: { message } }, argv.join(' '))
  t.match(formatFlags(flags), '  -o, --output=TEXT\n        The form.')
  t.match(formatFlags(flags), '  -A, --all\n')
})

t.test('any words give an answer, never a throw', async (t) => {
  const words = fc.array(fc.oneof(fc.string(), fc.constantFrom('--port', '--mode=two', '-v', '--', '=', '--=')))
  t.doesNotThrow(() => fc.assert(fc.property(words, (argv) => typeof parseFlags(argv, FLAGS).ok === 'boolean')))
})

t.test('help text lists what has a meaning', async (t) => {
  const text = formatFlags({ ...FLAGS, ...PROCESS_FLAGS })
  t.match(text, '  --metrics-addr=ADDRESS\n        Where metrics are served. Default: :50052.\n')
  t.match(text, '  --wait=DURATION\n        How long. Default: 15s.\n')
  t.match(text, /One of one, two\. Default: one\./)
  t.match(text, /--kubeconfig=FILE/)
  t.notMatch(text, /vmodule/)
})

t.test('durations', async (t) => {
  const table: readonly [string, number | undefined][] = [
    ['0', 0],
    ['15s', 15_000],
    ['1m30s', 90_000],
    ['1h', 3_600_000],
    ['1.5s', 1500],
    ['250ms', 250],
    ['5', undefined],
    ['', undefined],
    ['-1s', undefined],
    ['1s ', undefined],
    ['s', undefined],
    ['1d', undefined],
    [`${'1s'.repeat(40)}`, undefined],
  ]
  for (const [text, want] of table) t.equal(parseDuration(text), want, text)
  fc.assert(fc.property(fc.integer({ min: 0, max: 1e12 }), (ms) => parseDuration(formatDuration(ms)) === ms))
})

t.test('listen addresses', async (t) => {
  const good: readonly [string, { host: string; port: number } | undefined][] = [
    [':50052', { host: '::', port: 50052 }],
    ['127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['0', undefined],
    ['', undefined],
  ]
  for (const [text, value] of good) t.same(parseListenAddress(text), { ok: true, value }, text)
  for (const text of ['50052', ':65536', '::1:80', ':x', 'a b:1', ':']) t.match(parseListenAddress(text), { ok: false, error: text }, text)
})

t.test('guesses are near or none', async (t) => {
  t.equal(nearest('metrics-adr', ['metrics-addr', 'port']), 'metrics-addr')
  t.equal(nearest('x', ['metrics-addr', 'port']), undefined)
  t.equal(nearest('ab', ['cd', 'ef']), undefined)
})
