import fc from 'fast-check'
import t from 'tap'
import type { LabelSelector } from '../../src/api/label-selector.ts'
import { matchesSelector, readSelectorOrMap, selectorProblem } from '../../src/policy/label-selector.ts'

const LABELS = { team: 'a', tier: 'web' }

t.test('requirements', async (t) => {
  const one = (key: string, operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', values?: readonly string[]): LabelSelector => ({
    matchExpressions: [{ key, operator, ...(values && { values }) }],
  })
  const table: readonly (readonly [LabelSelector, boolean])[] = [
    [{}, true],
    [{ matchLabels: {} }, true],
    [{ matchLabels: { team: 'a' } }, true],
    [{ matchLabels: { team: 'a', tier: 'db' } }, false],
    [{ matchLabels: { none: '' } }, false],
    [one('team', 'In', ['b', 'a']), true],
    [one('team', 'In', ['b']), false],
    [one('none', 'In', ['']), false],
    [one('team', 'NotIn', ['b']), true],
    [one('team', 'NotIn', ['a']), false],
    [one('none', 'NotIn', ['a']), true],
    [one('team', 'Exists'), true],
    [one('none', 'Exists'), false],
    [one('team', 'DoesNotExist'), false],
    [one('none', 'DoesNotExist'), true],
    [{ matchLabels: { team: 'a' }, ...one('tier', 'In', ['db']) }, false],
  ]
  for (const [selector, want] of table) t.equal(matchesSelector(selector, LABELS), want, JSON.stringify(selector))
})

t.test('an operator and its opposite never agree, and requirements only narrow', async (t) => {
  const word = fc.constantFrom('a', 'b', 'c')
  const requirement = fc.tuple(
    word,
    fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'),
    fc.array(word, { minLength: 1, maxLength: 3 }),
  )
  const opposite = { In: 'NotIn', NotIn: 'In', Exists: 'DoesNotExist', DoesNotExist: 'Exists' } as const
  const result = fc.check(
    fc.property(fc.dictionary(word, word), fc.array(requirement, { minLength: 1, maxLength: 3 }), (labels, list) => {
      const selectors = list.map(([key, operator, values]) => {
        const of = (given: keyof typeof opposite) => ({ matchExpressions: [{ key, operator: given, values }] })
        const name = operator as keyof typeof opposite
        return { yes: matchesSelector(of(name), labels), no: matchesSelector(of(opposite[name]), labels) }
      })
      const all = { matchExpressions: list.map(([key, operator, values]) => ({ key, operator: operator as 'In', values })) }
      return selectors.every(({ yes, no }) => yes !== no) && matchesSelector(all, labels) === selectors.every(({ yes }) => yes)
    }),
  )
  t.notOk(result.failed, String(fc.defaultReportMessage(result)))
})

t.test('what is wrong with a selector', async (t) => {
  const problem = (...matchExpressions: readonly object[]) => selectorProblem({ matchExpressions } as LabelSelector)
  t.equal(problem({ key: 'a', operator: 'In', values: ['x'] }, { key: 'a', operator: 'Exists' }), undefined)
  t.equal(problem({ key: 'a', operator: 'Exists' }, { key: 'b', operator: 'In' }), 'the requirement on b is In without values')
  t.equal(problem({ key: 'b', operator: 'NotIn', values: [] }), 'the requirement on b is NotIn without values')
  t.equal(problem({ key: 'b', operator: 'Exists', values: ['x'] }), 'the requirement on b is Exists and takes no values')
  t.equal(problem({ key: '', operator: 'Exists' }), 'a requirement has no key')
})

t.test('a map of labels, a selector, or both at once', async (t) => {
  const read = (value: Readonly<Record<string, unknown>> | undefined) => {
    const selector = readSelectorOrMap(value)
    return selector.ok ? selector.value : selector.error
  }
  const exists = [{ key: 'c', operator: 'Exists' }]
  t.equal(read(undefined), undefined)
  t.equal(read({}), undefined, 'as OpenELB, which drops an empty map: it selects nothing')
  t.equal(read({ matchLabels: {}, matchExpressions: [] }), undefined)
  t.same(read({ a: 'b' }), { matchLabels: { a: 'b' } })
  t.same(read({ matchLabels: { a: 'b' } }), { matchLabels: { a: 'b' } })
  t.same(read({ matchExpressions: exists }), { matchExpressions: exists })
  t.same(read({ a: 'b', matchLabels: { d: 'e' }, matchExpressions: exists }), { matchLabels: { a: 'b', d: 'e' }, matchExpressions: exists })
  t.equal(read({ a: 7 }), 'the value of a is no text')
  t.equal(read({ a: null }), 'the value of a is no text')
  t.equal(read({ matchExpressions: [{ key: 'c', operator: 'In' }] }), 'the requirement on c is In without values')
})
