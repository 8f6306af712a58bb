/** Pages of BGP, from one speaker or from all of them. */
import { err, ok, type Result } from '../../result.ts'
import type { ClusterReader } from '../cluster-reader.ts'
import { askPage, isReport, type Speaker, type Speakers } from '../speakers/speakers.ts'

/** What reads a page of one path; undefined: it is of another version. */
export type PageReader<T> = (page: unknown) => T | undefined

export interface NodePage<T> {
  readonly node: string
  /** A sentence part, to be put after the name of the node, where there is none. */
  readonly page: Result<T, string>
}

const OTHER_VERSION = 'what its speaker says of BGP cannot be read: it is of another version'

/** One page of one speaker; the error is a sentence part. */
export async function askOne<T>(
  cluster: ClusterReader,
  namespace: string,
  { pod }: Pick<Speaker, 'pod'>,
  path: string,
  read: PageReader<T>,
): Promise<Result<T, string>> {
  const page = await askPage(cluster, namespace, pod, path)
  if (!page.ok) return err(page.error.says)
  const value = read(page.value)
  return value === undefined ? err(OTHER_VERSION) : ok(value)
}

const LANES = 16

/** The page of every speaker whose report could be read, sixteen at a time; the others with what is said of them already. */
export async function askAll<T>(
  cluster: ClusterReader,
  namespace: string,
  { all }: Speakers,
  path: string,
  read: PageReader<T>,
): Promise<readonly NodePage<T>[]> {
  const found: NodePage<T>[] = []
  const queue = all.values()
  const lane = async (): Promise<void> => {
    for (const speaker of queue) {
      const { node, report } = speaker
      const page = isReport(report) ? await askOne(cluster, namespace, speaker, path, read) : err(report.says)
      found.push({ node, page })
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return found.toSorted((a, b) => (a.node < b.node ? -1 : 1))
}

/** The speaker of a node, or a sentence why there is none to be asked. */
export function speakerOn({ all, trouble }: Speakers, node: string): Result<Speaker, string> {
  if (trouble !== undefined) return err(`the speakers cannot be found: ${trouble.message}`)
  const speaker = all.find((each) => each.node === node)
  if (speaker !== undefined) return ok(speaker)
  const names = all.map((each) => each.node)
  return err(
    `there is no speaker on ${node.slice(0, 64)}; ${names.length === 0 ? 'there is none at all' : `there are ${names.slice(0, 10).join(', ')}`}`,
  )
}
