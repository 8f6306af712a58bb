/** The cells of the BGP matrix, and the table of what came of them. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { CellOutcome } from '../scenario/bgp/cell-play.ts'
import { type Cell, cellName, everyCell, fewCells, impossible, OPTIONS, WAYS } from '../scenario/bgp/cells.ts'
import { matrixDocument } from '../scenario/bgp/matrix-table.ts'
import { pairsOf } from '../support/pairwise.ts'

const DOCUMENT = fileURLToPath(new URL('../../docs/bgp-matrix.md', import.meta.url))
const VERSIONS = { frr: 'FRR 8', bird: 'BIRD 2', gobgp: 'GoBGP 3' }
const held = (cell: Cell): CellOutcome => ({
  cell,
  impossible: impossible(cell),
  steps: [{ step: 'session up', ms: 1, failure: undefined }],
})
const document = (outcomes: readonly CellOutcome[]) => matrixDocument({ outcomes, versions: VERSIONS, date: '2026-01-02' })

t.test('npm test plays every pair of values that any router can, and nothing that is impossible', async (t) => {
  const pairs = new Set(fewCells().flatMap((cell) => pairsOf({ ...cell })))
  const all = everyCell().filter((cell) => impossible(cell) === undefined)
  t.same(
    all.flatMap((cell) => pairsOf({ ...cell })).filter((pair) => !pairs.has(pair)),
    [],
  )
  t.same(
    fewCells().filter((cell) => impossible(cell) !== undefined),
    [],
  )
  t.ok(fewCells().length <= 32, `${fewCells().length} of ${all.length} cells`)
})

t.test('the table: what holds, what cannot be, what fails and why, and what was not run', async (t) => {
  const [first, second, ...rest] = everyCell().map(held)
  if (first === undefined || second === undefined) throw new Error('no cells')
  t.equal(cellName(first.cell), 'frr eBGP v4 over v4 plain')
  const failed = { ...first, steps: [{ step: 'session up', ms: 9, failure: 'no session' }] }
  const text = document([failed, ...rest])
  t.match(text, /^\| v4 over v4 \| e fails \[1\], i \| e not run, i \| e, i \|/m)
  t.match(text, /^1\. session up: no session$/m)
  t.match(text, /^\| unnumbered \| e, i \| no \[2\] \|/m)
  t.match(text, /on 2026-01-02, with FRR 8, BIRD 2, GoBGP 3\./)
  for (const title of ['FRR', 'BIRD', 'GoBGP']) t.match(text, new RegExp(`^## ${title}$`, 'm'))
})

t.test('docs/bgp-matrix.md is of a whole run in which every cell held that can be', async (t) => {
  const text = readFileSync(DOCUMENT, 'utf8')
  const rows = (from: string) => from.split('\n').filter((line) => WAYS.some((way) => line.startsWith(`| ${way} |`)))
  t.same(rows(text), rows(document(everyCell().map(held))))
  t.equal(rows(text).length, 3 * WAYS.length)
  for (const option of OPTIONS) t.match(text, `| ${option} |`)
})
