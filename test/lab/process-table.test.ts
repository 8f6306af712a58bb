import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { run, StepError, until } from '../../lab/command.ts'
import { keepLog } from '../../lab/failure-log.ts'
import { childrenOf, identify, isAlive, killAndWait, MARKER, markedProcesses, signalProcess } from '../../lab/process-table.ts'

t.test('a process is known by its pid and its start: a reused pid is another process', async (t) => {
  const child = spawn('sleep', ['60'])
  await once(child, 'spawn')
  const found = identify(child.pid ?? 0)
  if (found === undefined) throw new Error('the child was not found')
  t.equal(isAlive(found), true)
  const later = { pid: found.pid, startTicks: String(Number(found.startTicks) - 1) }
  t.equal(isAlive(later), false)
  t.equal(signalProcess(later, 'SIGKILL'), false)
  t.equal(isAlive(found), true, 'not killed')
  t.ok(childrenOf(process.pid).includes(found.pid))
  t.same(await killAndWait([found, later], 5000), [])
  t.equal(isAlive(found), false)
})

t.test('what a lab started is found by its mark', async (t) => {
  const directory = `/var/lib/openelb-lab/test-${process.pid}`
  const child = spawn('sleep', ['60'], { env: { ...process.env, [MARKER]: directory } })
  const other = spawn('sleep', ['60'], { env: { ...process.env, [MARKER]: `${directory}0` } })
  t.teardown(() => {
    for (const started of [child, other]) started.kill('SIGKILL')
  })
  await Promise.all([once(child, 'spawn'), once(other, 'spawn')])
  await until('the mark', () => (markedProcesses(directory).length > 0 ? true : undefined), { timeoutMs: 5000 })
  t.same(
    markedProcesses(directory).map(({ pid }) => pid),
    [child.pid],
  )
})

t.test('a command gives its end in one number, and its bound holds', async (t) => {
  t.equal((await run(['sh', '-c', 'exit 7'])).code, 7)
  t.equal((await run(['sh', '-c', 'kill -SEGV $$'])).code, 139)
  t.equal((await run(['sleep', '60'], { timeoutMs: 50 })).code, 137)
  await t.rejects(run(['/nonexistent']), { message: /cannot run/ })
})

t.test('a step that does not come true says why, and its log is kept', async (t) => {
  const log = `${t.testdir({ 'etcd.log': 'first\nlast words\n' })}/etcd.log`
  const probe = () => Promise.reject(new Error('refused'))
  const error = await until('etcd', probe, { timeoutMs: 30, everyMs: 10, log }).catch((reason: unknown) => reason)
  t.match(error, { message: /^etcd failed: not within 0 s \(refused\)/ })
  const kept = keepLog(error, 'x')
  t.type(kept, StepError)
  t.match(kept, { message: /etcd failed: not within 0 s \(refused\)\n {2}first\n {2}last words\n {2}its log: .*openelb-lab-x-etcd\.log$/ })
})
