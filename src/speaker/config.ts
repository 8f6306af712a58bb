/** The command line and the environment of the speaker. */
import { parseIp } from '../addr/ip.ts'
import { DEFAULT_NAMESPACE, PORT } from '../api/names.ts'
import { err, ok, type Result } from '../result.ts'
import { defineFlags, type FlagValues, formatFlags, parseFlags } from '../runtime/flags.ts'
import { type ListenAddress, parseListenAddress } from '../runtime/listen-address.ts'
import { KLOG_FLAGS, PROCESS_FLAGS } from '../runtime/process-flags.ts'
import { type AnnouncementTimes, DEFAULT_ANNOUNCEMENT_TIMES, parseAnnouncementTimes } from './announcement-times.ts'
import { type MembershipTiming, TIMING_PROFILES } from './membership/timing.ts'

const NO_GOBGP = 'there is no gobgp inside, so there is no gRPC API to listen for'
const NO_SECRET_FLAG =
  'a key on the command line is readable by everybody on the node; give it by --membership-secret, --membership-key-dir or $MEMBER_LIST_SECRET'
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
  'bind-addr': {
    kind: 'string',
    default: '',
    valueName: 'ADDRESS',
    description: 'The address on which the speakers hear one another. Without it: $POD_IP, then every address of the node.',
  },
  'bind-port': {
    kind: 'integer',
    default: PORT.membership,
    min: 1,
    max: 65_535,
    description: 'The UDP and TCP port on which the speakers hear one another; the same on every node.',
  },
  'membership-secret': {
    kind: 'string',
    default: '',
    valueName: 'NAME',
    description:
      'The Secret in our namespace with the key by which the speakers know one another: `key`, and `previous` while it is changed. The manifest sets it.',
  },
  'membership-key-dir': {
    kind: 'string',
    default: '',
    valueName: 'DIRECTORY',
    description: 'The same as files in a directory, without access to the Secret. Without both: $MEMBER_LIST_SECRET.',
  },
  'failover-profile': {
    kind: 'string',
    default: 'default',
    oneOf: ['default', 'fast'],
    description: 'How soon a silent node is given up: after 350 ms, or by `fast` after 150 ms, at 2.5 times the packets.',
  },
  rebalance: {
    kind: 'string',
    default: 'never',
    oneOf: ['never', 'slow'],
    description: 'Whether addresses are moved from nodes that own many to nodes that own few: never, or one every 10 s.',
  },
  'avoid-cordoned': {
    kind: 'boolean',
    default: false,
    description: 'A cordoned node owns no address. Without it a cordon stops new Pods only.',
  },
  'layer2-subnet-check': {
    kind: 'boolean',
    default: true,
    description: 'An address is answered on an interface only that has a subnet which contains it.',
  },
  gratuitous: {
    kind: 'string',
    default: DEFAULT_ANNOUNCEMENT_TIMES,
    valueName: 'TIMES',
    description: 'When a new owner tells the neighbours, as times after it took the address; `,every 60s` at the end goes on for ever.',
  },
  'api-hosts': { kind: 'ignored', takesValue: true, description: NO_GOBGP },
  'enable-keepalived-vip': { kind: 'ignored', takesValue: false, description: NO_KEEPALIVED },
  'keepalived-args': { kind: 'ignored', takesValue: true, description: NO_KEEPALIVED },
  secret: { kind: 'ignored', takesValue: true, description: NO_SECRET_FLAG },
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
  readonly announcementTimes: AnnouncementTimes
  readonly membership: MembershipConfig
  readonly warnings: readonly string[]
}

/** How the speakers hear one another. */
export interface MembershipConfig {
  readonly bind: { readonly address: string; readonly port: number }
  readonly timing: MembershipTiming
  /** Where the key is; undefined when nothing says so, and membership is off. */
  readonly key: { readonly secretName: string } | { readonly dir: string } | { readonly text: string } | undefined
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
  const announcementTimes = parseAnnouncementTimes(flags.gratuitous)
  if (!announcementTimes.ok) return err(`--gratuitous: ${announcementTimes.error}`)
  const membership = membershipConfig(flags, env)
  if (!membership.ok) return membership
  const config: Config = {
    flags,
    nodeName,
    namespace: env['OPENELB_NAMESPACE'] || DEFAULT_NAMESPACE,
    podName: env['POD_NAME'] ?? '',
    metrics: metrics.value,
    announcementTimes: announcementTimes.value,
    membership: membership.value,
    warnings,
  }
  return ok({ kind: 'run', config })
}

function membershipConfig(
  flags: FlagValues<typeof FLAGS>,
  env: Readonly<Record<string, string | undefined>>,
): Result<MembershipConfig, string> {
  const address = flags['bind-addr'] || env['POD_IP'] || '0.0.0.0'
  if (!parseIp(address).ok) return err(`--bind-addr: "${address}" is no IP address`)
  const secretName = flags['membership-secret']
  const dir = flags['membership-key-dir']
  if (secretName !== '' && dir !== '')
    return err('--membership-secret and --membership-key-dir are two places for one key: give one of them')
  const text = env['MEMBER_LIST_SECRET'] ?? ''
  return ok({
    bind: { address, port: flags['bind-port'] },
    timing: TIMING_PROFILES[flags['failover-profile']],
    key: secretName !== '' ? { secretName } : dir !== '' ? { dir } : text !== '' ? { text } : undefined,
  })
}
