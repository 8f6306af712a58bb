import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import type { ImageFile } from './archive.ts'

/** What a package-lock of version 3 says about one folder below node_modules. */
interface LockedPackage {
  readonly dev?: boolean
  readonly optional?: boolean
}

/** What Node loads, and the licences that have to travel with it. Everything else (types, maps, sources, texts) stays behind. */
const LOADED_EXTENSIONS = new Set(['.js', '.cjs', '.mjs', '.json', '.node', '.wasm'])
const LICENSE = /^(licen[cs]e|copying|notice)/i
/** Folders at the top of a package that no program loads. Only there: `yaml/dist/doc` is code. */
const DEAD_FOLDERS = new Set([
  'test',
  'tests',
  '__tests__',
  'doc',
  'docs',
  'example',
  'examples',
  'bench',
  'benchmark',
  'benchmarks',
  'man',
])
const DEAD_FILES = new Set(['package-lock.json', 'tsconfig.json', 'binding.gyp', 'cnoke.cjs'])
/** Types and C++ headers, and Node itself, which the image carries at another place. */
const NOT_LOADED = /^(@types\/.*|undici-types|nan|node-linux-.*)$/

/**
 * The files of the production dependencies as they lie in `root/node_modules`, at the same paths below `prefix`.
 * What is production is read from package-lock.json (entries without `dev`); npm is not run.
 * Throws when a required package is not installed.
 */
export function productionDependencies(root: string, prefix: string): ImageFile[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, LockedPackage> }
  const files: ImageFile[] = []
  for (const [folder, locked] of Object.entries(lock.packages)) {
    const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
    if (folder === '' || locked.dev === true || NOT_LOADED.test(name)) continue
    if (!existsSync(join(root, folder))) {
      if (locked.optional === true) continue
      throw new Error(`${folder} is not installed: run npm ci`)
    }
    for (const path of packageFiles(join(root, folder))) {
      files.push({ path: `${prefix}/${folder}/${path}`, source: join(root, folder, path), mode: extname(path) === '.node' ? 0o755 : 0o644 })
    }
  }
  return files
}

/** The files of one package that are worth carrying, sorted, relative to its folder. */
function packageFiles(folder: string): string[] {
  const found: string[] = []
  const walk = (at: string) => {
    for (const entry of readdirSync(join(folder, at), { withFileTypes: true })) {
      const path = at === '' ? entry.name : `${at}/${entry.name}`
      if (entry.isDirectory() && isLive(path)) walk(path)
      else if (entry.isFile() && isLoaded(path)) found.push(path)
    }
  }
  walk('')
  return found.sort()
}

/** `musl_x64` is koffi's build for another C library, `obj.target` what the compiler left. */
function isLive(path: string): boolean {
  return !(DEAD_FOLDERS.has(path) || basename(path) === 'node_modules' || path.startsWith('musl_') || basename(path) === 'obj.target')
}

function isLoaded(path: string): boolean {
  const name = basename(path)
  if (LICENSE.test(name)) return true
  return LOADED_EXTENSIONS.has(extname(name)) && !DEAD_FILES.has(name) && !name.startsWith('.')
}
