/** docs/bgp.md names every cause, every metric, every field and every annotation of BGP, and no others. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { EipBgpSchema } from '../../src/api/bgp-announcement.ts'
import { BgpConf } from '../../src/api/bgp-conf.ts'
import { BgpPeer } from '../../src/api/bgp-peer.ts'
import * as annotations from '../../src/api/service-annotations.ts'
import { CURES } from '../../src/cli/bgp/cures.ts'
import { bgpFamilies } from '../../src/speaker/bgp/metric-families.ts'
import { PEER_ERROR_CODES } from '../../src/speaker/bgp/peer-error.ts'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const PAGE = read('docs/bgp.md')
const chapter = (title: string): string => PAGE.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? ''
/** Words between backquotes in the first cells of a table. */
const firstCells = (text: string): readonly string[] =>
  text
    .split('\n')
    .flatMap((line) => (line.startsWith('| ') ? [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, word = '']) => word) : []))

t.test('every cause has its row, and every row is a cause', async (t) => {
  const table = chapter('When a route is missing').split('| `code` where a setting')[0] ?? ''
  t.same(
    firstCells(table)
      .filter((word) => !['code', 'lastError'].includes(word))
      .sort(),
    [...PEER_ERROR_CODES].sort(),
  )
})

t.test('every code of a setting that is not followed has its row', async (t) => {
  const [, union = ''] = /type BgpProblemCode =([\s\S]*?)\n\n/.exec(read('src/speaker/bgp/resolve-facts.ts')) ?? []
  const codes = [...union.matchAll(/'([a-z-]+)'/g)].map(([, code = '']) => code)
  const [, table = ''] = chapter('When a route is missing').split('where a setting is not followed')
  t.same(firstCells(table.split('\n\n')[0] ?? '').toSorted(), codes.toSorted())
})

t.test('every word of the condition Announced has its row', async (t) => {
  const source = read('src/speaker/routes/announcement.ts')
  const words = [...source.matchAll(/(?:silent\(|reason: )'([A-Za-z]+)'/g)].map(([, word = '']) => word)
  t.ok(words.length >= 4, words.join(' '))
  const [, table = ''] = chapter('When a route is missing').split('\n| reason | what is so |\n')
  t.same(firstCells(table.split('\n\n')[0] ?? '').toSorted(), [...new Set(words)].toSorted())
})

t.test('every metric has its row, with its labels', async (t) => {
  const text = chapter('Metrics')
  const rows = firstCells(text)
  const ours = bgpFamilies('n1').filter(({ name }) => /^openelb_/.test(name))
  t.same(
    [...rows].filter((name) => name !== 'name').sort(),
    [...ours.map(({ name }) => name), 'openelb_bgp_rib_prefixes', 'openelb_bgp_setting_problem'].sort(),
  )
  for (const { name, labels, type } of ours) {
    const row = text.split('\n').find((line) => line.startsWith('| ') && line.includes(`\`${name}\``)) ?? ''
    for (const label of labels) t.ok(row.includes(`\`${label}\``), `${name} has ${label}`)
    t.ok(row.includes(`| ${type} |`), `${name} is a ${type}`)
  }
  for (const { name } of bgpFamilies('n1').filter(({ name }) => !/^openelb_/.test(name))) t.ok(text.includes(`\`${name}\``), name)
})

/** Paths of all fields of a JSON schema, the leaves only, without `[]`. */
function leaves(schema: unknown, path = ''): readonly string[] {
  const { properties, items } = schema as { properties?: Record<string, unknown>; items?: unknown }
  if (items !== undefined) return leaves(items, path)
  if (properties === undefined) return [path]
  return Object.entries(properties).flatMap(([name, inner]) => leaves(inner, path === '' ? name : `${path}.${name}`))
}

/** What has no effect in a spec, as its own description says. */
const STATE = /(^|\.)gracefulRestart\.(peerRestartTime|peerRestarting|localRestarting|mode)$/

interface CustomResource {
  readonly spec: {
    readonly versions: readonly {
      readonly storage: boolean
      readonly schema: { readonly openAPIV3Schema: { readonly properties: { readonly spec: unknown } } }
    }[]
  }
}

t.test('every field is named', async (t) => {
  const specOf = (kind: typeof BgpConf | typeof BgpPeer): unknown => {
    const { spec } = kind.crd() as CustomResource
    return spec.versions.find(({ storage }) => storage)?.schema.openAPIV3Schema.properties.spec
  }
  const named = new Set([...PAGE.matchAll(/[A-Za-z]+/g)].map(([word]) => word))
  for (const kind of [BgpConf, BgpPeer]) {
    const fields = leaves(specOf(kind)).filter((path) => !STATE.test(path))
    t.ok(fields.length > 10, `${fields.length} fields`)
    t.same(
      fields.filter((path) => !named.has(path.split('.').at(-1) ?? '')),
      [],
    )
  }
  t.same(
    Object.keys(EipBgpSchema.shape).filter((name) => !PAGE.includes(`\`${name}`)),
    [],
  )
  for (const name of [annotations.BGP_COMMUNITIES, annotations.BGP_PEERS, annotations.BGP_LOCAL_PREF, annotations.BGP_MED]) {
    t.ok(PAGE.includes(`\`${name}\``), name)
  }
})

t.test('every reason of a route has its cure', async (t) => {
  const told = read('src/speaker/bgp/rib-out/why.ts').matchAll(/verdict\([^,()]+(?:\.length > 0)?, '([a-z-]+)'/g)
  const [judged = ''] = /readonly reason: [^\n]*/.exec(read('src/speaker/bgp/rib-out/offer.ts')) ?? []
  const reasons = new Set(
    [...told, ...judged.matchAll(/'([a-z-]+)'/g)].map(([, reason = '']) => reason).filter((reason) => reason !== 'told'),
  )
  t.ok(reasons.has('session-down') && reasons.has('policy-rejected'), [...reasons].join(' '))
  t.same(
    [...reasons].filter((reason) => CURES[reason] === undefined),
    [],
  )
})
