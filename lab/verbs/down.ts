import { findLab, listLabs } from '../state.ts'
import { tearDown } from '../teardown.ts'
import type { VerbProgram } from './verb.ts'

/** Removes one lab, or all. Removing what does not exist is success. */
export const down: VerbProgram = async ({ name, all }, { write }) => {
  const one = findLab(name)
  const labs = all ? listLabs() : one === undefined ? [] : [one]
  if (labs.length === 0) write(all ? 'there is no lab on this host' : `there is no lab named ${name}`)
  for (const lab of labs) {
    const startedAt = Date.now()
    await tearDown(lab)
    write(`lab ${lab.name} is gone after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`)
  }
  return 0
}
