/** Every cell of the BGP matrix, and docs/bgp-matrix.md of what came of them. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ensureRouters } from '../../lab/peers/packages.ts'
import { ROUTER_KINDS, type RouterKind } from '../../lab/peers/spec.ts'
import { startRouter } from '../../lab/peers/start.ts'
import { createWire } from '../../lab/peers/wire.ts'
import { type CellOutcome, failureOf, playCells } from '../scenario/bgp/cell-play.ts'
import { cellName, everyCell, routerSpec } from '../scenario/bgp/cells.ts'
import { matrixDocument } from '../scenario/bgp/matrix-table.ts'
import { count, createProgress, readOptions } from './support/soak.ts'

export const describe = 'Plays every cell of {FRR, BIRD, GoBGP} x session x families x option, and writes docs/bgp-matrix.md.'

export const flags = {
  lanes: count(4, 1, 'How many cells are played at once; they mostly wait.'),
  only: {
    kind: 'string',
    default: '',
    valueName: 'TEXT',
    description: 'Only cells whose name has this text, such as "bird iBGP"; the document is left alone.',
  },
} as const

const DOCUMENT = fileURLToPath(new URL('../../docs/bgp-matrix.md', import.meta.url))

export async function run(argv: readonly string[]): Promise<object> {
  const { lanes, only } = readOptions(argv, flags)
  const progress = createProgress('bgp-matrix')
  await ensureRouters(ROUTER_KINDS, { install: true, log: progress })
  const cells = everyCell().filter((cell) => cellName(cell).includes(only))
  let done = 0
  const outcomes = await playCells(cells, lanes, (outcome) => {
    done++
    progress(`${done} of ${cells.length}: ${cellName(outcome.cell)}: ${outcome.impossible ?? failureOf(outcome) ?? 'holds'}`)
  })
  if (only === '') {
    const versions = await routerVersions()
    const date = new Date().toISOString().slice(0, 10)
    writeFileSync(DOCUMENT, matrixDocument({ outcomes, versions, date }))
  }
  return summary(outcomes)
}

function summary(outcomes: readonly CellOutcome[]): object {
  const failed = outcomes.filter((outcome) => failureOf(outcome) !== undefined)
  return {
    passed: failed.length === 0,
    cells: outcomes.length,
    played: outcomes.filter(({ impossible }) => impossible === undefined).length,
    failed: failed.map((outcome) => `${cellName(outcome.cell)}: ${failureOf(outcome)}`),
  }
}

async function routerVersions(): Promise<Readonly<Record<RouterKind, string>>> {
  const wire = await createWire(['router', 'node'])
  try {
    const places = { router: wire.place('router'), node: wire.place('node') }
    const spec = routerSpec({ router: 'frr', session: 'eBGP', way: 'v4 over v4', option: 'plain' }, places)
    const version = async (kind: RouterKind): Promise<string> => {
      const { namespace, folder } = places.router
      const router = await startRouter(kind, { namespace, folder: `${folder}/${kind}`, spec })
      const text = await router.version()
      await router.stop()
      return text
    }
    return { frr: await version('frr'), bird: await version('bird'), gobgp: await version('gobgp') }
  } finally {
    await wire.close()
  }
}
