import { ADMISSION_NAME, CERTIFICATE_SECRET, DEFAULT_NAMESPACE, MEMBERLIST_SECRET } from '../src/api/names.ts'
import { err, ok, type Result } from '../src/result.ts'
import { defineFlags, type FlagValues, formatFlags, parseFlags } from '../src/runtime/flags.ts'
import type { LogFormat, LogLevel } from '../src/runtime/logger.ts'
import { KLOG_FLAGS, PROCESS_FLAGS } from '../src/runtime/process-flags.ts'
import type { FailurePolicy } from './cluster.ts'
import { parseHosts, serviceHosts } from './hosts.ts'
import { DEFAULT_KEY_NAMES, type KeyNames } from './secret.ts'

export const VERBS = ['create', 'patch', 'renew'] as const
export type Verb = (typeof VERBS)[number]

/** One year: long against any outage, short against a lost key. */
export const DEFAULT_LIFETIME_MS = 365 * 24 * 3_600_000
/** API servers learn of a changed configuration by a watch; this is long for that. */
export const DEFAULT_SETTLE_MS = 10_000

const SHARED = defineFlags({
  namespace: {
    kind: 'string',
    default: '',
    valueName: 'NAME',
    description: 'Where the Secrets are. Without it: $POD_NAMESPACE, then openelb-system.',
  },
  'secret-name': { kind: 'string', default: CERTIFICATE_SECRET, valueName: 'NAME', description: 'The Secret with the certificates.' },
  'ca-name': { kind: 'string', default: DEFAULT_KEY_NAMES.ca, valueName: 'KEY', description: 'Its key with the bundle of CAs.' },
  'cert-name': { kind: 'string', default: DEFAULT_KEY_NAMES.cert, valueName: 'KEY', description: 'Its key with the serving certificate.' },
  'key-name': { kind: 'string', default: DEFAULT_KEY_NAMES.key, valueName: 'KEY', description: 'Its key with the private key.' },
  timeout: { kind: 'duration', default: 120_000, minMs: 1000, description: 'How long to try in all before giving up.' },
  ...PROCESS_FLAGS,
  ...KLOG_FLAGS,
})

/** When and for how long certificates are made: flags of `certgen renew`, and of the webhook, which renews by itself. */
export const RENEWAL_FLAGS = defineFlags({
  'certificate-lifetime': {
    kind: 'duration',
    default: DEFAULT_LIFETIME_MS,
    minMs: 10_000,
    maxMs: 50 * DEFAULT_LIFETIME_MS,
    description: 'From now to the end of a new certificate.',
  },
  'renew-before': {
    kind: 'duration',
    default: 0,
    description: 'How long before its end a certificate is renewed; 0 is a third of its life.',
  },
  'settle-time': {
    kind: 'duration',
    default: DEFAULT_SETTLE_MS,
    description: 'How long the webhook configurations must have had the new CA before the new certificate is served.',
  },
})

const ISSUING = defineFlags({
  host: {
    kind: 'string',
    default: '',
    valueName: 'LIST',
    description: 'Comma list of names that the certificate has beside those of the Services openelb-admission and openelb-controller.',
  },
  'certificate-lifetime': RENEWAL_FLAGS['certificate-lifetime'],
})

const CONFIGURATIONS = defineFlags({
  'webhook-name': { kind: 'string', default: ADMISSION_NAME, valueName: 'NAME', description: 'Name of the webhook configurations.' },
  'patch-validating': { kind: 'boolean', default: true, description: 'Whether the ValidatingWebhookConfiguration of that name is meant.' },
  'patch-mutating': { kind: 'boolean', default: true, description: 'Whether the MutatingWebhookConfiguration of that name is meant.' },
})

const CREATE = defineFlags({
  ...ISSUING,
  'membership-secret-name': {
    kind: 'string',
    default: MEMBERLIST_SECRET,
    valueName: 'NAME',
    description: "The Secret that gets a random key for the speakers' membership; empty for none.",
  },
  ...SHARED,
})

const PATCH = defineFlags({
  ...CONFIGURATIONS,
  'patch-failure-policy': {
    kind: 'string',
    default: '',
    valueName: 'POLICY',
    description: 'Fail or Ignore: writes this failurePolicy too, but never into webhooks on Services.',
  },
  ...SHARED,
})

const RENEW = defineFlags({
  force: { kind: 'boolean', default: false, description: 'Renews whatever the age.' },
  ...RENEWAL_FLAGS,
  ...ISSUING,
  ...CONFIGURATIONS,
  ...SHARED,
})

const SUMMARIES: Readonly<Record<Verb, string>> = {
  create: 'makes the Secret with CA, certificate and key unless it holds sound ones, and the key of the Secret memberlist',
  patch: "writes the Secret's CA into the webhook configurations",
  renew: 'renews the certificate when it is due: publishes old and new CA, waits, then serves the new certificate',
}
const FLAGS = { create: CREATE, patch: PATCH, renew: RENEW } as const

/** The text of `--help`: of one verb, or of all. */
export function helpText(verb: Verb | undefined): string {
  if (verb !== undefined) return `certgen ${verb} ${SUMMARIES[verb]}.\n\nFlags:\n${formatFlags(FLAGS[verb])}`
  const verbs = VERBS.map((name) => `  ${name.padEnd(8)}${SUMMARIES[name]}\n`).join('')
  return `Certificates of OpenELB's admission webhooks.\n\nUsage: certgen VERB [FLAGS]\n\n${verbs}\ncertgen VERB --help lists the flags of a verb.\n`
}

export interface SharedConfig {
  readonly namespace: string
  readonly secretName: string
  readonly keyNames: KeyNames
  readonly timeoutMs: number
  readonly kubeconfigPath: string
  readonly logFormat: LogFormat
  readonly logLevel: LogLevel
  readonly warnings: readonly string[]
}

export interface ConfigurationsConfig {
  readonly webhookName: string
  readonly validating: boolean
  readonly mutating: boolean
}

export interface IssuingConfig {
  readonly hosts: readonly string[]
  readonly lifetimeMs: number
}

/** What the command line asks for. */
export type Config =
  | { readonly verb: 'help'; readonly text: string }
  | { readonly verb: 'version' }
  | ({ readonly verb: 'create'; readonly membershipSecretName: string } & IssuingConfig & SharedConfig)
  | ({ readonly verb: 'patch'; readonly failurePolicy?: FailurePolicy } & ConfigurationsConfig & SharedConfig)
  | ({
      readonly verb: 'renew'
      readonly force: boolean
      readonly renewBeforeMs?: number
      readonly settleMs: number
    } & IssuingConfig &
      ConfigurationsConfig &
      SharedConfig)

/** A command line that asks for work. */
export type RunConfig = Extract<Config, { verb: Verb }>

/** Reads a command line without the program's name; the error is a sentence that names the verb or flag at fault. */
export function readConfig(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Result<Config, string> {
  const [word, ...rest] = argv
  if (word === undefined || ['help', '--help', '-h'].includes(word)) return ok({ verb: 'help', text: helpText(undefined) })
  if (word === 'version' || word === '--version') return ok({ verb: 'version' })
  const verb = VERBS.find((name) => name === word)
  if (verb === undefined) return err(`there is no verb ${JSON.stringify(word)}: expected one of ${VERBS.join(', ')}`)
  return READERS[verb](rest, env)
}

type Env = Readonly<Record<string, string | undefined>>
type Reader = (argv: readonly string[], env: Env) => Result<Config, string>

const READERS: Readonly<Record<Verb, Reader>> = {
  create(argv, env) {
    const parsed = read('create', parseFlags(argv, CREATE))
    if (parsed.kind === 'answered') return parsed.answer
    const { values, warnings } = parsed
    const shared = sharedConfig(values, env, warnings)
    const hosts = hostList(values.host, shared.namespace)
    if (!hosts.ok) return hosts
    const membershipSecretName = values['membership-secret-name']
    return ok({ verb: 'create', membershipSecretName, hosts: hosts.value, lifetimeMs: values['certificate-lifetime'], ...shared })
  },
  patch(argv, env) {
    const parsed = read('patch', parseFlags(argv, PATCH))
    if (parsed.kind === 'answered') return parsed.answer
    const { values, warnings } = parsed
    const policy = values['patch-failure-policy']
    const shared = { verb: 'patch', ...configurations(values), ...sharedConfig(values, env, warnings) } as const
    if (policy === '') return ok(shared)
    if (policy !== 'Fail' && policy !== 'Ignore') return err(`--patch-failure-policy=${policy} is not valid: expected Fail or Ignore`)
    return ok({ ...shared, failurePolicy: policy })
  },
  renew(argv, env) {
    const parsed = read('renew', parseFlags(argv, RENEW))
    if (parsed.kind === 'answered') return parsed.answer
    const { values, warnings } = parsed
    const shared = sharedConfig(values, env, warnings)
    const hosts = hostList(values.host, shared.namespace)
    if (!hosts.ok) return hosts
    const renewBeforeMs = values['renew-before']
    return ok({
      verb: 'renew',
      force: values.force,
      settleMs: values['settle-time'],
      ...(renewBeforeMs === 0 ? {} : { renewBeforeMs }),
      hosts: hosts.value,
      lifetimeMs: values['certificate-lifetime'],
      ...configurations(values),
      ...shared,
    })
  },
}

type Read<V> =
  | { readonly kind: 'answered'; readonly answer: Result<Config, string> }
  | { readonly kind: 'run'; readonly values: V; readonly warnings: readonly string[] }

interface Flags<V> {
  readonly values: V
  readonly warnings: readonly string[]
  readonly rest: readonly string[]
  readonly asked: 'run' | 'help' | 'version'
}

/** What all verbs do with their parsed flags: mistakes, questions for help, and words that are no flags end it here. */
function read<V>(verb: Verb, parsed: Result<Flags<V>, { readonly message: string }>): Read<V> {
  const answer = (given: Result<Config, string>): Read<V> => ({ kind: 'answered', answer: given })
  if (!parsed.ok) return answer(err(`${verb}: ${parsed.error.message}`))
  const { asked, rest, values, warnings } = parsed.value
  if (asked === 'help') return answer(ok({ verb: 'help', text: helpText(verb) }))
  if (asked === 'version') return answer(ok({ verb: 'version' }))
  if (rest.length > 0) return answer(err(`${verb}: ${JSON.stringify(rest[0])} is no flag`))
  return { kind: 'run', values, warnings }
}

function sharedConfig(values: FlagValues<typeof SHARED>, env: Env, warnings: readonly string[]): SharedConfig {
  return {
    namespace: values.namespace || env['POD_NAMESPACE'] || env['OPENELB_NAMESPACE'] || DEFAULT_NAMESPACE,
    secretName: values['secret-name'],
    keyNames: { ca: values['ca-name'], cert: values['cert-name'], key: values['key-name'] },
    timeoutMs: values.timeout,
    kubeconfigPath: values.kubeconfig,
    logFormat: values['log-format'],
    logLevel: values['log-level'],
    warnings,
  }
}

function configurations(values: FlagValues<typeof CONFIGURATIONS>): ConfigurationsConfig {
  return { webhookName: values['webhook-name'], validating: values['patch-validating'], mutating: values['patch-mutating'] }
}

function hostList(text: string, namespace: string): Result<readonly string[], string> {
  const hosts = parseHosts(text)
  if (!hosts.ok) return err(`--host: ${JSON.stringify(hosts.error)} is neither a DNS name nor an IP address`)
  return ok([...new Set([...serviceHosts(namespace), ...hosts.value])])
}
