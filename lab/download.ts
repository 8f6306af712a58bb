import { createHash } from 'node:crypto'
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BinaryName, etcdVersion } from './binary-source.ts'
import { must } from './command.ts'

const PROBE_TIMEOUT_MS = 4000
const DOWNLOAD_TIMEOUT_MS = 300_000
const ARCHITECTURE: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** An official release as it is published: where, and the checksum that was published beside it. */
interface Release {
  readonly url: string
  /** Hexadecimal SHA-256 or SHA-512 of the file at `url`. */
  readonly checksum: string
  readonly algorithm: 'sha256' | 'sha512'
}

/**
 * Asks the publisher for the checksum: the smallest thing there is, so a network that says no says it in a few seconds.
 * Undefined means "not from there", whatever the reason; the caller has another way.
 */
export async function findRelease(name: BinaryName, kubernetes: string, goMod: string): Promise<Release | undefined> {
  const architecture = ARCHITECTURE[process.arch]
  const etcd = etcdVersion(goMod)
  if (architecture === undefined || (name === 'etcd' && etcd === undefined)) return undefined
  if (name === 'etcd') {
    const base = `https://github.com/etcd-io/etcd/releases/download/v${etcd}`
    const file = `etcd-v${etcd}-linux-${architecture}.tar.gz`
    const sums = await fetchText(`${base}/SHA256SUMS`)
    const checksum = sums
      ?.split('\n')
      .find((line) => line.trim().endsWith(file))
      ?.trim()
      .split(/\s+/)[0]
    return isDigest(checksum, 64) ? { url: `${base}/${file}`, checksum, algorithm: 'sha256' } : undefined
  }
  const url = `https://dl.k8s.io/release/v${kubernetes}/bin/linux/${architecture}/${name}`
  const checksum = (await fetchText(`${url}.sha512`))?.trim().split(/\s+/)[0]
  return isDigest(checksum, 128) ? { url, checksum, algorithm: 'sha512' } : undefined
}

/** Downloads, compares the checksum and puts the program at `output` in one step. Rejects when either fails; nothing is left then. */
export async function downloadRelease(name: BinaryName, release: Release, output: string): Promise<void> {
  const response = await fetch(release.url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) })
  if (!response.ok) throw new Error(`${release.url}: ${response.status}`)
  const bytes = Buffer.from(await response.arrayBuffer())
  const got = createHash(release.algorithm).update(bytes).digest('hex')
  if (got !== release.checksum) throw new Error(`${release.url}: checksum is ${got}, published is ${release.checksum}`)
  const part = `${output}.part-${process.pid}`
  try {
    writeFileSync(part, bytes)
    if (release.url.endsWith('.tar.gz')) await unpack(part, name, output)
    chmodSync(part, 0o755)
    renameSync(part, output)
  } finally {
    rmSync(part, { force: true })
  }
}

/** Replaces the archive by the one program in it that is wanted. */
async function unpack(archive: string, name: string, output: string): Promise<void> {
  const folder = `${output}.unpacked-${process.pid}`
  try {
    await must('unpacking', ['mkdir', '-p', folder])
    await must('unpacking', ['tar', '-xzf', archive, '-C', folder, '--strip-components=1'])
    renameSync(join(folder, name), archive)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function fetchText(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
    return response.ok ? await response.text() : undefined
  } catch {
    // Offline, filtered or slow: all the same to the caller, who builds instead.
    return undefined
  }
}

function isDigest(text: string | undefined, length: number): text is string {
  return text !== undefined && text.length === length && /^[0-9a-f]+$/.test(text)
}
