/** The command line and the environment of the speaker. */
import { DEFAULT_NAMESPACE, PORT } from '../api/names.ts'
import { err, ok, type Result } from '../result.ts'
import { defineFlags, type FlagValues, formatFlags, parseFlags } from '../runtime/flags.ts'
import { type ListenAddress, parseListenAddress } from '../runtime/listen-address.ts'
import { KLOG_FLAGS, PROCESS_FLAGS } from '../runtime/process-flags.ts'

const NO_GOBGP = 'there is no gobgp inside, so there is no gRPC API to listen for'
const NO_MEMBERSHIP = 'speakers learn of one another through the API server in this version'
const NO_KEEPALIVED = 'no keepalived is run; addresses of protocol vip are held and not announced in this version'

export const FLAGS = defineFlags({
  'enable-layer2': {
    kind: 'boolean',
    default: false,
    description: 'Answer ARP and neighbour discovery for addresses of protocol layer2. The manifest sets it; needs CAP_NET_RAW.',
  },
  'node-name': { kind: 'string', default: '', valueName: 'NAME', description: 'The name of this node. Without it: $NODE_NAME.' },
  'metrics-addr': {
    kind: 'string',
    default: `:${PORT.speakerMetrics}`,
    valueName: 'ADDRESS',
    description: 'Where /metrics, /healthz and /readyz are served, on the node itself; 0 for nowhere.',
  },
  'api-hosts': { kind: 'ignored', takesValue: true, description: NO_GOBGP },
  'enable-keepalived-vip': { kind: 'ignored', takesValue: false, description: NO_KEEPALIVED },
  'keepalived-args': { kind: 'ignored', takesValue: true, description: NO_KEEPALIVED },
  'bind-addr': { kind: 'ignored', takesValue: true, description: NO_MEMBERSHIP },
  'bind-port': { kind: 'ignored', takesValue: true, description: NO_MEMBERSHIP },
  secret: { kind: 'ignored', takesValue: true, description: NO_MEMBERSHIP },
  'log-path': { kind: 'ignored', takesValue: true, description: 'lines go to standard error, where the container runtime takes them' },
  ...PROCESS_FLAGS,
  ...KLOG_FLAGS,
})

/** Everything that the speaker is told from outside. */
export interface Config {
  readonly flags: FlagValues<typeof FLAGS>
  readonly nodeName: string
  readonly namespace: string
  /** For Events; empty outside of a Pod. */
  readonly podName: string
  readonly metrics: ListenAddress | undefined
  readonly warnings: readonly string[]
}

/** What the command line asks for: to run, or to print a text and end. */
export type Asked = { readonly kind: 'run'; readonly config: Config } | { readonly kind: 'print'; readonly text: string }

const USAGE = `Usage: openelb-speaker [flags]
       openelb-speaker version

Answers on the wire for the addresses whose AddressClaim names this node.

Flags:
`

/** Reads both. Error: a sentence that names the flag or the variable. */
export function readConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  version: string,
): Result<Asked, string> {
  const parsed = parseFlags(argv, FLAGS)
  if (!parsed.ok) return err(parsed.error.message)
  const { values: flags, asked, rest, warnings } = parsed.value
  if (asked === 'help') return ok({ kind: 'print', text: `${USAGE}${formatFlags(FLAGS)}` })
  if (asked === 'version' || rest[0] === 'version') return ok({ kind: 'print', text: `${version}\n` })
  if (rest.length > 0) return err(`the speaker takes no arguments, only flags: "${rest[0]}" is none`)
  const nodeName = flags['node-name'] || env['NODE_NAME'] || ''
  if (nodeName === '') return err('the name of the node is not known: set --node-name or the environment variable NODE_NAME')
  const metrics = parseListenAddress(flags['metrics-addr'])
  if (!metrics.ok) return err(`--metrics-addr: ${metrics.error}`)
  const namespace = env['OPENELB_NAMESPACE'] || DEFAULT_NAMESPACE
  return ok({ kind: 'run', config: { flags, nodeName, namespace, podName: env['POD_NAME'] ?? '', metrics: metrics.value, warnings } })
}
