import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { StepError } from '../command.ts'
import { labLayout } from '../layout.ts'
import { loadImage } from '../presentation.ts'
import { requireLab, type VerbProgram } from './verb.ts'

/** Imports a docker-archive on every node. */
export const load: VerbProgram = async ({ name, operands }, { write }) => {
  const lab = requireLab(name)
  // npm runs scripts in the project's folder; the user's own is in INIT_CWD.
  const archive = resolve(process.env['INIT_CWD'] ?? '.', operands[0] ?? '')
  if (!existsSync(archive)) throw new StepError(undefined, `there is no file ${archive}`)
  const startedAt = Date.now()
  await loadImage(labLayout(lab.id, lab.name, lab.directory, lab.nodes), archive)
  write(`${archive} is on ${lab.nodes} nodes after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`)
  return 0
}
