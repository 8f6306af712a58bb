import type { Aggregator } from './attributes/aggregator.ts'
import { type AsPath, type AsSegment, isConfederation } from './attributes/as-path.ts'
import type { WireAttributes } from './attributes/table.ts'
import { AS_TRANS } from './iana.ts'

/** The four attributes in which AS numbers pass through routers that know two bytes of them. RFC 6793. */
type AsAttributes = Pick<WireAttributes, 'asPath' | 'aggregator' | 'as4Path' | 'as4Aggregator'>

/**
 * The path and the aggregator with numbers of four bytes, from what a neighbour with two sent. RFC 6793 section 4.2.3: if the aggregator
 * is not AS_TRANS, a router that knows nothing of the other two has put its own in, and both are out of date; a path that is shorter than
 * its AS4_PATH has been cut by such a router.
 */
export function mergeFourOctetAs({ asPath, aggregator, as4Path, as4Aggregator }: AsAttributes): {
  readonly asPath?: AsPath
  readonly aggregator?: Aggregator
} {
  const isOutdated = aggregator !== undefined && as4Aggregator !== undefined && aggregator.as !== AS_TRANS
  const merged = asPath && as4Path && !isOutdated ? mergePaths(asPath, as4Path) : asPath
  const author = aggregator && as4Aggregator && !isOutdated ? as4Aggregator : aggregator
  return { ...(merged && { asPath: merged }), ...(author && { aggregator: author }) }
}

/** How many numbers a path counts as: a set is one, a confederation is none. RFC 4271 section 9.1.2.2, RFC 5065 section 5.3. */
export const pathLength = (path: AsPath): number => path.reduce((length, segment) => length + segmentLength(segment), 0)

const segmentLength = (segment: AsSegment): number => (isConfederation(segment) ? 0 : segment.kind === 'set' ? 1 : segment.ases.length)

function mergePaths(asPath: AsPath, as4Path: AsPath): AsPath {
  let missing = pathLength(asPath) - pathLength(as4Path)
  if (missing < 0) return asPath
  const leading: AsSegment[] = []
  for (const segment of asPath) {
    if (missing === 0 && !isConfederation(segment)) break
    const taken = Math.min(missing, segmentLength(segment))
    const isCut = taken < segmentLength(segment)
    leading.push(isCut ? { kind: 'sequence', ases: segment.ases.slice(0, taken) } : segment)
    missing -= taken
    if (isCut) break
  }
  return joinSequences([...leading, ...as4Path])
}

/** Two sequences in a row are one: where the merge cut has no meaning. */
function joinSequences(path: AsPath): AsPath {
  const joined: AsSegment[] = []
  for (const segment of path) {
    const last = joined.at(-1)
    if (last?.kind === 'sequence' && segment.kind === 'sequence')
      joined.splice(-1, 1, { kind: 'sequence', ases: [...last.ases, ...segment.ases] })
    else joined.push(segment)
  }
  return joined
}

/**
 * What has to be sent beside AS_PATH and AGGREGATOR, in which AS_TRANS stands for longer numbers, to a neighbour that knows two bytes:
 * nothing when all numbers fit. RFC 6793 section 4.2.2.
 */
export function as4Attributes({ asPath, aggregator }: AsAttributes): Pick<WireAttributes, 'as4Path' | 'as4Aggregator'> {
  const path = asPath?.filter((segment) => !isConfederation(segment))
  const needsPath = path?.some(({ ases }) => ases.some((as) => as > 0xffff))
  return {
    ...(path && needsPath && { as4Path: path }),
    ...(aggregator && aggregator.as > 0xffff && { as4Aggregator: aggregator }),
  }
}
