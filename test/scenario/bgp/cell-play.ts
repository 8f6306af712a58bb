/** Plays cells, and makes the table of what came of them. */

import { closeScene, openScene, type Scene } from './cell-scene.ts'
import { STEPS } from './cell-steps.ts'
import { type Cell, cellName, impossible } from './cells.ts'

export interface StepOutcome {
  readonly step: string
  readonly ms: number
  /** Undefined: it holds. */
  readonly failure: string | undefined
}

export interface CellOutcome {
  readonly cell: Cell
  /** Why it was not played. */
  readonly impossible: string | undefined
  readonly steps: readonly StepOutcome[]
}

/** Stops at the first step that fails: the next ones would only say the same. */
export async function playCell(cell: Cell): Promise<CellOutcome> {
  const why = impossible(cell)
  if (why !== undefined) return { cell, impossible: why, steps: [] }
  try {
    return { cell, impossible: undefined, steps: await playSteps(await openScene(cell)) }
  } catch (error) {
    return {
      cell,
      impossible: undefined,
      steps: [{ step: 'start', ms: 0, failure: error instanceof Error ? error.message : String(error) }],
    }
  }
}

async function playSteps(scene: Scene): Promise<readonly StepOutcome[]> {
  const steps: StepOutcome[] = []
  try {
    for (const { name, where, run } of STEPS) {
      if (where?.(scene.cell) === false) continue
      const startedMs = performance.now()
      const failure = await run(scene).then(
        () => undefined,
        (error: Error) => error.message,
      )
      steps.push({ step: name, ms: Math.round(performance.now() - startedMs), failure })
      if (failure !== undefined) break
    }
  } finally {
    await closeScene(scene)
  }
  return steps
}

/** Cells in lanes: they mostly wait. `onEnd` hears of each as it ends; the outcomes are in the order of the cells. */
export async function playCells(
  cells: readonly Cell[],
  lanes: number,
  onEnd: (outcome: CellOutcome) => void,
): Promise<readonly CellOutcome[]> {
  const outcomes = new Map<string, CellOutcome>()
  const queue = cells.values()
  const lane = async (): Promise<void> => {
    for (const cell of queue) {
      const outcome = await playCell(cell)
      outcomes.set(cellName(cell), outcome)
      onEnd(outcome)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return cells.map((cell) => outcomes.get(cellName(cell))).filter((outcome) => outcome !== undefined)
}

export const failureOf = ({ steps }: CellOutcome): string | undefined => {
  const failed = steps.find(({ failure }) => failure !== undefined)
  return failed === undefined ? undefined : `${failed.step}: ${failed.failure}`
}
