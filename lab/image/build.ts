import { execFile } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type ArchiveSummary, type ImageConfig, type ImageFile, writeDockerArchive } from './archive.ts'
import { productionDependencies } from './dependencies.ts'
import { sharedLibraries } from './libraries.ts'
import { PRODUCT_IMAGE } from './tag.ts'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const COMPILE_LIMIT_MS = 300_000
/** Where things are in the image; deploy/ starts `NODE_PATH /app/dist/src/<process>/main.js`. */
const NODE_PATH = 'usr/local/bin/node'
const APP = 'app'
/** Root for the speaker alone, which deploy/ says there; all other processes run as this user. */
const NONROOT = 65532
const ACCOUNTS = `root:x:0:0:root:/:/nonexistent\nnonroot:x:${NONROOT}:${NONROOT}:nonroot:/:/nonexistent\n`
const GROUPS = `root:x:0:\nnonroot:x:${NONROOT}:\n`

/** Without a command the image runs `openelb`; deploy/ gives each process its own. deploy/Dockerfile says the same. */
const CONFIG: ImageConfig = {
  entrypoint: [`/${NODE_PATH}`, `/${APP}/dist/src/cli/main.js`],
  env: ['PATH=/usr/local/bin', 'NODE_ENV=production'],
  user: `${NONROOT}:${NONROOT}`,
  workingDir: `/${APP}`,
}

export interface ImageRequest {
  /** Path of the docker-archive to write. */
  readonly output: string
  /** The name that deploy/openelb.yaml uses when absent. */
  readonly tag?: string
  /** One line per step, without a line end. */
  readonly log: (line: string) => void
}

export interface ImageSummary extends ArchiveSummary {
  readonly tag: string
  readonly files: number
}

/**
 * Compiles the product and writes its image: the project's own Node, what the dynamic linker says it needs, the
 * compiled program and its production dependencies. No shell, no symbolic link, nothing of npm. Equal sources give an
 * equal digest. Rejects when the sources do not compile.
 */
export async function buildImage({ output, tag = PRODUCT_IMAGE, log }: ImageRequest): Promise<ImageSummary> {
  const files = await imageFiles(log)
  log(`write ${files.length} files to ${output}`)
  return { ...(await writeDockerArchive({ files, config: CONFIG, tag, output })), tag, files: files.length }
}

/** Writes the same files as a folder, for builders that make the image themselves (deploy/Dockerfile). Gives their number. */
export async function buildRootfs(directory: string, log: (line: string) => void): Promise<number> {
  const files = await imageFiles(log)
  for (const { path, mode = 0o644, source, content, directory: isDirectory } of files) {
    const target = join(directory, path)
    mkdirSync(isDirectory === true ? target : dirname(target), { recursive: true })
    if (source !== undefined) copyFileSync(source, target)
    else if (content !== undefined) writeFileSync(target, content)
    chmodSync(target, mode)
  }
  return files.length
}

async function imageFiles(log: (line: string) => void): Promise<ImageFile[]> {
  await compile(log)
  const node = nodeBinary()
  const program = [...compiledFiles(), ...productionDependencies(ROOT, APP)]
  const native = program.flatMap(({ source }) => (source?.endsWith('.node') ? [source] : []))
  const libraries = await sharedLibraries([node, ...native])
  log(`${libraries.length} shared libraries, ${native.length} native modules`)
  return [
    ...program,
    { path: NODE_PATH, source: node, mode: 0o755 },
    ...libraries.map((path) => ({ path, source: path, mode: 0o755 })),
    { path: `${APP}/package.json`, content: packageJson() },
    { path: `${APP}/LICENSE`, source: join(ROOT, 'LICENSE') },
    ...nodeLicense(),
    { path: 'etc/passwd', content: ACCOUNTS },
    { path: 'etc/group', content: GROUPS },
    { path: 'etc/nsswitch.conf', content: 'hosts: files dns\n' },
    { path: 'tmp', directory: true, mode: 0o1777 },
  ]
}

/** What the compiler did last is remembered beside its output, so that only changed files are compiled again. */
const COMPILER_STATE = ['--incremental', '--tsBuildInfoFile', 'dist/.tsbuildinfo']

/** Compiles what Pods run into dist/. Rejects with the compiler's output when the sources are not in order. */
export async function compile(log: (line: string) => void): Promise<void> {
  log('compile the sources (tsc)')
  await runCompiler(COMPILER_STATE)
  // It does not look whether its output is still there; where somebody took a file away, everything is compiled.
  if (!compiledFiles().every(({ source }) => source !== undefined && existsSync(source))) await runCompiler([])
}

async function runCompiler(more: readonly string[]): Promise<void> {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  try {
    await run(process.execPath, [tsc, '-p', 'tsconfig.build.json', ...more], { cwd: ROOT, timeout: COMPILE_LIMIT_MS })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`the sources do not compile:\n${stdout}${stderr}`, { cause: error })
  }
}

/** The Node that npm installed for this project, so that the image does not depend on the Node that runs the build. */
function nodeBinary(): string {
  const own = join(ROOT, `node_modules/node-linux-${process.arch}/bin/node`)
  return existsSync(own) ? own : process.execPath
}

function nodeLicense(): ImageFile[] {
  const source = join(ROOT, `node_modules/node-linux-${process.arch}/LICENSE`)
  return existsSync(source) ? [{ path: 'usr/local/share/licenses/node/LICENSE', source }] : []
}

/** What the compiler made of today's sources: a file of an older build whose source is gone does not count. */
function compiledFiles(): ImageFile[] {
  return ['src', 'certgen'].flatMap((room) =>
    readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => `dist/${room}/${path.replace(/ts$/, 'js')}`)
      .sort()
      .map((path) => ({ path: `${APP}/${path}`, source: join(ROOT, path) })),
  )
}

/** Name and version for those who look inside; `type: module` for Node. The dependencies are there already. */
function packageJson(): string {
  const { name, version, license, type } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, unknown>
  return `${JSON.stringify({ name, version, license, type }, undefined, 2)}\n`
}
