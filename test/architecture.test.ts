import { fileURLToPath } from 'node:url'
import t from 'tap'
import { isShell } from '../scripts/rooms.ts'
import { readSource, readSourceFiles, type SourceFile } from '../scripts/source-file.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Rooms of the product and which rooms each may import. Nobody imports lab, deploy, bench, scripts or test. */
const PURE_CORE = ['result', 'addr', 'api', 'policy']
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  result: [],
  addr: ['result'],
  wire: ['addr', 'result'],
  api: ['addr', 'result'],
  policy: ['addr', 'api', 'result'],
  runtime: ['result'],
  kube: ['addr', 'api', 'result', 'runtime'],
  certgen: ['result', 'kube', 'runtime', 'api'],
  webhook: [...PURE_CORE, 'kube', 'runtime', 'certgen'],
  allocator: [...PURE_CORE, 'kube', 'runtime'],
  speaker: [...PURE_CORE, 'kube', 'runtime', 'wire'],
  cli: [...PURE_CORE, 'kube', 'runtime', 'wire', 'webhook', 'allocator', 'speaker', 'certgen'],
}
const DAEMONS = new Set(['webhook', 'allocator', 'speaker', 'certgen'])

/** Packages and modules of Node that compute only. */
const HARMLESS = /^(node:(buffer|crypto|util|assert)|zod|node-forge|smol-toml|yaml)$/
/** Makes keys and serial numbers, which are random; a logger whose clock is a parameter with a default; the clock that the threads share. */
const WORLDLY_BY_NATURE = new Set(['certgen/certificates.ts', 'src/runtime/logger.ts', 'src/speaker/fence.ts'])
/** Ends a process on behalf of main.ts, or reads the environment as the default of a parameter. */
const ENTRY_AIDS = new Set(['src/runtime/process.ts', 'src/runtime/shutdown.ts', 'src/kube/client.ts'])
const LINE_LIMIT = 300
const BANNED_WORDS = new Set(['manager', 'helper', 'util', 'utils', 'common', 'handler', 'info', 'data'])

const product = readSourceFiles(ROOT, ['src', 'certgen'])
const everything = [...product, ...readSourceFiles(ROOT, ['lab', 'deploy', 'bench', 'scripts', 'test'])]
const byPath = new Map(product.map((file) => [file.path, file]))

/** `src/addr/ip.ts` is in addr, `src/result.ts` in result, `certgen/main.ts` in certgen, `lab/node.ts` in lab. */
function roomOf(path: string): string {
  const [top = '', second = ''] = path.split('/')
  return top === 'src' ? second.replace(/\.ts$/, '') : top
}

/** Why a file touches the world, by itself or through what it imports; undefined when it does not. */
function touch(file: SourceFile, seen = new Set<string>()): string | undefined {
  if (seen.has(file.path)) return undefined
  seen.add(file.path)
  const [own] = file.ambient
  if (own !== undefined && !WORLDLY_BY_NATURE.has(file.path)) return own
  for (const { from, file: target, typeOnly } of file.imports) {
    if (typeOnly) continue
    if (target === undefined && !HARMLESS.test(from) && !WORLDLY_BY_NATURE.has(file.path)) return `imports ${from}`
    const imported = target === undefined ? undefined : byPath.get(target)
    const through = imported === undefined ? undefined : touch(imported, seen)
    if (through !== undefined) return `imports ${target} (${through})`
  }
  return undefined
}

t.test('rooms import downwards only', async (t) => {
  const wrong = product.flatMap((file) => {
    const room = roomOf(file.path)
    return file.imports.flatMap(({ file: target, typeOnly }) => {
      if (target === undefined || target.endsWith('.json')) return []
      const other = roomOf(target)
      if (other === room) return []
      if (MAY_IMPORT[room]?.includes(other) !== true) return [`${file.path} imports ${target}`]
      const shellOfDaemon = room === 'cli' && DAEMONS.has(other) && isShell(target) && !typeOnly
      return shellOfDaemon ? [`${file.path} imports the shell ${target}`] : []
    })
  })
  t.same(wrong, [])
  t.same(
    [...new Set(product.map(({ path }) => roomOf(path)))].filter((room) => MAY_IMPORT[room] === undefined),
    [],
    'every room has its line',
  )
})

t.test('pure files touch no world, neither by themselves nor through others', async (t) => {
  const pure = product.filter(({ path }) => !isShell(path))
  const wrong = pure.flatMap((file) => {
    const reason = touch(file)
    return reason === undefined ? [] : [`${file.path}: ${reason}`]
  })
  t.same(wrong, [])
})

t.test('only main.ts reads the environment and exits', async (t) => {
  const wrong = product
    .filter(({ path }) => !path.endsWith('/main.ts') && !ENTRY_AIDS.has(path))
    .flatMap(({ path, entryOnly }) => entryOnly.map((use) => `${path}: ${use}`))
  t.same(wrong, [])
})

t.test('files are short, imports name their file, names say something', async (t) => {
  const long = everything.filter(({ path, lines }) => !path.startsWith('test/') && lines > LINE_LIMIT)
  t.same(
    long.map(({ path, lines }) => `${path}: ${lines} lines`),
    [],
  )
  const bare = everything.flatMap(({ path, imports }) =>
    imports.filter(({ from, file }) => file !== undefined && !/\.(ts|json|mjs)$/.test(from)).map(({ from }) => `${path} imports ${from}`),
  )
  t.same(bare, [])
  const vague = product.flatMap(({ path, exports }) =>
    [path.split('/').at(-1) ?? '', ...exports].filter(hasBannedWord).map((name) => `${path}: ${name}`),
  )
  t.same(vague, [])
})

/** Words of `createEventHandler` or `status-helper.ts`. */
function hasBannedWord(name: string): boolean {
  return name
    .replace(/\.ts$/, '')
    .split(/[-_.]|(?<=[a-z0-9])(?=[A-Z])/)
    .some((word) => BANNED_WORDS.has(word.toLowerCase()))
}

t.test('the reader of sources sees what it should', async (t) => {
  const cases: readonly { code: string; ambient?: number; typeOnly?: boolean }[] = [
    { code: 'export const now = () => Date.now()', ambient: 1 },
    { code: 'export const now = () => new Date()', ambient: 1 },
    { code: 'export const then = (text: string) => new Date(text)', ambient: 0 },
    { code: 'export const wait = () => setTimeout(() => {}, 1)', ambient: 1 },
    { code: 'export const pid = process.pid', ambient: 1 },
    { code: '// process.exit and Date.now()\nexport const text = "Math.random()"', ambient: 0 },
    { code: 'export interface Clock { fetch(): void; readonly process: string }', ambient: 0 },
    { code: 'export const get = (object: { process: string }) => object.process', ambient: 0 },
    { code: 'export type Fetch = typeof fetch', ambient: 0 },
    { code: "import { randomBytes } from 'node:crypto'\nexport const key = randomBytes(4)", ambient: 1, typeOnly: false },
    { code: "import type { A } from './a.ts'", typeOnly: true },
    { code: "import { type A, type B } from './a.ts'", typeOnly: true },
    { code: "import { type A, b } from './a.ts'", typeOnly: false },
    { code: "import './a.ts'", typeOnly: false },
    { code: "export { type A } from './a.ts'", typeOnly: true },
    { code: "export * from './a.ts'", typeOnly: false },
    { code: "const a = await import('./a.ts')", typeOnly: false },
  ]
  for (const { code, ambient, typeOnly } of cases) {
    const file = readSource('src/x/y.ts', code)
    if (ambient !== undefined) t.equal(file.ambient.length, ambient, code)
    if (typeOnly !== undefined) t.equal(file.imports[0]?.typeOnly, typeOnly, code)
  }
  t.equal(readSource('src/x/y.ts', "import type { A } from './a.ts'\nexport interface B extends A {}").hasCode, false)
  t.equal(readSource('src/x/y.ts', 'export type A = 1\nexport const a: A = 1').hasCode, true)
  t.same(readSource('src/x/y.ts', 'export const a = 1, b = 2\nexport class C {}\nexport { d }').exports, ['a', 'b', 'C', 'd'])
  t.equal(readSource('src/x/y.ts', "import '../z/a.ts'").imports[0]?.file, 'src/z/a.ts')
})
