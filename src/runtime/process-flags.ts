import { defineFlags } from './flags.ts'

const WHY = 'it steered the Go logger of the original; use --log-level and --log-format'
const flag = (takesValue: boolean) => ({ kind: 'ignored', takesValue, description: WHY }) as const

/** The flags of klog, the Go logger: every binary accepts them, because the original's manifests may carry them. */
export const KLOG_FLAGS = defineFlags({
  'add-dir-header': flag(false),
  alsologtostderr: flag(false),
  'log-backtrace-at': flag(true),
  'log-dir': flag(true),
  'log-file': flag(true),
  'log-file-max-size': flag(true),
  logtostderr: flag(false),
  'one-output': flag(false),
  'skip-headers': flag(false),
  'skip-log-headers': flag(false),
  stderrthreshold: flag(true),
  v: flag(true),
  vmodule: flag(true),
})

/** The flags that every daemon has: where its API server is and how it logs. */
export const PROCESS_FLAGS = defineFlags({
  kubeconfig: {
    kind: 'string',
    default: '',
    valueName: 'FILE',
    description: "Kubeconfig file. Without it: $KUBECONFIG, then the Pod's own ServiceAccount, then ~/.kube/config.",
  },
  'log-level': {
    kind: 'string',
    default: 'info',
    oneOf: ['debug', 'info', 'warn', 'error'],
    description: 'Lines below this level are dropped.',
  },
  'log-format': { kind: 'string', default: 'json', oneOf: ['json', 'text'], description: 'One JSON object per line, or text for people.' },
})
