import { labLayout, labPaths } from '../layout.ts'
import { isAlive } from '../process-table.ts'
import { type LabState, listLabs } from '../state.ts'
import { isRunning } from './up.ts'
import type { VerbProgram } from './verb.ts'

/** Lists the labs; exit code 0 when each is whole, 1 when one is not. */
export const status: VerbProgram = async (_options, { write }) => {
  const labs = listLabs()
  if (labs.length === 0) write('there is no lab on this host')
  for (const lab of labs) for (const line of describeLab(lab)) write(line)
  return labs.every(isRunning) ? 0 : 1
}

function describeLab(lab: LabState): string[] {
  const whole = isRunning(lab)
  const option = lab.name === 'lab' ? '' : ` --name ${lab.name}`
  const head = `${lab.name}: ${whole ? lab.phase : `not whole; remove it with: npm run lab -- down${option}`}`
  if (lab.id === undefined) return [head]
  const { subnet, link } = labLayout(lab.id, lab.name, lab.directory, lab.nodes)
  const dead = Object.entries(lab.processes).filter(([, found]) => !isAlive(found))
  return [
    head,
    `  Kubernetes ${lab.kubernetes}, ${lab.nodes} nodes${lab.dualStack ? ', dual stack' : ''}, network ${subnet}.0/24 (${link}), since ${lab.startedAt}`,
    `  processes: ${Object.keys(lab.processes).length - dead.length} running${dead.length === 0 ? '' : `, ended: ${dead.map(([name]) => name).join(', ')}`}`,
    `  KUBECONFIG=${labPaths(lab.directory).kubeconfig}`,
  ]
}
