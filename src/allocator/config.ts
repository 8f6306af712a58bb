/** The command line and the environment of `openelb-controller`. */
import { hostname } from 'node:os'
import { CONTROLLER_LEASE, DEFAULT_NAMESPACE, PORT } from '../api/names.ts'
import type { Settings } from '../policy/settings.ts'
import { readSettingsFlags, SETTINGS_FLAGS } from '../policy/settings-flags.ts'
import { err, ok, type Result } from '../result.ts'
import { defineFlags, formatFlags, parseFlags } from '../runtime/flags.ts'
import { type ListenAddress, parseListenAddress } from '../runtime/listen-address.ts'
import type { LogFormat, LogLevel } from '../runtime/logger.ts'
import { KLOG_FLAGS, PROCESS_FLAGS } from '../runtime/process-flags.ts'

const WEBHOOK_MOVED = 'the admission webhook is a process of its own (Deployment openelb-admission)'
const NOT_SERVED = 'there is no such server in this process'

const FLAGS = defineFlags({
  'metrics-addr': {
    kind: 'string',
    default: `:${PORT.controllerMetrics}`,
    valueName: 'ADDRESS',
    description: 'Where to serve /metrics, /healthz and /readyz; 0 for nowhere.',
  },
  'leader-elect': {
    kind: 'boolean',
    default: true,
    description:
      'Work only while holding the Lease. Without it two processes stay safe, since each address is one claim, but waste effort.',
  },
  'lease-duration': {
    kind: 'duration',
    default: 15_000,
    minMs: 1000,
    description: 'How long others leave a leader alone that does not renew its Lease.',
  },
  'renew-deadline': { kind: 'duration', default: 10_000, minMs: 500, description: 'How long a leader goes on without a renewal.' },
  'retry-period': { kind: 'duration', default: 2000, minMs: 100, description: 'The time between two tries to take or renew the Lease.' },
  ...SETTINGS_FLAGS,
  ...PROCESS_FLAGS,
  'readiness-addr': { kind: 'ignored', takesValue: true, description: '/readyz is served at --metrics-addr' },
  'webhook-port': { kind: 'ignored', takesValue: true, description: WEBHOOK_MOVED },
  'webhook-cert-dir': { kind: 'ignored', takesValue: true, description: WEBHOOK_MOVED },
  'api-hosts': { kind: 'ignored', takesValue: true, description: NOT_SERVED },
  'http-port': { kind: 'ignored', takesValue: true, description: NOT_SERVED },
  'keepalived-http-port': { kind: 'ignored', takesValue: true, description: NOT_SERVED },
  ...KLOG_FLAGS,
})

export interface AllocatorConfig {
  /** Our own namespace: Lease, settings. */
  readonly namespace: string
  /** Who we are in the Lease and in Events: the Pod's name. */
  readonly identity: string
  readonly kubeconfigPath: string | undefined
  readonly metricsAddress: ListenAddress | undefined
  /** Undefined: work without a Lease. */
  readonly lease:
    | { readonly name: string; readonly leaseDurationMs: number; readonly renewDeadlineMs: number; readonly retryPeriodMs: number }
    | undefined
  /** What holds where the ConfigMap of the settings says nothing. */
  readonly settings: Settings
  readonly logFormat: LogFormat
  readonly logLevel: LogLevel
  readonly warnings: readonly string[]
}

export type Command =
  | { readonly verb: 'run'; readonly config: AllocatorConfig }
  | { readonly verb: 'help'; readonly text: string }
  | { readonly verb: 'version' }

const HELP = `openelb-controller gives addresses of Eips to Services of type LoadBalancer.

Usage: openelb-controller [flags]
       openelb-controller version

Environment: OPENELB_NAMESPACE (${DEFAULT_NAMESPACE}), POD_NAME (the host's name).

Flags:
`

/** Reads argv (without the program) and the environment. Error: a sentence that names the flag. */
export function readConfig(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Result<Command, string> {
  const parsed = parseFlags(argv, FLAGS)
  if (!parsed.ok) return err(parsed.error.message)
  const { values, rest, warnings, asked } = parsed.value
  if (asked === 'help') return ok({ verb: 'help', text: HELP + formatFlags(FLAGS) })
  if (asked === 'version' || rest[0] === 'version') return ok({ verb: 'version' })
  if (rest.length > 0) return err(`unexpected word "${rest[0]}": see --help`)
  const metricsAddress = parseListenAddress(values['metrics-addr'])
  if (!metricsAddress.ok) return err(`--metrics-addr: ${metricsAddress.error}`)
  const settings = readSettingsFlags(values)
  if (!settings.ok) return settings
  const times = {
    leaseDurationMs: values['lease-duration'],
    renewDeadlineMs: values['renew-deadline'],
    retryPeriodMs: values['retry-period'],
  }
  if (!(times.retryPeriodMs < times.renewDeadlineMs && times.renewDeadlineMs < times.leaseDurationMs)) {
    return err('--retry-period must be shorter than --renew-deadline, and that shorter than --lease-duration')
  }
  return ok({
    verb: 'run',
    config: {
      namespace: env['OPENELB_NAMESPACE'] || DEFAULT_NAMESPACE,
      identity: env['POD_NAME'] || hostname(),
      kubeconfigPath: values.kubeconfig || undefined,
      metricsAddress: metricsAddress.value,
      lease: values['leader-elect'] ? { name: CONTROLLER_LEASE, ...times } : undefined,
      settings: settings.value,
      logFormat: values['log-format'],
      logLevel: values['log-level'],
      warnings,
    },
  })
}
