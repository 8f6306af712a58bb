/** Every test that docs/features.md names exists, and every feature is shown by one, or is said not to be there. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = new URL('../../', import.meta.url)
const PAGE = readFileSync(new URL('docs/features.md', ROOT), 'utf8')
const REFERENCE = /\[[^\]]+\]\(\.\.\/(test\/[^)]+)\) "([^"]+)"/g

interface Reference {
  readonly file: string
  readonly title: string
}
const referencesIn = (text: string): readonly Reference[] =>
  [...text.matchAll(REFERENCE)].map(([, file = '', title = '']) => ({ file, title }))

/** A title stands in its file as a string of its own, or, where several tests are made of one line, at the start of one. */
function isTitleIn({ file, title }: Reference): boolean {
  const path = fileURLToPath(new URL(file, ROOT))
  if (!existsSync(path)) return false
  const source = readFileSync(path, 'utf8')
  return [`'${title}'`, `"${title}"`, `\`${title}\``, `\n  ${title}: `, `{ ${title}: `].some((text) => source.includes(text))
}

t.test('every named test exists', async (t) => {
  const references = referencesIn(PAGE)
  t.ok(references.length > 100, `${references.length} references`)
  t.same(
    references.filter((reference) => !isTitleIn(reference)),
    [],
  )
})

t.test('every row of a feature names a test, or says that it is not there', async (t) => {
  const chapters = PAGE.split('## What is not done')[0] ?? ''
  const rows = chapters.split('\n').filter((line) => line.startsWith('| ') && !/\| test \|$/.test(line))
  t.ok(rows.length > 80, `${rows.length} rows`)
  t.same(
    rows.filter((row) => referencesIn(row).length === 0 && !/ \| N \| {2}\|$/.test(row)),
    [],
  )
})

t.test('every test of the chapters of features is named', async (t) => {
  const named = new Set(referencesIn(PAGE).map(({ title }) => title))
  const chapters = ['pools', 'requests', 'sharing', 'dual-stack', 'stickiness', 'compat'].map((name) => `test/scenario/features/${name}.ts`)
  const titles = chapters.flatMap((file) =>
    [...readFileSync(new URL(file, ROOT), 'utf8').matchAll(/^ {2}feature\('([^']+)'/gm)].map(([, title = '']) => title),
  )
  t.ok(titles.length > 35, `${titles.length} tests`)
  t.same(
    titles.filter((title) => !named.has(title)),
    [],
  )
})
