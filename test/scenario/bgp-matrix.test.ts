/**
 * Our BGP with FRR, BIRD and GoBGP: as many cells of the matrix as it takes for every pair of values to occur. All of them:
 * `npm run soak -- bgp-matrix`, which writes docs/bgp-matrix.md.
 */
import t from 'tap'
import { ensureRouters } from '../../lab/peers/packages.ts'
import { ROUTER_KINDS } from '../../lab/peers/spec.ts'
import { failureOf, playCells } from './bgp/cell-play.ts'
import { cellName, fewCells } from './bgp/cells.ts'

/** Cells mostly wait: for a hold timer, or for a router that is back. */
const LANES = 4

t.setTimeout(600_000)
await ensureRouters(ROUTER_KINDS, { install: true, log: (line) => t.comment(line) })

const outcomes = await playCells(fewCells(), LANES, (outcome) =>
  t.comment(`${cellName(outcome.cell)}: ${failureOf(outcome) ?? outcome.steps.map(({ step, ms }) => `${step} ${ms} ms`).join(', ')}`),
)
for (const outcome of outcomes) t.equal(failureOf(outcome), undefined, cellName(outcome.cell))
