import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StepError } from './command.ts'
import { writeDockerArchive } from './image/archive.ts'

/** What holds a Pod's namespaces: an image with a process that only waits. */
export const SANDBOX_IMAGE = 'registry.k8s.io/pause:3.10'
/** The image for workloads in the lab: BusyBox, with httpd, wget, nc, arping and a shell. */
export const BUSYBOX_IMAGE = 'docker.io/lab/busybox:1'

const APPLETS = [
  'arping',
  'cat',
  'echo',
  'env',
  'grep',
  'hostname',
  'httpd',
  'id',
  'ip',
  'ls',
  'nc',
  'nslookup',
  'ping',
  'sh',
  'sleep',
  'touch',
  'true',
  'wget',
]
/** The folders where a static BusyBox may lie. */
const BUSYBOX_PATHS = ['/usr/bin/busybox', '/bin/busybox', '/usr/local/bin/busybox']
const ELF_PROGRAM_HEADER = { offsetAt: 0x20, sizeAt: 0x36, countAt: 0x38, interpreter: 3 } as const

/** A BusyBox that needs no shared library, or undefined. */
export function findStaticBusybox(): string | undefined {
  return BUSYBOX_PATHS.find((path) => existsSync(path) && isStatic(readFileSync(path)))
}

/**
 * Makes the two images that a cluster needs from this machine's BusyBox, unless the cache has them; gives their paths. The
 * same BusyBox gives the same bytes. Rejects with a StepError when there is no static BusyBox.
 */
export async function sandboxImages(cache: string): Promise<readonly string[]> {
  const busybox = findStaticBusybox()
  if (busybox === undefined) throw new StepError('lab images', 'no static busybox; install the package busybox-static')
  const digest = createHash('sha256').update(readFileSync(busybox)).update(JSON.stringify(APPLETS)).digest('hex').slice(0, 12)
  mkdirSync(cache, { recursive: true })
  const pause = join(cache, `pause-${digest}.tar`)
  const box = join(cache, `busybox-${digest}.tar`)
  if (!existsSync(pause)) await writePause(busybox, pause)
  if (!existsSync(box)) await writeBusybox(busybox, box)
  return [pause, box]
}

async function writePause(busybox: string, output: string): Promise<void> {
  // The runtime ends a sandbox with SIGKILL, so a process that ignores SIGTERM (as process 1 does) delays nothing.
  const config = { entrypoint: ['/bin/busybox', 'sleep', '2147483647'] }
  await writeDockerArchive({ files: [{ path: 'bin/busybox', mode: 0o755, source: busybox }], config, tag: SANDBOX_IMAGE, output })
}

async function writeBusybox(busybox: string, output: string): Promise<void> {
  const files = [
    { path: 'bin/busybox', mode: 0o755, source: busybox },
    ...APPLETS.map((name) => ({ path: `bin/${name}`, link: 'busybox' })),
    { path: 'tmp', directory: true as const, mode: 0o1777 },
    { path: 'www', directory: true as const, mode: 0o777 },
    { path: 'www/index.html', content: 'hello from the lab\n' },
    { path: 'etc/passwd', content: 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' },
  ]
  await writeDockerArchive({ files, config: { env: ['PATH=/bin'] }, tag: BUSYBOX_IMAGE, output })
}

/** Whether a 64-bit little-endian ELF file asks for no dynamic loader: no program header of type PT_INTERP (elf(5)). */
export function isStatic(file: Buffer): boolean {
  if (file.length < 0x40 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) return false
  const start = Number(file.readBigUInt64LE(ELF_PROGRAM_HEADER.offsetAt))
  const size = file.readUInt16LE(ELF_PROGRAM_HEADER.sizeAt)
  const count = file.readUInt16LE(ELF_PROGRAM_HEADER.countAt)
  if (start + size * count > file.length) return false
  return Array.from({ length: count }, (_, at) => file.readUInt32LE(start + at * size)).every(
    (type) => type !== ELF_PROGRAM_HEADER.interpreter,
  )
}
