/** Every file that docs/protocols.md names exists, and every RFC of BGP and BFD that is spoken has a row with a file and a test. */
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PAGE = readFileSync(`${ROOT}docs/protocols.md`, 'utf8')
const FILES = globSync(['src/**/*.ts', 'test/**/*.ts'], { cwd: ROOT }).map((path) => path.replaceAll('\\', '/'))

/** Rows of tables that have the columns source, what, file, test. */
const rows = PAGE.split('\n').flatMap((line) => {
  const cells = line.startsWith('| ') ? line.split('|').map((cell) => cell.trim()) : []
  const [, source = '', , file = '', test = ''] = cells
  return cells.length === 6 && source !== 'source' ? [{ line, source, file, test }] : []
})

/** Names of files in a cell: whole paths, or the end of one, where the chapter names the folder. */
const named = (cell: string): readonly string[] => [...cell.matchAll(/`([\w./*-]+\.ts)`/g)].map(([, name = '']) => name)

const exists = (name: string): boolean => {
  const end = new RegExp(`(^|/)${name.replaceAll('.', '\\.').replaceAll('*', '[^/]+')}$`)
  return FILES.some((path) => end.test(path))
}

t.test('every row names files and tests that exist', async (t) => {
  t.ok(rows.length > 80, `${rows.length} rows`)
  for (const { line, file, test } of rows) {
    const names = [...named(file), ...named(test)]
    t.same(
      names.filter((name) => !exists(name)),
      [],
      line.slice(0, 100),
    )
    t.ok(named(file).length > 0, `names a file: ${line.slice(0, 100)}`)
    t.ok(test.length > 0, `names a test: ${line.slice(0, 100)}`)
  }
})

const SPOKEN = [
  ...[2385, 2918, 4271, 4360, 4486, 4724, 4760, 5082, 5492, 5880, 5881, 5882, 5883, 6286, 6608, 6793, 7313, 7606, 7607, 7911, 8092, 8203],
  ...[8212, 8326, 8538, 8654, 8950, 9003, 9072, 9234, 9384, 9494, 9687],
]

t.test('every RFC that is spoken has a row with a test', async (t) => {
  const shown = rows.filter(({ test }) => named(test).length > 0 || /^(the same|both)/.test(test)).map(({ source }) => source)
  const numbers = new Set(shown.flatMap((source) => [...source.matchAll(/\b(\d{4})\b/g)].map(([, number]) => Number(number))))
  t.same(
    SPOKEN.filter((number) => !numbers.has(number)),
    [],
  )
})
