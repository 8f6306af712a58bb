/** `openelb whatif`: a change of the Eips, tried on paper. */
import type { EipObject } from '../../api/eip.ts'
import { ok, type Result } from '../../result.ts'
import { counted } from '../doctor/finding.ts'
import { createPaper, type PaperObjects } from '../paper/paper.ts'
import { readPaper } from '../paper/read.ts'
import { cut } from '../pool-line.ts'
import { type Block, type Cell, misuse, type Outcome, type Tone, toned, trouble } from '../report.ts'
import type { Verb, VerbInput } from '../verb.ts'
import { applyDrafts, type Change, readDrafts, withoutEip } from '../whatif/change.ts'
import { type Comparison, compareWorlds, VERDICTS, type Verdict, type World } from '../whatif/compare.ts'

const TONES: Readonly<Record<Verdict, Tone>> = { loses: 'bad', moves: 'warn', drains: 'warn', gets: 'good', waits: 'warn', keeps: 'dim' }

async function run(input: VerbInput): Promise<Outcome> {
  const { words, values, cluster, person, nowMs } = input
  if (words.length > 0 || (values.filename === '' && values.delete === '')) {
    return misuse('write: openelb whatif -f FILE, openelb whatif --delete EIP, or both')
  }
  const own = values['openelb-namespace']
  const text = values.filename === '' ? undefined : await readOrWhy(person, values.filename)
  if (text !== undefined && !text.ok) return trouble(text.error)
  const { objects, gaps } = await readPaper(cluster, own)
  const change = changeOf(objects, text?.value, values.delete, new Date(nowMs).toISOString())
  if (!change.ok) return trouble(change.error)
  const world = (eips: readonly EipObject[]): World => worldOf({ ...objects, eips }, own, nowMs)
  const comparisons = compareWorlds(world(objects.eips), world(change.value.eips))
  return report(comparisons, [...change.value.warnings, ...gaps], { all: values.all, wide: values.output === 'wide' })
}

async function readOrWhy(person: VerbInput['person'], path: string): Promise<Result<string, string>> {
  try {
    return ok(await person.read(path))
  } catch (error) {
    return { ok: false, error: `the file cannot be read: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** First what goes, then what comes: so a file may take over the addresses of the Eip that is deleted. */
function changeOf(objects: PaperObjects, text: string | undefined, deleted: string, now: string): Result<Change, string> {
  const left = deleted === '' ? ok(objects.eips) : withoutEip(objects.eips, deleted)
  if (!left.ok || text === undefined) return left.ok ? ok({ eips: left.value, warnings: [] }) : left
  const drafts = readDrafts(text)
  return drafts.ok ? applyDrafts({ ...objects, eips: left.value }, drafts.value, now) : drafts
}

function worldOf(objects: PaperObjects, own: string, nowMs: number): World {
  const paper = createPaper(objects, own, nowMs)
  return { outcomes: paper.run(), pools: paper.knowledge.pools }
}

interface View {
  readonly all: boolean
  readonly wide: boolean
}

function report(comparisons: readonly Comparison[], remarks: readonly string[], { all, wide }: View): Outcome {
  const counts = new Map(VERDICTS.map((verdict) => [verdict, comparisons.filter((each) => each.verdict === verdict).length]))
  const shown = all ? comparisons : comparisons.filter(({ verdict }) => verdict !== 'keeps')
  const cells = ({ service, now, after, verdict, says }: Comparison): readonly Cell[] => [
    service,
    now.join(','),
    after.join(','),
    toned(verdict, TONES[verdict]),
    wide ? says : cut(says),
  ]
  const columns = ['SERVICE', 'NOW', 'THEN', 'VERDICT', 'SAYS'].map((title) => ({ title }))
  const summary = [...counts].filter(([, count]) => count > 0).map(([verdict, count]) => `${count} ${verdict}`)
  const blocks: readonly Block[] = [
    { kind: 'table', table: { columns, rows: shown.map(cells) } },
    { kind: 'lines', lines: [[`${counted(comparisons.length, 'Service')}: ${summary.join(', ') || 'nobody is concerned'}`]] },
  ]
  const value = { services: comparisons, counts: Object.fromEntries(counts), warnings: remarks }
  // As kubectl does with what admission says.
  const note = remarks.map((remark) => `Warning: ${remark}`).join('\n')
  return { kind: 'report', code: (counts.get('loses') ?? 0) > 0 ? 1 : 0, report: { blocks, value, ...(note !== '' && { note }) } }
}

export const whatif: Verb = {
  name: 'whatif',
  synopsis: ['whatif -f FILE [--all] [-o wide|json|yaml]', 'whatif --delete EIP', 'whatif --delete EIP -f FILE'],
  summary: 'tries a change of the Eips on paper: who would keep, move, lose or get an address',
  about: `Reads the cluster, applies the Eips of the file (the specs are replaced, annotations added; - is the input) or the deletion on paper, and asks the
allocator's own rules about every Service, before and after. Writes nothing. The admission is asked too: an Eip that it would refuse is
refused here, with the same words. The CEL rules of the kind itself are not asked.
VERDICT: keeps; moves (another address); drains (keeps an address that no Eip gives any more); gets; loses; waits (before and after).
NOW is what the rules give without the change: what the Service has, where the allocator is up to date. Services that keep what they
have are shown with --all only. The code is 1 when somebody loses an address, or when the change is refused.`,
  flags: ['filename', 'delete', 'all', 'output', 'no-headers'],
  run,
}
