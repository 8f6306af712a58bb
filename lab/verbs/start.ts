import { StepError } from '../command.ts'
import type { VerbProgram } from './verb.ts'
export const start: VerbProgram = async () => {
  throw new StepError('start', 'being written')
}
