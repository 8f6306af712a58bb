import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.ts'

const FOLDER = '/run/netns'
/** Lies beside the labs while one of them is the reason that the folder is mounted. */
const NOTE = '.mounted-netns'

/** The first `ip netns add` after a boot mounts /run/netns on itself, and nothing ever takes that back: written down before it happens. */
export function noteNetnsFolder(root: string): void {
  if (!isMounted()) writeFileSync(join(root, NOTE), '')
}

/** Takes the mount back when a lab was the reason for it and no namespace is left, of whomever. */
export async function releaseNetnsFolder(root: string): Promise<void> {
  const note = join(root, NOTE)
  if (!existsSync(note)) return
  if (isMounted()) {
    if (readdirSync(FOLDER).length > 0) return
    // Not lazily: where somebody has made a namespace this very moment, it must fail.
    if ((await run(['umount', FOLDER])).code !== 0) return
    if (existsSync(FOLDER) && readdirSync(FOLDER).length === 0) rmdirSync(FOLDER)
  }
  rmSync(note, { force: true })
}

function isMounted(): boolean {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[1] === FOLDER)
}
