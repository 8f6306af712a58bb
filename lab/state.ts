import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { StepError } from './command.ts'
import { LAB_IDS, LAB_NAME, labLayout, labPaths, STATE_ROOTS } from './layout.ts'

const Identity = z.object({ pid: z.int().positive(), startTicks: z.string() })
const LabStateSchema = z.object({
  name: z.string(),
  directory: z.string(),
  /** Absent until the lab has taken one. */
  id: z.int().min(0).max(9).optional(),
  bootId: z.string(),
  kubernetes: z.string(),
  nodes: z.int().min(0).max(5),
  dualStack: z.boolean(),
  phase: z.enum(['starting', 'running']),
  startedAt: z.string(),
  /** A lab with an owner goes when the owner is gone: tests and `lab start`. */
  owner: Identity.optional(),
  processes: z.record(z.string(), Identity.extend({ log: z.string() })),
})

/** What is known of one lab. Written before each thing is made, so that `down` after a crash knows where to look. */
export type LabState = z.output<typeof LabStateSchema>

const OVERLAY_FILE_SYSTEM = 0x794c7630

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/** Makes the lab's directory, which is the claim to its name. Rejects with a StepError when the name is taken or unusable. */
export function claimLab(lab: Omit<LabState, 'directory' | 'bootId' | 'phase' | 'startedAt' | 'processes'>): LabState {
  const directory = join(stateRoot(), lab.name)
  if (!LAB_NAME.test(lab.name)) throw new StepError(undefined, `the name ${JSON.stringify(lab.name)} is not 1 to 24 of a-z, 0-9 and -`)
  mkdirSync(dirname(directory), { recursive: true, mode: 0o755 })
  try {
    mkdirSync(directory, { mode: 0o755 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new StepError(
      undefined,
      `a lab named ${lab.name} exists already; choose another --name or run "npm run lab -- down --name ${lab.name}"`,
    )
  }
  const state: LabState = { ...lab, directory, bootId: bootId(), phase: 'starting', startedAt: new Date().toISOString(), processes: {} }
  writeState(state)
  return takeId(state)
}

/** Takes the first id that neither another lab nor anything else on this host uses. */
function takeId(state: LabState): LabState {
  const ids = join(dirname(state.directory), '.ids')
  mkdirSync(ids, { recursive: true })
  for (const id of LAB_IDS) {
    if (idIsBusy(id)) continue
    try {
      writeFileSync(join(ids, String(id)), state.name, { flag: 'wx' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue
      throw error
    }
    const taken = { ...state, id }
    writeState(taken)
    return taken
  }
  rmSync(state.directory, { recursive: true, force: true })
  throw new StepError(undefined, 'ten labs (or networks like theirs) exist on this host; "npm run lab -- status" lists them')
}

function idIsBusy(id: number): boolean {
  const { link, subnet } = labLayout(id, '', '', 0)
  const namespaces = existsSync('/run/netns') ? readdirSync('/run/netns') : []
  if (existsSync(`/sys/class/net/${link}`) || namespaces.some((name) => name.startsWith(`${link}-`))) return true
  const [a, b] = subnet.split('.')
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address.startsWith(`${a}.${b}.`)))
}

/** Replaces the state file in one step. */
export function writeState(state: LabState): void {
  const { state: path } = labPaths(state.directory)
  writeFileSync(`${path}.new`, `${JSON.stringify(state, undefined, 2)}\n`)
  renameSync(`${path}.new`, path)
}

/** Every lab of this host. A directory whose state file is missing or unreadable (a crash in the first moment) counts too. */
export function listLabs(): LabState[] {
  return STATE_ROOTS.filter((root) => existsSync(root)).flatMap((root) =>
    readdirSync(root)
      .filter((name) => LAB_NAME.test(name))
      .map((name) => readState(join(root, name), name)),
  )
}

export function findLab(name: string): LabState | undefined {
  return listLabs().find((lab) => lab.name === name)
}

function readState(directory: string, name: string): LabState {
  try {
    return LabStateSchema.parse(JSON.parse(readFileSync(labPaths(directory).state, 'utf8')))
  } catch {
    const id = idOf(directory, name)
    const known = { name, directory, bootId: '', kubernetes: '', nodes: 0, dualStack: false, startedAt: '', processes: {} }
    return { ...known, phase: 'starting', ...(id === undefined ? {} : { id }) }
  }
}

function idOf(directory: string, name: string): number | undefined {
  return LAB_IDS.find((id) => readText(join(dirname(directory), '.ids', String(id))) === name)
}

function readText(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

/** Forgets the lab: its directory, its id, and the root when it was the last one. */
export function releaseLab(state: LabState): void {
  const root = dirname(state.directory)
  rmSync(state.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  for (const id of LAB_IDS)
    if (readText(join(root, '.ids', String(id))) === state.name) rmSync(join(root, '.ids', String(id)), { force: true })
  for (const folder of [join(root, '.ids'), root]) removeIfEmpty(folder)
}

/** Another lab may be starting at this very moment: only what is empty goes. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch (error) {
    if (!['ENOTEMPTY', 'ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** Container file systems are overlays, and an overlay cannot lie on another one: there memory (/run) has to do. */
function stateRoot(): string {
  const [disk, memory] = STATE_ROOTS
  return statfsSync('/var/lib').type === OVERLAY_FILE_SYSTEM ? memory : disk
}
