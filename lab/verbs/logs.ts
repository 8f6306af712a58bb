import { existsSync, readdirSync, statSync } from 'node:fs'
import { StepError } from '../command.ts'
import { labPaths } from '../layout.ts'
import { findLab } from '../state.ts'
import { handOver, type VerbProgram } from './verb.ts'

/** Lists the logs of a lab (also of one that is not whole), or prints one of them. */
export const logs: VerbProgram = async ({ name, operands, follow }, { write }) => {
  const lab = findLab(name)
  if (lab === undefined) throw new StepError(undefined, `there is no lab named ${name}`)
  const folder = labPaths(lab.directory).logs
  const files = existsSync(folder) ? readdirSync(folder).sort() : []
  const [component] = operands
  if (component === undefined) {
    for (const file of files)
      write(`${file.replace(/\.log$/, '').padEnd(28)}${String(statSync(`${folder}/${file}`).size).padStart(10)} bytes  ${folder}/${file}`)
    return 0
  }
  const file = files.find((entry) => entry === `${component}.log`)
  if (file === undefined)
    throw new StepError(
      undefined,
      `there is no log of ${component}; there are ${files.map((entry) => entry.replace(/\.log$/, '')).join(', ')}`,
    )
  return handOver(follow ? ['tail', '-n', '100', '-f', `${folder}/${file}`] : ['cat', `${folder}/${file}`])
}
