import fc from 'fast-check'
import t from 'tap'
import { formatMove, MOVE, moveWishOf, parseMove } from '../../src/api/claim-annotations.ts'

t.test('what is written is read again', async (t) => {
  const names = fc.stringMatching(/^[a-z0-9]([-.a-z0-9]{0,60}[a-z0-9])?$/)
  fc.assert(
    fc.property(names, fc.nat(), (node, epoch) => {
      const text = formatMove({ node, epoch })
      return t.same(parseMove(text), { node, epoch }, text)
    }),
  )
})

t.test('everything else is no wish', async (t) => {
  const largest = Number.MAX_SAFE_INTEGER
  t.same(parseMove(`n@${largest}`), { node: 'n', epoch: largest })
  for (const text of ['', 'n1', 'n1@', '@3', 'n1@x', 'n1@-1', 'n1@03', 'n1@3@4', ' n1@3', 'n1@3 ', 'N1@3', 'n1@3.0', `n@${largest + 1}`]) {
    t.equal(parseMove(text), undefined, JSON.stringify(text))
  }
  t.equal(parseMove(`${'n'.repeat(254)}@3`), undefined)
})

t.test('a claim may have none', async (t) => {
  t.equal(moveWishOf({ metadata: {} }), undefined)
  t.equal(moveWishOf({ metadata: { annotations: {} } }), undefined)
  t.equal(moveWishOf({ metadata: { annotations: { [MOVE]: 'nonsense' } } }), undefined)
  t.same(moveWishOf({ metadata: { annotations: { [MOVE]: 'n2@7' } } }), { node: 'n2', epoch: 7 })
})
