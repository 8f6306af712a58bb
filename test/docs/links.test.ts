/** Links between the pages lead somewhere: to a file that exists, and to a heading that it has. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PAGES = ['README.md', 'README_zh.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: ROOT })]
const LINK = /\]\(([^)\s]+)\)/g

/** Code has brackets that are no links. */
const proseOf = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '')

/** The anchors of a page, as GitHub makes them of its headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} +(.*)$/gm)].map(([, heading = '']) => heading)
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/** Why a link of a page leads nowhere; undefined when it does lead somewhere. */
function fault(page: string, link: string): string | undefined {
  if (/^[a-z]+:/.test(link)) return undefined
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : normalize(join(dirname(page), path))
  if (!existsSync(join(ROOT, target))) return `${page}: there is no ${target}`
  if (anchor === undefined || !target.endsWith('.md')) return undefined
  return anchorsOf(readFileSync(join(ROOT, target), 'utf8')).has(anchor) ? undefined : `${page}: ${target} has no heading #${anchor}`
}

t.test('every link of every page leads somewhere', async (t) => {
  const links = PAGES.flatMap((page) => {
    const prose = proseOf(readFileSync(join(ROOT, page), 'utf8'))
    return [...prose.matchAll(LINK)].map(([, link = '']) => ({ page, link }))
  })
  t.ok(links.length > 300, `${links.length} links`)
  t.same(
    links.flatMap(({ page, link }) => fault(page, link) ?? []),
    [],
  )
})

t.test('the anchors are those of headings', async (t) => {
  const text = '# One: two, three\n```\n# no heading\n```\n## `explain` and _status_ (2)\n'
  t.same([...anchorsOf(text)], ['one-two-three', 'explain-and-_status_-2'])
  t.equal(fault('docs/cli.md', 'nowhere.md'), 'docs/cli.md: there is no docs/nowhere.md')
  t.match(fault('docs/cli.md', 'operations.md#nowhere'), /has no heading #nowhere/)
})
