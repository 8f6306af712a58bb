import t from 'tap'
import { type Contender, judgeContention } from './contention.ts'

const version = (revision: number, name: string, over: Partial<Contender> = {}): Contender => ({
  revision,
  name,
  group: 'g',
  contends: true,
  isActive: false,
  ...over,
})
const gone = (revision: number, name: string) => version(revision, name, { contends: false })

t.test('two of a group at once', async (t) => {
  const cases: readonly (readonly [string, readonly Contender[], number])[] = [
    ['one after the other', [version(1, 'a'), version(2, 'a', { isActive: true }), gone(3, 'a'), version(4, 'b')], 0],
    ['two groups', [version(1, 'a'), version(2, 'b', { group: 'h' })], 0],
    ['two at once', [version(1, 'a'), version(2, 'b')], 1],
    ['out of order', [version(4, 'b'), gone(3, 'a'), version(1, 'a')], 0],
    ['for a moment only', [version(1, 'a'), version(2, 'b'), gone(3, 'b')], 1],
  ]
  for (const [name, versions, moments] of cases) t.equal(judgeContention(versions).length, moments, name)
  t.match(judgeContention([version(1, 'a', { isActive: true }), version(2, 'b', { isActive: true })]), [/a and b .* two of them active$/])
})
