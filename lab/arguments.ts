import { err, ok, type Result } from '../src/result.ts'
import { LAB_NAME, MAX_NODES } from './layout.ts'
import { ROUTER_KINDS, type RouterKind } from './peers/spec.ts'

/** The verbs, each with what follows it and what it does: the text of `--help` and what the parser accepts. */
export const VERBS = {
  up: { operands: '', text: 'start a cluster and leave it running' },
  down: { operands: '', text: 'remove the lab and everything of it (--all: every lab of this host)' },
  status: { operands: '', text: 'list the labs of this host with their nodes and processes' },
  logs: { operands: '[COMPONENT]', text: 'list the logs, or print one (--follow: go on printing)' },
  kubectl: { operands: 'ARGUMENTS...', text: 'run kubectl as administrator of the lab' },
  shell: { operands: 'NODE [COMMAND...]', text: 'a shell on a node (n1...), or on cp, client, router, far' },
  doctor: { operands: '', text: 'say what is missing on this host, and the command that mends it' },
  load: { operands: 'IMAGE.tar', text: 'import a docker-archive on every node' },
  start: { operands: '', text: 'cluster, image, installation and demo in one; q or Ctrl-C removes it (--once: at once)' },
} as const
export type Verb = keyof typeof VERBS

export interface LabArguments {
  readonly verb: Verb
  readonly name: string
  readonly nodes: number
  readonly dualStack: boolean
  readonly kubernetes: string | undefined
  readonly install: boolean
  readonly all: boolean
  readonly follow: boolean
  readonly once: boolean
  /** The router that `start` puts beside the cluster, with BGP to every node. */
  readonly router: RouterKind | undefined
  /** What belongs to the verb itself, untouched: kubectl's arguments, the node, the file. */
  readonly operands: readonly string[]
}

export type ArgumentError = { readonly code: 'HELP' | 'BAD_ARGUMENT'; readonly message: string }

type Flag =
  | { readonly key: 'name' | 'nodes' | 'kubernetes' | 'router'; readonly value: true }
  | { readonly key: 'dualStack' | 'noInstall' | 'all' | 'follow' | 'once'; readonly value: false }

const FLAGS: Readonly<Record<string, Flag>> = {
  '--name': { key: 'name', value: true },
  '--nodes': { key: 'nodes', value: true },
  '--kubernetes': { key: 'kubernetes', value: true },
  '--router': { key: 'router', value: true },
  '--dual-stack': { key: 'dualStack', value: false },
  '--no-install': { key: 'noInstall', value: false },
  '--all': { key: 'all', value: false },
  '--follow': { key: 'follow', value: false },
  '--once': { key: 'once', value: false },
}
/** Verbs that hand their operands to another program. */
const PASSES_ON: readonly string[] = ['kubectl', 'shell']
const NEEDS_OPERAND: Readonly<Record<string, string>> = { shell: 'a node', load: 'a file', kubectl: "kubectl's arguments" }

/** Reads the command line of `npm run lab --`. Errors: HELP when it asks for help or says nothing, BAD_ARGUMENT with a sentence. */
export function parseLabArguments(argv: readonly string[]): Result<LabArguments, ArgumentError> {
  const values: Record<string, string> = {}
  const words: string[] = []
  const rest = [...argv]
  for (let text = rest.shift(); text !== undefined; text = rest.shift()) {
    if (belongsToOther(words, text)) {
      words.push(text, ...rest)
      break
    }
    if (text === '--help' || text === '-h') return err({ code: 'HELP', message: labHelp() })
    if (!text.startsWith('--')) {
      words.push(text)
      continue
    }
    const [option, inline] = splitOnce(text)
    const flag = FLAGS[option]
    if (flag === undefined) return bad(`unknown option ${option}; --help lists them`)
    if (!flag.value && inline !== undefined) return bad(`${option} takes no value`)
    const value = flag.value ? (inline ?? rest.shift()) : 'true'
    if (value === undefined) return bad(`${option} needs a value`)
    values[flag.key] = value
  }
  return finish(values, words)
}

/** After `kubectl` options of ours may still come, up to the first word that is not one; after `shell NODE` all is the command's. */
function belongsToOther(words: readonly string[], text: string): boolean {
  if (words[0] === 'shell') return words.length > 1
  return words[0] === 'kubectl' && FLAGS[splitOnce(text)[0]] === undefined
}

function finish(values: Readonly<Record<string, string>>, [verb, ...operands]: readonly string[]): Result<LabArguments, ArgumentError> {
  if (verb === undefined) return err({ code: 'HELP', message: labHelp() })
  if (!isVerb(verb)) return bad(`unknown verb ${JSON.stringify(verb)}; there are ${Object.keys(VERBS).join(', ')}`)
  const nodes = Number(values['nodes'] ?? 3)
  const name = values['name'] ?? 'lab'
  if (!/^\d+$/.test(values['nodes'] ?? '3') || nodes < 1 || nodes > MAX_NODES)
    return bad(`--nodes ${values['nodes']}: must be 1 to ${MAX_NODES}`)
  if (!LAB_NAME.test(name)) return bad(`--name ${JSON.stringify(name)}: must be 1 to 24 of a-z, 0-9 and -`)
  const router = ROUTER_KINDS.find((kind) => kind === values['router'])
  if (values['router'] !== undefined && router === undefined) return bad(`--router ${values['router']}: must be ${ROUTER_KINDS.join(', ')}`)
  if (router !== undefined && verb !== 'start') return bad('--router belongs to start')
  if (operands.length === 0 && NEEDS_OPERAND[verb] !== undefined) return bad(`${verb} needs ${NEEDS_OPERAND[verb]}`)
  const most = VERBS[verb].operands === '' ? 0 : PASSES_ON.includes(verb) ? Number.POSITIVE_INFINITY : 1
  if (operands.length > most) return bad(`${verb} does not take ${JSON.stringify(operands[most])}`)
  const has = (key: string) => values[key] !== undefined
  return ok({
    verb,
    name,
    nodes,
    operands,
    kubernetes: values['kubernetes'],
    dualStack: has('dualStack'),
    install: !has('noInstall'),
    all: has('all'),
    follow: has('follow'),
    once: has('once'),
    router,
  })
}

function isVerb(text: string): text is Verb {
  return Object.hasOwn(VERBS, text)
}

export function labHelp(): string {
  const verbs = Object.entries(VERBS).map(([verb, { operands, text }]) => `  ${`${verb} ${operands}`.padEnd(26)}${text}`)
  return `A real Kubernetes cluster on this host, without Docker.

npm run lab -- VERB [OPTIONS]

${verbs.join('\n')}

  --nodes N                 number of nodes, 1 to ${MAX_NODES} (3)
  --name NAME               name of the lab; labs of different names run side by side (lab)
  --dual-stack              IPv6 beside IPv4
  --kubernetes VERSION      Kubernetes version; lab/kubernetes lists what is offered
  --router KIND             frr, bird or gobgp: start shows BGP with that router besides
  --no-install              never install missing Debian packages; say which
  --help                    this text
`
}

function splitOnce(text: string): [string, string | undefined] {
  const at = text.indexOf('=')
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function bad(message: string): Result<never, ArgumentError> {
  return err({ code: 'BAD_ARGUMENT', message })
}
