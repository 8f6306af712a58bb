import t from 'tap'
import { allCells, pairsOf, pairwise } from './pairwise.ts'

const DIMENSIONS = { router: ['a', 'b', 'c'], session: ['x', 'y'], way: ['1', '2', '3', '4', '5'], option: ['p', 'q', 'r', 's', 't', 'u'] }

t.test('all cells: each combination once', async (t) => {
  const cells = allCells(DIMENSIONS)
  t.equal(cells.length, 3 * 2 * 5 * 6)
  t.equal(new Set(cells.map((cell) => JSON.stringify(cell))).size, cells.length)
})

t.test('pairwise: every pair of every cell, in as few cells as the two longest dimensions allow, or a few more', async (t) => {
  const chosen = pairwise(DIMENSIONS)
  const there = new Set(chosen.flatMap(pairsOf))
  t.same(
    allCells(DIMENSIONS)
      .flatMap(pairsOf)
      .filter((pair) => !there.has(pair)),
    [],
  )
  t.ok(chosen.length >= 30 && chosen.length <= 34, `${chosen.length} cells`)
  t.same(pairwise(DIMENSIONS), chosen, 'the same again')
})

t.test('pairwise: impossible cells are never chosen, and what only they have is not looked for', async (t) => {
  const possible = (cell: Readonly<Record<string, string>>) => !(cell['router'] === 'c' && cell['option'] === 'u')
  const chosen = pairwise(DIMENSIONS, possible)
  t.ok(chosen.every(possible))
  t.notOk(chosen.flatMap(pairsOf).includes('router=c option=u'))
  t.ok(chosen.flatMap(pairsOf).includes('router=c option=t'))
})
