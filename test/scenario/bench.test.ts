/** The benches in their smallest form: that they run, clean up after themselves, and say what they measured in the promised shape. */
import { spawn } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Aim, BenchResult } from '../../bench/support/bench.ts'

const MAIN = fileURLToPath(new URL('../../bench/main.ts', import.meta.url))
const LIMIT_MS = 300_000

interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function bench(...argv: readonly string[]): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...argv], { timeout: LIMIT_MS, stdio: ['ignore', 'pipe', 'pipe'] })
    const texts = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk: Buffer) => (texts.stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (texts.stderr += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...texts }))
  })
}

t.setTimeout(LIMIT_MS + 60_000)

t.test('without a bench it says which there are; a wrong flag is a sentence', async (t) => {
  const cases: readonly { readonly argv: readonly string[]; readonly code: number; readonly says: RegExp }[] = [
    {
      argv: [],
      code: 2,
      says: /Benches: admit, all-allocation, allocate, allocate-one, arp, (bfd, )?bgp-advertise, bgp-memory, churn, failover, fill, idle, membership, restart, speaker-memory/,
    },
    { argv: ['--help'], code: 0, says: /^Usage: / },
    { argv: ['support'], code: 2, says: /^there is no bench "support"/ },
    { argv: ['restart', '--help'], code: 0, says: /--services=NUMBER\n.*From 1 to 16000\. Default: 10000\./ },
    { argv: ['restart', '--services=0'], code: 2, says: /--services=0 is not valid/ },
    { argv: ['restart', '--colour=red'], code: 2, says: /there is no flag --colour/ },
    { argv: ['restart', 'fast'], code: 2, says: /"fast" is not expected/ },
    { argv: ['failover', 'flood'], code: 2, says: /"flood" is not expected: one of kill, power, sigterm, heal, move, all/ },
    { argv: ['failover', '--addresses=1,many'], code: 2, says: /--addresses=1,many is not valid/ },
  ]
  for (const { argv, code, says } of cases) {
    const run = await bench(...argv)
    t.equal(run.code, code, `exit code of ${argv.join(' ') || 'nothing'}`)
    t.match(code === 0 ? run.stdout : run.stderr, says)
    if (code !== 0) t.equal(run.stdout, '', 'standard output belongs to results')
  }
})

t.test('all benches in one lab, with twenty Services', async (t) => {
  const { code, stdout, stderr } = await bench('all-allocation', '--services=20', '--repetitions=4', '--seconds=2')
  if (code !== 0) t.comment(stderr.slice(-2000))
  t.equal(code, 0)
  const { aims, results } = JSON.parse(stdout) as { readonly aims: readonly Aim[]; readonly results: readonly BenchResult[] }
  t.same(
    results.map(({ name }) => name),
    ['allocate', 'allocate-one', 'churn', 'restart', 'idle', 'admit', 'fill'],
  )
  for (const result of results) {
    t.ok(
      Number.isFinite(result.value) && Number.isFinite(result.floor),
      `${result.name}: ${result.value} beside ${result.floor} ${result.unit}`,
    )
    t.ok(
      // Value and floor are rounded to the third decimal, the ratio is made before.
      result.ratio === null || Math.abs(result.ratio - result.value / result.floor) < (0.05 + 0.001 / result.floor) * result.ratio + 0.01,
      'the ratio is that of the two',
    )
    t.ok(result.aims.length > 0)
  }
  t.same(
    aims,
    results.flatMap((result) => result.aims),
  )
  for (const { figure } of aims) t.match(stderr, figure, 'each promise has its line in the table')
  // What does not depend on the machine holds here as well.
  const counted = (figure: string) => aims.find((aim) => aim.figure.startsWith(figure))?.value
  t.equal(counted('allocate, claims and statuses'), 2)
  t.equal(counted('restart with 20 held, writes'), 0)
  t.equal(counted('idle, 20 Services'), 0)
})

t.test('arp, a few questions of each kind: everyone is answered, and a storm is limited', async (t) => {
  const { code, stdout, stderr } = await bench('arp', '--rounds=1', '--samples=20', '--milliseconds=50', '--addresses=20')
  if (code !== 0) t.comment(stderr.slice(-2000))
  t.equal(code, 0)
  const { name, aims, cases, storm } = JSON.parse(stdout) as BenchResult & {
    readonly cases: readonly { readonly ours: { readonly lost: number; readonly repliesPerSecond: number } }[]
    readonly storm: { readonly limitedPerSecond: number; readonly answeredPerSecond: number; readonly othersLost: number }
  }
  t.equal(name, 'arp')
  t.equal(aims.length, 4 * 3 + 1)
  t.equal(cases.length, 4)
  for (const { ours } of cases) {
    t.equal(ours.lost, 0)
    t.ok(ours.repliesPerSecond > 0, `${ours.repliesPerSecond} replies a second`)
  }
  t.ok(storm.limitedPerSecond > storm.answeredPerSecond, JSON.stringify(storm))
  // The kernel's buffer is shared with the storm: where the thread waits for a CPU it drops whatever comes.
  t.ok(storm.othersLost <= 2, `${storm.othersLost} questions of others lost`)
})

t.test('membership, one kill and one silence: both are found, and what is sent stays below its bound', async (t) => {
  const { code, stdout, stderr } = await bench('membership', '--repetitions=1', '--seconds=1')
  if (code !== 0) t.comment(stderr.slice(-2000))
  t.equal(code, 0)
  const { name, aims, rates, times } = JSON.parse(stdout) as BenchResult & {
    readonly rates: readonly { readonly nodes: number; readonly packetsPerSecond: number }[]
    readonly times: Readonly<Record<'floor' | 'kill' | 'silence', { readonly max: number; readonly count: number }>>
  }
  t.equal(name, 'membership')
  t.same(
    rates.map(({ nodes }) => nodes),
    [3, 10, 50],
  )
  t.ok(aims.filter(({ unit }) => unit === '1/s').every(({ met }) => met))
  for (const { max, count } of Object.values(times)) t.ok(count === 1 && max > 0)
})

t.test('bfd, one silence with each interval and two seconds of a busy machine: both find the silence', async (t) => {
  const { code, stdout, stderr } = await bench('bfd', '--samples=1', '--seconds=2')
  if (code !== 0) t.comment(stderr.slice(-2000))
  t.equal(code, 0)
  const { name, aims, detection, held } = JSON.parse(stdout) as BenchResult & {
    readonly detection: readonly { readonly intervalMs: number; readonly oursMs: { count: number }; readonly frrMs: { count: number } }[]
    readonly held: readonly { readonly pair: string }[]
  }
  t.equal(name, 'bfd')
  t.same(
    detection.map(({ intervalMs, oursMs, frrMs }) => [intervalMs, oursMs.count, frrMs.count]),
    [
      [50, 1, 1],
      [100, 1, 1],
      [300, 1, 1],
    ],
  )
  t.equal(held.length, 3)
  t.equal(aims.length, 5)
})

t.test('failover, once each with two addresses: another node takes what has to be taken, and nothing else moves', async (t) => {
  const { code, stdout, stderr } = await bench('failover', 'all', '--addresses=2', '--repetitions=1', '--rivals=none')
  if (code !== 0) t.comment(stderr.slice(-2000))
  t.equal(code, 0)
  const { name, aims, floor, cases } = JSON.parse(stdout) as BenchResult & {
    readonly cases: readonly {
      readonly fault: string
      readonly nobody: number
      readonly needless: number
      readonly takeOverMs: { count: number }
    }[]
  }
  t.equal(name, 'failover')
  t.ok(floor > 0, `moved by hand in ${floor} ms`)
  t.same(
    cases.map(({ fault }) => fault),
    ['kill', 'power', 'sigterm', 'heal', 'move'],
  )
  t.equal(aims.length, 2 + 2 + 3 + 2 + 3)
  for (const { fault, nobody, needless, takeOverMs } of cases) {
    t.equal(nobody, 0, `${fault}: no address is left`)
    t.equal(needless, 0, `${fault}: no needless move`)
    t.equal(takeOverMs.count, fault === 'heal' ? 0 : 2, `${fault}: both addresses were taken`)
  }
})

t.test('speaker-memory with few Services: all are taken, and found again by the next process', async (t) => {
  const { code, stdout, stderr } = await bench('speaker-memory', '--services=40', '--seconds=1', '--rest=0')
  if (code !== 0) t.comment(stderr.slice(-2000))
  t.equal(code, 0)
  const { name, value, floor, aims } = JSON.parse(stdout) as BenchResult
  t.equal(name, 'speaker-memory')
  t.ok(value > 0 && floor > 0, `${value} MiB beside ${floor} MiB`)
  t.equal(aims.length, 2)
})

t.test('bgp-advertise with two hundred routes: FRR has them, in few messages, and one more comes and goes', async (t) => {
  const { code, stdout, stderr } = await bench('bgp-advertise', '--routes=200', '--rounds=1', '--samples=3')
  if (code !== 0) t.comment(stderr.slice(-2000))
  t.equal(code, 0)
  const { name, value, floor, aims, one } = JSON.parse(stdout) as BenchResult & {
    readonly one: Readonly<Record<'add' | 'withdraw', { readonly count: number }>>
  }
  t.equal(name, 'bgp-advertise')
  t.ok(value > 0 && floor > 0, `${value} ms beside ${floor} ms of gobgpd`)
  t.same([one.add.count, one.withdraw.count], [3, 3])
  const messages = aims.find(({ unit }) => unit === 'messages')
  t.ok(messages?.met, JSON.stringify(messages))
})

t.test('bgp-memory with few routes: two peers are told all, and what a router sends is not kept', async (t) => {
  const { code, stdout, stderr } = await bench('bgp-memory', '--routes=200', '--peers=2', '--received=20000')
  if (code !== 0) t.comment(stderr.slice(-2000))
  t.equal(code, 0)
  const { name, value, floor, aims } = JSON.parse(stdout) as BenchResult
  t.equal(name, 'bgp-memory')
  t.ok(value > 0 && floor > 0, `${value} MiB beside ${floor} MiB`)
  t.ok(aims.filter(({ unit }) => unit === 'MiB').every(({ met }) => met))
})
