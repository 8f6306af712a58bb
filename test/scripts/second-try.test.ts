import t from 'tap'
import { secondTry } from '../../scripts/second-try.ts'

const trial = async (failed: readonly string[], outcomes: Readonly<Record<string, number>>) => {
  const [ran, said]: [string[], string[]] = [[], []]
  const run = async (name: string) => {
    ran.push(name)
    return { passed: 5, failed: outcomes[name] ?? 0 }
  }
  const tally = await secondTry({ passed: 100, failed: 2 }, failed, run, (line) => said.push(line))
  return { tally, ran, flaky: said.filter((line) => line.startsWith('FLAKY')) }
}

t.test('what failed and passes alone counts as passed, and is named', async (t) => {
  const { tally, flaky } = await trial(['a', 'b'], {})
  t.same(tally, { passed: 102, failed: 0 })
  t.match(flaky, [/a/, /b/])
})

t.test('what fails twice has failed', async (t) => {
  const { tally, flaky } = await trial(['a', 'b'], { b: 1 })
  t.same(tally, { passed: 100, failed: 2 })
  t.same(flaky, [])
})

t.test('many failures, and failures of no file, are not tried again', async (t) => {
  for (const failed of [['a', 'b', 'c', 'd'], []]) {
    const { tally, ran } = await trial(failed, {})
    t.same(tally, { passed: 100, failed: 2 })
    t.same(ran, [])
  }
})
