import { enterCell } from '../cell.ts'
import { StepError } from '../command.ts'
import { kubectlEnvironment } from '../connection.ts'
import { labLayout } from '../layout.ts'
import { enterNamespace } from '../network.ts'
import { isAlive } from '../process-table.ts'
import { handOver, requireLab, type VerbProgram } from './verb.ts'

/** A shell, or a command, on a node or another place of the lab. */
export const shell: VerbProgram = async ({ name, operands }) => {
  const lab = requireLab(name)
  const layout = labLayout(lab.id, lab.name, lab.directory, lab.nodes)
  const [place = '', ...command] = operands
  const places = [...layout.nodes.map((node) => node.name), 'cp', 'client', 'router', 'far']
  if (!places.includes(place)) throw new StepError(undefined, `there is no ${place} in this lab; there are ${places.join(', ')}`)
  const namespace = `${layout.link}-${place}`
  const anchor = lab.processes[`cell-${namespace}`]
  const enter = anchor !== undefined && isAlive(anchor) ? enterCell(anchor.pid) : enterNamespace(namespace)
  const environment = { ...kubectlEnvironment(lab.directory), PS1: `${place}# ` }
  return handOver([...enter, ...(command.length === 0 ? ['/bin/sh'] : command)], environment)
}
