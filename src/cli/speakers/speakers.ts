/** The speakers of the installation, each with what it says of itself. */
import { APP_LABEL, APP_LABEL_VALUE, COMPONENT, COMPONENT_LABEL, PORT } from '../../api/names.ts'
import type { ApiError } from '../../kube/api-error.ts'
import { PODS } from '../../kube/resources.ts'
import { err, type Result } from '../../result.ts'
import { REPORT_PATH, type SpeakerReport } from '../../speaker/speaker-report.ts'
import { attempt, type ClusterReader, type Reading } from '../cluster-reader.ts'
import type { PodWithPorts } from '../workload-objects.ts'
import { readReport } from './report-schema.ts'

/** Why there is no report. `says` is a sentence part, to be put after the name of the node. */
export interface NoReport {
  readonly kind: 'forbidden' | 'unreachable' | 'not-running' | 'unreadable' | 'not-asked'
  readonly says: string
}

/** One speaker Pod on a node. */
export interface Speaker {
  readonly node: string
  readonly pod: PodWithPorts
  readonly report: SpeakerReport | NoReport
}

export interface Speakers {
  /** By the names of their nodes. */
  readonly all: readonly Speaker[]
  /** Set when the Pods themselves cannot be listed; `all` is empty then. */
  readonly trouble?: ApiError
}

/** A speaker whose report was read. */
export interface SpeakingNode {
  readonly node: string
  readonly report: SpeakerReport
}

export const isReport = (report: Speaker['report']): report is SpeakerReport => 'addresses' in report

/** The speakers that spoke. */
export const speaking = ({ all }: Speakers): readonly SpeakingNode[] =>
  all.flatMap(({ node, report }) => (isReport(report) ? [{ node, report }] : []))

const LANES = 16
/** So many that do not answer are enough: the rest is not asked, which bounds the time on a cluster of which half is gone. */
const MOST_UNREACHABLE = 2 * LANES
const METRICS_PORT = 'metrics'

/** The speakers' Pods, without asking them anything. */
export async function readSpeakerPods(cluster: ClusterReader, namespace: string): Promise<Reading<readonly PodWithPorts[]>> {
  const pods = await attempt(cluster.list<PodWithPorts>(PODS, namespace))
  if (!pods.ok) return pods
  return {
    ok: true,
    value: pods.value.filter(
      ({ metadata, spec }) =>
        metadata.labels?.[APP_LABEL] === APP_LABEL_VALUE &&
        metadata.labels[COMPONENT_LABEL] === COMPONENT.speaker &&
        spec?.nodeName !== undefined,
    ),
  }
}

/** Asks every speaker, sixteen at a time. Takes seconds at most, and never rejects with an ApiError. */
export async function readSpeakers(cluster: ClusterReader, namespace: string): Promise<Speakers> {
  const pods = await readSpeakerPods(cluster, namespace)
  if (!pods.ok) return { all: [], trouble: pods.error }
  const found: Speaker[] = []
  const count = (kind: NoReport['kind']): number => found.filter(({ report }) => !isReport(report) && report.kind === kind).length
  const queue = pods.value.values()
  const lane = async (): Promise<void> => {
    for (const pod of queue) {
      const enough = count('forbidden') > 0 || count('unreachable') >= MOST_UNREACHABLE
      const report: Speaker['report'] = enough ? NOT_ASKED : await ask(cluster, namespace, pod)
      found.push({ node: pod.spec?.nodeName ?? '', pod, report })
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return { all: found.toSorted((a, b) => (a.node < b.node ? -1 : 1)) }
}

const NOT_ASKED: NoReport = { kind: 'not-asked', says: 'its speaker was not asked, after others could not be' }

async function ask(cluster: ClusterReader, namespace: string, pod: PodWithPorts): Promise<Speaker['report']> {
  const page = await askPage(cluster, namespace, pod, REPORT_PATH)
  if (!page.ok) return page.error
  return readReport(page.value) ?? { kind: 'unreadable', says: 'what its speaker says of itself cannot be read: it is of another version' }
}

/** One page of a speaker. `path` may have a query. Takes seconds at most. */
export async function askPage(
  cluster: ClusterReader,
  namespace: string,
  pod: PodWithPorts,
  path: string,
): Promise<Result<unknown, NoReport>> {
  const phase = pod.status?.phase
  if (phase !== undefined && phase !== 'Running') return err({ kind: 'not-running', says: `its speaker does not run: the Pod is ${phase}` })
  const ports = pod.spec?.containers?.flatMap((container) => container.ports ?? []) ?? []
  const port = ports.find(({ name }) => name === METRICS_PORT)?.containerPort ?? PORT.speakerMetrics
  const page = await attempt(cluster.podPage({ namespace, pod: pod.metadata.name, port }, path))
  return page.ok ? page : err(whyNot(page.error, path))
}

function whyNot(error: ApiError, path: string): NoReport {
  if (error.status === 403) return { kind: 'forbidden', says: 'you may not get pods/proxy, so its speaker cannot be asked' }
  if (error.status === 404 || error.status === 405) {
    return {
      kind: 'unreadable',
      says: `its speaker says nothing of itself at ${path.split('?')[0]}: it is of an older version, or just gone`,
    }
  }
  const why = error.status === 0 ? 'it does not answer' : error.message.replace(/^GET \S+: \d+ /, '')
  return { kind: 'unreachable', says: `its speaker cannot be asked through the API server: ${why}` }
}
