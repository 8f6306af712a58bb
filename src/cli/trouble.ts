/** What a request that failed means to the person at the terminal: one sentence, and what to do. */
import { GROUP } from '../api/group.ts'
import type { ApiError } from '../kube/api-error.ts'

const MOST_CAUSES = 5

/** The messages of an error's causes, the deepest last. */
function causes(error: Error): string {
  const texts: string[] = []
  for (let at: unknown = error.cause; at instanceof Error && texts.length < MOST_CAUSES; at = at.cause) {
    const code = (at as NodeJS.ErrnoException).code
    texts.push(at.message === '' ? String(code ?? at.name) : at.message)
  }
  return texts.join(': ')
}

/** The text of an answer without the request in front of it. */
const answerText = (error: ApiError): string => error.message.replace(/^\S+ \S+: \d+ /, '')

/** A sentence with its cure, for standard error. */
export function explainTrouble(error: ApiError): string {
  if (error.status === 0) return unanswered(error)
  if (error.status === 401) return `the API server does not know you (${answerText(error)}): log in again, or choose another --context`
  if (error.status === 403) return `${answerText(error)}: docs/cli.md says which rights each command needs`
  if (error.status === 404 && error.message.includes(`/apis/${GROUP}/`)) {
    return 'this cluster does not know the kinds of OpenELB: install it with kubectl apply -f deploy/openelb.yaml, or choose another --context'
  }
  return error.message
}

/** The same in a few words, for a cell of a table. */
export function shortTrouble(error: ApiError): string {
  if (error.status === 0) return 'no answer'
  return error.status === 403 ? 'you may not read it' : `error ${error.status}`
}

function unanswered(error: ApiError): string {
  const detail = causes(error)
  const why = detail === '' ? error.message : detail
  return `the API server cannot be reached: ${why}; see --kubeconfig and --context, or look at the network`
}
