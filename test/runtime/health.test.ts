import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { type Check, startHealthServer } from '../../src/runtime/health.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'
import { onShutdown } from '../../src/runtime/shutdown.ts'

t.test('the health server tells what the checks say', async (t) => {
  const metrics = createMetrics()
  t.teardown(() => metrics.close())
  let checks: readonly Check[] = [{ name: 'informers', ok: false, detail: 'eips not synced' }]
  let live: () => readonly Check[] = () => []
  const server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    registry: metrics.registry,
    ready: () => checks,
    live: () => live(),
    pages: { '/report': () => '{"node":"n1"}', '/report/why': (query) => JSON.stringify(query.get('prefix')) },
  })
  t.teardown(() => server.close())
  const get = async (path: string, method = 'GET') => {
    const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { method })
    return { status: answer.status, text: await answer.text() }
  }
  t.same(await get('/readyz'), { status: 503, text: '[-]informers failed: eips not synced\nreadyz check failed\n' })
  checks = [{ name: 'informers', ok: true }]
  t.same(await get('/readyz?verbose'), { status: 200, text: '[+]informers ok\nreadyz check passed\n' })
  t.same(await get('/healthz'), { status: 200, text: 'healthz check passed\n' })
  live = () => {
    throw new Error('a bug')
  }
  t.match(await get('/healthz'), { status: 500, text: /a bug/ })
  metrics.counter('things_total', 'Things.', ['kind']).inc({ kind: 'a' })
  metrics.counter('things_total', 'Things.', ['kind']).inc({ kind: 'a' })
  const page = await get('/metrics')
  t.match(page.text, 'things_total{kind="a"} 2', 'the same name is the same metric')
  t.match(page.text, /process_resident_memory_bytes \d+/)
  t.same(await get('/report'), { status: 200, text: '{"node":"n1"}' }, 'a page of the process itself')
  t.same(await get('/report/why?prefix=fd00%3A%3A1%2F128&x'), { status: 200, text: '"fd00::1/128"' }, 'and what is asked of it')
  t.same(await get('/report/why'), { status: 200, text: 'null' })
  t.match(await get('/else'), { status: 404, text: 'there is only /metrics, /healthz, /readyz, /report' })
  t.equal((await get('/metrics', 'POST')).status, 405)
  await t.rejects(startHealthServer({ host: '127.0.0.1', port: server.port, registry: metrics.registry, ready: () => [] }), {
    code: 'EADDRINUSE',
  })
  await server.close()
  await server.close()
})

t.test('shutdown runs its steps in order, bounded', async (t) => {
  const ran: string[] = []
  const codes: number[] = []
  const step = (name: string, ms: number, timeoutMs?: number) => ({
    name,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    close: async () => {
      ran.push(name)
      await new Promise((resolve) => setTimeout(resolve, ms).unref())
    },
  })
  const broken = { name: 'broken', close: () => Promise.reject(new Error('no')) }
  const options = { logger: silentLogger, exit: (code: number) => void codes.push(code), graceMs: 200 }
  const clean = onShutdown([], [step('a', 5), step('b', 1)], options)
  await Promise.all([clean.begin('test'), clean.begin('again')])
  t.same([ran, codes], [['a', 'b'], [0]], 'once, in order')
  const failing = onShutdown([], [step('slow', 60_000, 20), broken, step('last', 1)], options)
  const startedMs = performance.now()
  await failing.begin('test')
  t.same(ran.slice(2), ['slow', 'last'], 'a step that hangs or fails does not stop the others')
  t.same(codes, [0, 1])
  t.ok(performance.now() - startedMs < 2000)
  clean.dispose()
  clean.dispose()
})

const PROGRAM = `
import { onShutdown } from './src/runtime/shutdown.ts'
import { createProcessLogger, runMain, UsageError } from './src/runtime/process.ts'
runMain('demo', async () => {
  switch (process.argv[1]) {
    case 'code': return 3
    case 'throw': throw new Error('outer', { cause: new Error('inner') })
    case 'usage': throw new UsageError('there is no flag --x')
    case 'late': setTimeout(() => { throw new Error('late') }, 1); return
    case 'unhandled': Promise.reject(new Error('nobody looked')); setTimeout(() => {}, 60_000); return
  }
  setInterval(() => {}, 1000)
  const logger = createProcessLogger('demo', 'text', 'info')
  const hang = () => new Promise(() => {})
  onShutdown(['SIGTERM'], [{ name: 'step', close: process.argv[1] === 'hang' ? hang : () => console.log('closed') }], { logger, graceMs: 500 })
  console.log('up')
})`

async function demo(word: string, ...signals: NodeJS.Signals[]) {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', PROGRAM, word], { cwd })
  let text = ''
  let sent = 0
  const take = (chunk: Buffer) => {
    text += chunk
    if (text.includes('up') && sent === 0 && signals[sent] !== undefined) child.kill(signals[sent++])
    if (text.includes('shutting down') && signals[sent] !== undefined) child.kill(signals[sent++])
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const [code] = await once(child, 'close')
  return { code, text }
}

t.test('a process ends as its entry says', async (t) => {
  const runs = await Promise.all([
    demo('code'),
    demo('throw'),
    demo('usage'),
    demo('late'),
    demo('unhandled'),
    demo('daemon', 'SIGTERM'),
    demo('hang', 'SIGTERM'),
    demo('hang', 'SIGTERM', 'SIGTERM'),
  ])
  t.same(
    runs.map(({ code }) => code),
    [3, 1, 2, 1, 1, 0, 1, 1],
  )
  const [, thrown, usage, late, unhandled, daemon, hang, twice] = runs.map(({ text }) => text)
  t.match(thrown, /^demo: outer: inner\n/)
  t.equal(usage, 'demo: there is no flag --x\n', 'no stack for a mistake of the user')
  t.match(late, /^demo: late\n/)
  t.match(unhandled, /^demo: nobody looked\n/)
  t.match(daemon, /got SIGTERM[\s\S]*closed/)
  t.match(hang, /"step" did not end well: not done after/)
  t.match(twice, /again: leaving at once/)
})
