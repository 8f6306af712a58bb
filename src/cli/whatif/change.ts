/** A change of the Eips, read from a file, and whether it would be admitted. */
import { parseAllDocuments } from 'yaml'
import { Eip, type EipObject, type EipSpec } from '../../api/eip.ts'
import { GROUP } from '../../api/group.ts'
import { eipWarnings } from '../../policy/eip-warnings.ts'
import { readNodeNetwork } from '../../policy/node-network.ts'
import { toOtherEip, validateEip } from '../../policy/validate-eip.ts'
import { err, ok, type Result } from '../../result.ts'
import type { PaperObjects } from '../paper/paper.ts'

/** An Eip as a file has it. */
interface DraftEip {
  readonly name: string
  readonly annotations: Readonly<Record<string, string>>
  readonly spec: EipSpec
}

export interface Change {
  readonly eips: readonly EipObject[]
  /** What the webhook would warn of. */
  readonly warnings: readonly string[]
}

/**
 * Reads the Eips of a text: YAML or JSON, several documents or a List. Error: one sentence, for the first thing that is no Eip or cannot
 * be read.
 */
export function readDrafts(text: string): Result<readonly DraftEip[], string> {
  const values: unknown[] = []
  for (const document of parseAllDocuments(text)) {
    const [problem] = 'errors' in document ? document.errors : []
    if (problem !== undefined) return err(`the file cannot be read: ${problem.message.split('\n')[0]}`)
    const value = 'toJS' in document ? (document.toJS() as unknown) : undefined
    if (value !== null && value !== undefined) values.push(...itemsOf(value))
  }
  const drafts: DraftEip[] = []
  for (const value of values) {
    const draft = readDraft(value)
    if (!draft.ok) return draft
    drafts.push(draft.value)
  }
  return drafts.length === 0 ? err('the file has no Eip') : ok(drafts)
}

interface Raw {
  readonly apiVersion?: unknown
  readonly kind?: unknown
  readonly items?: unknown
  readonly metadata?: { readonly name?: unknown; readonly annotations?: Readonly<Record<string, string>> } | null
  readonly spec?: unknown
}

function itemsOf(value: unknown): readonly unknown[] {
  const { kind, items } = value as Raw
  return typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items) ? items : [value]
}

function readDraft(value: unknown): Result<DraftEip, string> {
  const { apiVersion, kind, metadata, spec } = (typeof value === 'object' && value !== null ? value : {}) as Raw
  if (kind !== 'Eip' || !String(apiVersion).startsWith(`${GROUP}/`))
    return err(`${String(kind ?? 'a document')} is no Eip of ${GROUP}: only Eips can be tried`)
  const name = metadata?.name
  if (typeof name !== 'string' || name === '') return err('an Eip has no metadata.name')
  const parsed = Eip.parseSpec(spec)
  if (!parsed.ok) return err(`Eip ${name}: ${parsed.error.map(({ path, message }) => `${path}: ${message}`).join('; ')}`)
  return ok({ name, annotations: metadata?.annotations ?? {}, spec: parsed.value })
}

/**
 * The Eips after the change, in their order: the spec of each draft takes the place of that of the Eip of its name, and its annotations are
 * added. Error: what the admission would refuse.
 */
export function applyDrafts(
  { eips, nodes }: Pick<PaperObjects, 'eips' | 'nodes'>,
  drafts: readonly DraftEip[],
  now: string,
): Result<Change, string> {
  const networks = nodes.map(readNodeNetwork)
  let after = eips
  const warnings: string[] = []
  for (const draft of drafts) {
    const before = after.find(({ metadata }) => metadata.name === draft.name)
    const others = after.filter((eip) => eip !== before)
    const changed = eipOf(draft, before, now)
    const verdict = validateEip(changed, before, others.map(toOtherEip))
    if (!verdict.allowed) return err(`Eip ${draft.name} would be refused: ${verdict.message}`)
    warnings.push(...verdict.warnings, ...eipWarnings(changed, before, networks))
    after = before === undefined ? [...after, changed] : after.map((eip) => (eip === before ? changed : eip))
  }
  return ok({ eips: after, warnings })
}

function eipOf({ name, annotations, spec }: DraftEip, before: EipObject | undefined, now: string): EipObject {
  if (before !== undefined)
    return { ...before, metadata: { ...before.metadata, annotations: { ...before.metadata.annotations, ...annotations } }, spec }
  const metadata = { name, uid: `paper-${name}`, resourceVersion: '1', creationTimestamp: now, annotations }
  return { apiVersion: Eip.apiVersion, kind: 'Eip', metadata, spec }
}

/** The Eips without this one. Error when there is none of that name. */
export function withoutEip(eips: readonly EipObject[], name: string): Result<readonly EipObject[], string> {
  const left = eips.filter(({ metadata }) => metadata.name !== name)
  return left.length === eips.length ? err(`there is no Eip ${name}`) : ok(left)
}
