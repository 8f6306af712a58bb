/** `openelb bgp routes`: what one node announces. */
import { err, ok, type Result } from '../../result.ts'
import { BGP_PATHS, type RouteReport } from '../../speaker/bgp-report.ts'
import { counted } from '../doctor/finding.ts'
import { type Cell, type Column, type Outcome, toned, trouble } from '../report.ts'
import { readRoutes } from '../speakers/bgp-schema.ts'
import { readSpeakers, type Speaker } from '../speakers/speakers.ts'
import type { VerbInput } from '../verb.ts'
import { askOne, speakerOn } from './ask.ts'

const COLUMNS: readonly Column[] = [
  { title: 'PREFIX' },
  { title: 'NEXT HOPS' },
  { title: 'TOLD' },
  { title: 'ATTRIBUTES' },
  { title: 'EIP', wide: true },
  { title: 'ADDRESSES', wide: true },
]
/** More pages than any speaker has: what it says of its length is not believed without end. */
const MOST_PAGES = 100

export async function runRoutes(input: VerbInput, node: string): Promise<Outcome> {
  const namespace = input.values['openelb-namespace']
  const speaker = speakerOn(await readSpeakers(input.cluster, namespace), node)
  if (!speaker.ok) return trouble(speaker.error)
  const routes = await readAll(input, speaker.value)
  if (!routes.ok) return trouble(`${node}: ${routes.error}`)
  return {
    kind: 'report',
    code: 0,
    report: {
      blocks: [{ kind: 'table', table: { columns: COLUMNS, rows: routes.value.map(cellsOf) } }],
      value: { node, items: routes.value },
      note:
        routes.value.length === 0
          ? `${node} announces nothing: openelb bgp why ADDRESS says why.`
          : counted(routes.value.length, 'prefix').replace(/xs$/, 'xes'),
    },
  }
}

async function readAll({ cluster, values }: VerbInput, speaker: Speaker): Promise<Result<readonly RouteReport[], string>> {
  const routes: RouteReport[] = []
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page = await askOne(cluster, values['openelb-namespace'], speaker, `${BGP_PATHS.routes}?from=${routes.length}`, readRoutes)
    if (!page.ok) return err(page.error)
    routes.push(...page.value.routes)
    if (page.value.routes.length === 0 || routes.length >= page.value.total) break
  }
  return ok(routes)
}

/** `n1 (10.0.0.1, fd00::1)`, this node first. */
export const hopText = ({ node, addresses }: RouteReport['nextHops'][number]): string =>
  addresses.length === 0 ? node : `${node} (${addresses.join(', ')})`

function cellsOf({ prefix, nextHops, attributes, peers, told, addresses, eips }: RouteReport): readonly Cell[] {
  const only = peers === undefined ? '' : ` (only ${peers.join(', ')})`
  return [
    prefix,
    nextHops.map(({ node }) => node).join(','),
    told.length === 0 ? toned(`nobody${only}`, 'warn') : `${told.join(',')}`,
    attributes.join(' '),
    eips.join(','),
    addresses.join(','),
  ]
}
