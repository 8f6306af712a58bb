import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const LDD_LIMIT_MS = 20_000

/**
 * Absolute paths of the shared libraries that these ELF files load, the dynamic linker among them, sorted and without
 * repetition. The paths are those that the linker searches, so copies belong at the same place in the image.
 * Rejects when one is missing on this machine.
 */
export async function sharedLibraries(binaries: readonly string[]): Promise<string[]> {
  const found = new Set<string>()
  for (const binary of binaries) {
    const { stdout } = await run('ldd', [binary], { timeout: LDD_LIMIT_MS })
    for (const path of parseLdd(binary, stdout)) found.add(path)
  }
  return [...found].sort()
}

/** `name => /path (0x..)` and `/path (0x..)`; linux-vdso has no path, for the kernel itself brings it. */
export function parseLdd(binary: string, output: string): string[] {
  const paths: string[] = []
  for (const line of output.split('\n')) {
    const missing = /^\s*(\S+) => not found/.exec(line)
    if (missing !== null) throw new Error(`${binary} needs ${missing[1]}, which this machine does not have`)
    const [, path] = /(?:^\s*|=> )(\/\S+) \(0x/.exec(line) ?? []
    if (path !== undefined) paths.push(path)
  }
  return paths
}
