import { createHash, type Hash } from 'node:crypto'
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs'
import { readFile, rename, rm, stat } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { TAR_END, type TarMember, tarHeader, tarLength, tarPadding } from './tar.ts'

/** One file of an image: its bytes come from a file on this machine, from memory, or it is a symbolic link. */
export interface ImageFile {
  /** Path inside the image, without a leading slash: `usr/local/bin/node`. */
  readonly path: string
  /** Permission bits; 0o644 when absent. */
  readonly mode?: number
  readonly source?: string
  readonly content?: string | Uint8Array
  readonly link?: string
  /** An empty directory, such as `tmp`. Parent directories of files need no entry of their own. */
  readonly directory?: true
}

/** What the container runtime does with the image. Absent fields are absent in the image. */
export interface ImageConfig {
  readonly entrypoint?: readonly string[]
  /** `NAME=value` texts. */
  readonly env?: readonly string[]
  /** `uid` or `uid:gid`. */
  readonly user?: string
  readonly workingDir?: string
  readonly labels?: Readonly<Record<string, string>>
}

export interface DockerArchive {
  readonly files: readonly ImageFile[]
  readonly config: ImageConfig
  /** With its registry part (`docker.io/lab/busybox:1`): container runtimes look images up by the full name. */
  readonly tag: string
  /** Where the tar file goes; it appears there whole or not at all. */
  readonly output: string
  /** In Node's words (`x64`, `arm64`) or the image format's (`amd64`); this machine's when absent. */
  readonly architecture?: string
}

export interface ArchiveSummary {
  /** `sha256:...` of the image's configuration: what container runtimes call the image's id. */
  readonly imageId: string
  /** `sha256:...` of the whole tar file: equal inputs give equal digests. */
  readonly archiveDigest: string
  readonly bytes: number
}

interface Entry {
  readonly member: TarMember
  readonly source?: string
  readonly content?: Uint8Array
}

const DIRECTORY_MODE = 0o755
const GO_ARCHITECTURE: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', ia32: '386', arm: 'arm' }

/**
 * Writes an image of one layer as a docker-archive (`docker load`, `ctr images import`): `layer.tar`, `config.json` and
 * `manifest.json` in one tar. The layer is streamed, so memory stays small. Reproducible: members are sorted, owned by
 * root and dated 1970. Rejects when a source is missing or changes its size while it is read; no file is left then.
 * Source: Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format".
 */
export async function writeDockerArchive(image: DockerArchive): Promise<ArchiveSummary> {
  const entries = await layerEntries(image.files)
  const part = `${image.output}.part-${process.pid}`
  const sink = createSink(part)
  try {
    const layer = createHash('sha256')
    const members = entries.map((entry) => entry.member)
    const outer = file('layer.tar', tarLength(members))
    await sink.write(tarHeader(outer))
    for (const entry of entries) await writeEntry(entry, (bytes) => sink.write(bytes, layer))
    await sink.write(TAR_END, layer)
    await sink.write(tarPadding(outer.size))
    const config = Buffer.from(JSON.stringify(configJson(image, `sha256:${layer.digest('hex')}`)))
    const manifest = Buffer.from(JSON.stringify([{ Config: 'config.json', RepoTags: [image.tag], Layers: ['layer.tar'] }]))
    await writeEntry({ member: file('config.json', config.length), content: config }, (bytes) => sink.write(bytes))
    await writeEntry({ member: file('manifest.json', manifest.length), content: manifest }, (bytes) => sink.write(bytes))
    await sink.write(TAR_END)
    const { digest, bytes } = await sink.end()
    await rename(part, image.output)
    return { imageId: `sha256:${createHash('sha256').update(config).digest('hex')}`, archiveDigest: `sha256:${digest}`, bytes }
  } catch (error) {
    sink.destroy()
    await rm(part, { force: true })
    throw error
  }
}

/** Files with their sizes, every parent directory before what is in it, in one order on every machine. */
async function layerEntries(files: readonly ImageFile[]): Promise<Entry[]> {
  const entries = new Map<string, Entry>()
  for (const item of files) {
    const path = item.path.replace(/^\/+|\/+$/g, '')
    if (path === '' || path.split('/').includes('..')) throw new RangeError(`no path inside an image: ${JSON.stringify(item.path)}`)
    if ((entries.get(path)?.member.kind ?? 'directory') !== 'directory') throw new RangeError(`two files at ${path}`)
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
      const parent = path.slice(0, at)
      if (!entries.has(parent)) entries.set(parent, { member: { path: parent, kind: 'directory', mode: DIRECTORY_MODE, size: 0 } })
    }
    entries.set(path, await toEntry(path, item))
  }
  return [...entries.values()].sort((a, b) => (a.member.path < b.member.path ? -1 : 1))
}

async function toEntry(path: string, item: ImageFile): Promise<Entry> {
  if (item.directory === true) return { member: { path, kind: 'directory', mode: item.mode ?? DIRECTORY_MODE, size: 0 } }
  if (item.link !== undefined) return { member: { path, kind: 'link', mode: 0o777, size: 0, target: item.link } }
  const mode = item.mode ?? 0o644
  if (item.source !== undefined) {
    const { size } = await stat(item.source)
    return { member: { path, kind: 'file', mode, size }, source: item.source }
  }
  const content = Buffer.from(item.content ?? '')
  return { member: { path, kind: 'file', mode, size: content.length }, content }
}

async function writeEntry({ member, source, content }: Entry, write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  await write(tarHeader(member))
  if (content !== undefined) await write(content)
  else if (source !== undefined) await writeSource(source, member.size, write)
  await write(tarPadding(member.kind === 'file' ? member.size : 0))
}

/** Files up to this size are read at once: a stream for each of some thousand takes seconds. */
const WHOLE_FILE_BYTES = 1 << 20

async function writeSource(source: string, size: number, write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  const chunks = size <= WHOLE_FILE_BYTES ? [await readFile(source)] : createReadStream(source, { highWaterMark: WHOLE_FILE_BYTES })
  let read = 0
  for await (const chunk of chunks) {
    read += chunk.length
    if (read > size) break
    await write(chunk)
  }
  if (read !== size) throw new Error(`${source} changed its size while it was read`)
}

function configJson(image: DockerArchive, diffId: string): object {
  const { entrypoint, env, user, workingDir, labels } = image.config
  const architecture = image.architecture ?? process.arch
  return {
    architecture: GO_ARCHITECTURE[architecture] ?? architecture,
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: { Entrypoint: entrypoint, Env: env, User: user, WorkingDir: workingDir, Labels: labels },
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'npm run image' }],
  }
}

function file(path: string, size: number): TarMember {
  return { path, kind: 'file', mode: 0o644, size }
}

/** A file that counts and hashes what it is given; `also` is a second hash for a part of it. Waits where the disk is slower. */
function createSink(path: string) {
  const stream: WriteStream = createWriteStream(path)
  const whole = createHash('sha256')
  let bytes = 0
  let failure: Error | undefined
  stream.on('error', (error) => {
    failure = error
  })
  return {
    async write(chunk: Uint8Array, also?: Hash): Promise<void> {
      if (failure !== undefined) throw failure
      if (chunk.length === 0) return
      bytes += chunk.length
      whole.update(chunk)
      also?.update(chunk)
      if (!stream.write(chunk)) await drained(stream)
    },
    async end(): Promise<{ digest: string; bytes: number }> {
      stream.end()
      await finished(stream)
      return { digest: whole.digest('hex'), bytes }
    },
    destroy(): void {
      stream.destroy()
    },
  }
}

function drained(stream: WriteStream): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      stream.off('drain', onDrain)
      stream.off('error', settle)
      if (error === undefined) resolve()
      else reject(error)
    }
    const onDrain = () => settle()
    stream.on('drain', onDrain)
    stream.on('error', settle)
  })
}
