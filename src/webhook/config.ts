/** The command line of the webhook. */
import { RENEWAL_FLAGS } from '../../certgen/config.ts'
import { DEFAULT_NAMESPACE, PORT } from '../api/names.ts'
import type { Settings } from '../policy/settings.ts'
import { readSettingsFlags, SETTINGS_FLAGS } from '../policy/settings-flags.ts'
import { err, ok, type Result } from '../result.ts'
import { defineFlags, type FlagValues, formatFlags, parseFlags } from '../runtime/flags.ts'
import { type ListenAddress, parseListenAddress } from '../runtime/listen-address.ts'
import { KLOG_FLAGS, PROCESS_FLAGS } from '../runtime/process-flags.ts'

export const FLAGS = defineFlags({
  'webhook-port': { kind: 'integer', default: PORT.webhook, min: 0, max: 65_535, description: 'The port of the webhook, TLS.' },
  'webhook-host': { kind: 'string', default: '::', valueName: 'ADDRESS', description: 'The address that the webhook listens on.' },
  'metrics-addr': {
    kind: 'string',
    default: `:${PORT.admissionMetrics}`,
    valueName: 'ADDRESS',
    description: 'Where /metrics, /healthz and /readyz are served; 0 for nowhere.',
  },
  'drain-time': {
    kind: 'duration',
    default: 3000,
    maxMs: 8000,
    description: 'How long requests are still served after a signal, while the API server learns that this Pod goes.',
  },
  ...SETTINGS_FLAGS,
  ...RENEWAL_FLAGS,
  'webhook-cert-dir': { kind: 'ignored', takesValue: true, description: 'the certificate is read from its Secret, by a watch' },
  'leader-elect': {
    kind: 'ignored',
    takesValue: false,
    description: 'every replica answers, and only the renewal of certificates has a leader',
  },
  ...PROCESS_FLAGS,
  ...KLOG_FLAGS,
})

/** What the process was asked to do. */
export type Config =
  | { readonly kind: 'print'; readonly text: 'help' | 'version' }
  | {
      readonly kind: 'run'
      readonly flags: FlagValues<typeof FLAGS>
      /** Undefined for nowhere. */
      readonly metricsAddress: ListenAddress | undefined
      /** What holds where ConfigMap openelb-config says nothing. */
      readonly unset: Settings
      /** Our own namespace. */
      readonly namespace: string
      /** The Pod's name, which is who we are in elections; empty outside of a Pod. */
      readonly podName: string
      readonly warnings: readonly string[]
    }

/** Reads the command line and the environment that the manifest sets. Error: a sentence that names the flag. */
export function readConfig(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Result<Config, string> {
  const parsed = parseFlags(argv, FLAGS)
  if (!parsed.ok) return err(parsed.error.message)
  const { values: flags, rest, warnings, asked } = parsed.value
  if (asked !== 'run') return ok({ kind: 'print', text: asked })
  const [word] = rest
  if (word === 'version') return ok({ kind: 'print', text: 'version' })
  if (word !== undefined) return err(`"${word}" is not expected; there are only flags, see --help`)
  const metricsAddress = parseListenAddress(flags['metrics-addr'])
  if (!metricsAddress.ok) return err(`--metrics-addr: ${metricsAddress.error}`)
  const unset = readSettingsFlags(flags)
  if (!unset.ok) return err(unset.error)
  const namespace = env['OPENELB_NAMESPACE'] || DEFAULT_NAMESPACE
  return ok({
    kind: 'run',
    flags,
    metricsAddress: metricsAddress.value,
    unset: unset.value,
    namespace,
    podName: env['POD_NAME'] ?? '',
    warnings,
  })
}

export const USAGE = `Answers the API server's questions about Services, Eips, BgpConfs and BgpPeers.

Usage: openelb-webhook [flags]

Flags:
${formatFlags(FLAGS)}
Environment:
  OPENELB_NAMESPACE  the namespace we are installed in; default ${DEFAULT_NAMESPACE}
  POD_NAME           who we are when the replicas elect the one that renews certificates
`
