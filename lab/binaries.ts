import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ALL_BINARIES, BINARIES, type BinaryName, buildFlags, builtFolder, versionMatches } from './binary-source.ts'
import { labCache } from './cache.ts'
import { must, run, StepError } from './command.ts'
import { downloadRelease, findRelease } from './download.ts'
import { findCommand } from './requirements.ts'

export const DEFAULT_KUBERNETES = '1.34.4'
const SOURCES = join(import.meta.dirname, 'kubernetes')
const BUILD_TIMEOUT_MS = 1_800_000
const SAY_EVERY_MS = 15_000

/** Absolute path of each program that was asked for. */
export type Binaries = Readonly<Record<string, string>>

interface Search {
  readonly kubernetes: string
  readonly goMod: string
  readonly goVersion: string | undefined
  readonly official: string
  /** Undefined without Go and without an earlier build of the same inputs. */
  readonly built: string | undefined
}

/** Versions whose module files ship with this project. */
export function kubernetesVersions(): string[] {
  return readdirSync(SOURCES).sort()
}

/**
 * Finds the programs of a cluster, in this order: the cache of earlier runs, $KUBEBUILDER_ASSETS and PATH (right version only),
 * official downloads with their published checksum, and `go build` of the public modules. Says what it does through `log`.
 * Rejects with a StepError when a program cannot be had in any of these ways.
 */
export async function ensureBinaries(
  names: readonly BinaryName[],
  kubernetes: string,
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<Binaries> {
  const search = await startSearch(kubernetes)
  const found: Record<string, string> = {}
  for (const name of names) {
    const path = fromCache(search, name) ?? (await fromPath(search, name))
    if (path !== undefined) found[name] = path
  }
  let missing = names.filter((name) => found[name] === undefined)
  if (missing.length > 0) {
    log(`not on this host yet: ${missing.join(', ')} (Kubernetes ${kubernetes})`)
    for (const [name, path] of await download(search, missing, log)) found[name] = path
    missing = names.filter((name) => found[name] === undefined)
  }
  for (const [at, name] of missing.entries()) found[name] = await build(search, name, `${at + 1} of ${missing.length}`, { log, signal })
  return found
}

/** Which programs are at hand without any download or build: for `doctor`. */
export async function locateBinaries(
  kubernetes: string,
): Promise<readonly { readonly name: BinaryName; readonly path: string | undefined }[]> {
  const search = await startSearch(kubernetes)
  return Promise.all(ALL_BINARIES.map(async (name) => ({ name, path: fromCache(search, name) ?? (await fromPath(search, name)) })))
}

/** A folder with the programs that nodes mount: they lie anywhere, and inside a node the host's /var and /run are hidden. */
export function gatherBinaries(binaries: Binaries, names: readonly BinaryName[], folder: string): string {
  mkdirSync(folder, { recursive: true })
  for (const name of names) linkOrCopy(realpathSync(binaries[name] ?? ''), join(folder, name))
  return folder
}

/** A second name costs nothing; on another file system it must be a copy. */
function linkOrCopy(source: string, target: string): void {
  try {
    linkSync(source, target)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    copyFileSync(source, target)
  }
}

async function startSearch(kubernetes: string): Promise<Search> {
  const folder = join(SOURCES, kubernetes)
  if (!existsSync(folder))
    throw new StepError(undefined, `Kubernetes ${kubernetes} is not offered; offered are ${kubernetesVersions().join(', ')}`)
  const goMod = readFileSync(join(folder, 'go.mod'), 'utf8')
  const goSum = readFileSync(join(folder, 'go.sum'), 'utf8')
  const go = findCommand('go')
  // The folder's go.mod may ask for a newer compiler than the one on PATH; this is the one that will be used.
  const version = go === undefined ? undefined : (await run([go, 'env', 'GOVERSION'], { cwd: folder })).stdout.trim()
  const root = join(labCache(), `v${kubernetes}`)
  const name = builtFolder({ kubernetes, goMod, goSum, architecture: process.arch }, version)
  const built = version !== undefined ? name : readFolder(root).find((entry) => entry.startsWith(name))
  return { kubernetes, goMod, goVersion: version, official: join(root, `official-${process.arch}`), built: built && join(root, built) }
}

function readFolder(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : []
}

function fromCache({ official, built }: Search, name: BinaryName): string | undefined {
  return [official, built]
    .filter((folder) => folder !== undefined)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))
}

async function fromPath({ kubernetes }: Search, name: BinaryName): Promise<string | undefined> {
  const assets = process.env['KUBEBUILDER_ASSETS']
  const candidates = [assets === undefined ? undefined : join(assets, name), findCommand(name)]
  for (const path of candidates) {
    if (path === undefined || !existsSync(path)) continue
    const argv = name === 'kubectl' ? [path, 'version', '--client'] : [path, '--version']
    const answer = await run(argv, { timeoutMs: 10_000 }).catch(() => undefined)
    if (answer !== undefined && versionMatches(name, answer.stdout, kubernetes)) return path
  }
  return undefined
}

/** Tries the first program; when the network says no to that one it says no to all, and nothing is printed but one line. */
async function download(
  search: Search,
  names: readonly BinaryName[],
  log: (line: string) => void,
): Promise<(readonly [BinaryName, string])[]> {
  const done: (readonly [BinaryName, string])[] = []
  for (const [at, name] of names.entries()) {
    const startedAt = Date.now()
    const release = await findRelease(name, search.kubernetes, search.goMod)
    if (release === undefined && at === 0) {
      log('official downloads cannot be reached from here; building instead')
      return []
    }
    if (release === undefined) continue
    mkdirSync(search.official, { recursive: true })
    const output = join(search.official, name)
    const failure = await downloadRelease(name, release, output).then(
      () => undefined,
      (error: Error) => error,
    )
    log(
      failure === undefined
        ? `downloaded ${name} (${at + 1} of ${names.length}, ${seconds(startedAt)} s)`
        : `download of ${name} failed (${failure.message}); building it instead`,
    )
    if (failure === undefined) done.push([name, output])
  }
  return done
}

/** One program per `go build`: memory stays under 2 GB, and an interrupted run resumes with what is missing. */
async function build(
  search: Search,
  name: BinaryName,
  position: string,
  { log, signal }: { log: (line: string) => void; signal: AbortSignal | undefined },
): Promise<string> {
  const folder = search.built
  if (search.goVersion === undefined || folder === undefined) {
    throw new StepError(
      name,
      'it is neither in the cache nor on PATH, cannot be downloaded, and there is no Go to build it; install Go 1.24 or later (https://go.dev/dl) or set KUBEBUILDER_ASSETS',
    )
  }
  mkdirSync(folder, { recursive: true })
  const output = join(folder, name)
  const part = `${output}.part-${process.pid}`
  const startedAt = Date.now()
  log(`building ${name} (${position})`)
  const timer = setInterval(() => log(`building ${name} (${position}): ${seconds(startedAt)} s`), SAY_EVERY_MS)
  try {
    const argv = ['go', 'build', ...buildFlags(name, search.kubernetes), '-o', part, BINARIES[name]]
    // The module proxy may only be reachable through the user's own proxy settings.
    const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' }
    await must(`go build of ${name}`, argv, {
      cwd: join(SOURCES, search.kubernetes),
      env,
      timeoutMs: BUILD_TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    })
    renameSync(part, output)
  } finally {
    clearInterval(timer)
    rmSync(part, { force: true })
  }
  log(`built ${name} (${position}, ${seconds(startedAt)} s)`)
  return output
}

function seconds(startedAt: number): string {
  return ((Date.now() - startedAt) / 1000).toFixed(0)
}
