import { ensureBinaries } from '../binaries.ts'
import { kubectlEnvironment } from '../connection.ts'
import { handOver, requireLab, type VerbProgram } from './verb.ts'

/** kubectl of the lab's own version, as administrator; its exit code is ours. */
export const kubectl: VerbProgram = async ({ name, operands }, { write }) => {
  const lab = requireLab(name)
  const binaries = await ensureBinaries(['kubectl'], lab.kubernetes, write)
  return handOver([binaries['kubectl'] ?? 'kubectl', ...operands], kubectlEnvironment(lab.directory))
}
