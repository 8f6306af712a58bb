import type { Kind } from '../src/api/define-kind.ts'
import { KINDS } from '../src/api/kinds.ts'

/** The part of an OpenAPI v3 schema that a table shows. */
interface Schema {
  readonly type?: string
  readonly description?: string
  readonly format?: string
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly maxItems?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema
}

const SECTION = /<!-- fields of (\w+) -->[\s\S]*?<!-- end of fields -->/g

/** The page with every `<!-- fields of KIND -->` section filled from the schema. Throws TypeError for a kind that does not exist. */
export function withFieldTables(page: string): string {
  return page.replaceAll(SECTION, (_, name: string) => {
    const kind = KINDS.find((candidate) => candidate.kind === name)
    if (kind === undefined) throw new TypeError(`there is no kind ${name}`)
    return `<!-- fields of ${name} -->\n${fieldTable(kind)}\n<!-- end of fields -->`
  })
}

/** A Markdown table with one row per field of `spec` and `status`, nested fields included. */
export function fieldTable(kind: Kind): string {
  const crd = kind.crd() as { spec: { versions: { storage: boolean; schema: { openAPIV3Schema: Schema } }[] } }
  const root = crd.spec.versions.find((version) => version.storage)?.schema.openAPIV3Schema ?? {}
  const rows = ['spec', 'status'].flatMap((name) => fieldRows(name, root.properties?.[name] ?? {}, false))
  return ['| Field | Type | Rule | Meaning |', '|---|---|---|---|', ...rows].join('\n')
}

function fieldRows(path: string, schema: Schema, required: boolean): string[] {
  const own = path.includes('.')
    ? [`| \`${path}\` | ${typeText(schema)} | ${ruleText(schema, required)} | ${schema.description ?? ''} |`]
    : []
  const inner = schema.items ?? schema.additionalProperties ?? schema
  const suffix = schema.items ? '[]' : schema.additionalProperties ? '.*' : ''
  const children = Object.entries(inner.properties ?? {})
  return [
    ...own,
    ...children.flatMap(([name, child]) => fieldRows(`${path}${suffix}.${name}`, child, inner.required?.includes(name) ?? false)),
  ]
}

function typeText(schema: Schema): string {
  if (schema.items) return `list of ${schema.items.type}`
  if (schema.additionalProperties) return `map of ${schema.additionalProperties.type}`
  return schema.type ?? ''
}

function ruleText(schema: Schema, required: boolean): string {
  const { minimum, maximum, maxLength, maxItems, pattern, format } = schema
  const rules = [
    required ? 'required' : '',
    schema.enum ? schema.enum.map((value) => `\`${value}\``).join(', ') : '',
    minimum === undefined && maximum === undefined ? '' : `${minimum ?? ''} to ${maximum ?? ''}`,
    maxLength === undefined ? '' : `at most ${maxLength} characters`,
    maxItems === undefined ? '' : `at most ${maxItems} items`,
    pattern === undefined ? '' : `\`${pattern}\``,
    format === 'date-time' ? 'RFC 3339' : '',
  ]
  return rules.filter((rule) => rule !== '').join('; ')
}
