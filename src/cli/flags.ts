/** Every flag of the command line. Each verb says which of them it takes. */
import { DEFAULT_NAMESPACE } from '../api/names.ts'
import { defineFlags, type FlagDefinitions, type FlagValues } from '../runtime/flags.ts'

export const OUTPUT_FORMATS = ['table', 'wide', 'json', 'yaml', 'name'] as const
export type OutputFormat = (typeof OUTPUT_FORMATS)[number]

export const CLI_FLAGS = defineFlags({
  output: { kind: 'string', default: 'table', oneOf: OUTPUT_FORMATS, short: 'o', valueName: 'FORMAT', description: 'How to print.' },
  'no-headers': { kind: 'boolean', default: false, description: 'Prints tables without their first line.' },
  namespace: {
    kind: 'string',
    default: '',
    short: 'n',
    valueName: 'NAME',
    description: 'Only Services of this namespace; for explain, the namespace of a Service that is named without one.',
  },
  'all-namespaces': { kind: 'boolean', default: false, short: 'A', description: 'Services of all namespaces, which is the default.' },
  all: {
    kind: 'boolean',
    default: false,
    description:
      'Also what is left out otherwise: for addresses, those that nobody holds and nobody gets; for whatif, Services that keep theirs; for move, every address of --from.',
  },
  to: { kind: 'string', default: '', valueName: 'NODE', description: 'The node that shall answer.' },
  from: { kind: 'string', default: '', valueName: 'NODE', description: 'The node that answers now.' },
  wait: {
    kind: 'duration',
    default: 10_000,
    minMs: 0,
    maxMs: 3_600_000,
    valueName: 'DURATION',
    description: 'How long to wait for the moves.',
  },
  peer: { kind: 'string', default: '', valueName: 'NAME', description: 'Only messages of the session with this BgpPeer.' },
  follow: {
    kind: 'duration',
    default: 0,
    minMs: 0,
    maxMs: 3_600_000,
    valueName: 'DURATION',
    description: 'Shows the messages that come, too, for so long.',
  },
  filename: {
    kind: 'string',
    default: '',
    short: 'f',
    valueName: 'FILE',
    description: 'A file with Eips, YAML or JSON; - reads them from the input.',
  },
  delete: { kind: 'string', default: '', valueName: 'EIP', description: 'What if this Eip were deleted.' },
  yes: { kind: 'boolean', default: false, short: 'y', description: 'Does not ask for confirmation.' },
  force: { kind: 'boolean', default: false, description: 'Also where a living Service holds the address: it will get another one.' },
  color: {
    kind: 'string',
    default: 'auto',
    oneOf: ['auto', 'always', 'never'],
    description: 'Colours; auto has them on a terminal without NO_COLOR.',
  },
  kubeconfig: {
    kind: 'string',
    default: '',
    valueName: 'FILE',
    description: 'Kubeconfig file. Without it: $KUBECONFIG, then ~/.kube/config.',
  },
  context: { kind: 'string', default: '', valueName: 'NAME', description: 'A context of the kubeconfig in place of its current one.' },
  'openelb-namespace': { kind: 'string', default: DEFAULT_NAMESPACE, valueName: 'NAME', description: 'Where OpenELB is installed.' },
})

export type CliValues = FlagValues<typeof CLI_FLAGS>
export type FlagName = keyof typeof CLI_FLAGS

/** The flags of every verb. */
export const EVERYWHERE_FLAGS: readonly FlagName[] = ['color', 'kubeconfig', 'context', 'openelb-namespace']

/** The definitions of these flags, in the order of CLI_FLAGS. */
export const flagsNamed = (names: readonly FlagName[]): FlagDefinitions =>
  Object.fromEntries(Object.entries(CLI_FLAGS).filter(([name]) => names.includes(name as FlagName)))
