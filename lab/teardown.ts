import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { removeCgroups } from './cgroups.ts'
import { run, StepError } from './command.ts'
import { labLayout, labPaths } from './layout.ts'
import { releaseNetnsFolder } from './netns-folder.ts'
import { deleteNetwork } from './network.ts'
import { isAlive, killAndWait, markedProcesses, processesInNamespaces } from './process-table.ts'
import { bootId, type LabState, listLabs, releaseLab } from './state.ts'

const KILL_TIMEOUT_MS = 10_000
const KILL_ROUNDS = 3

/**
 * Removes a lab and everything of it, running or half made, from this boot or an earlier one. What is killed is what carries
 * the lab's mark in its environment, what lives in its network namespaces, and what the state file recorded (pid and start
 * time): nothing else. Rejects with a StepError that names what could not be removed; calling it again is always allowed.
 */
export async function tearDown(state: LabState): Promise<void> {
  const left = [...(await endProcesses(state)), ...(await unmountAll(state.directory))]
  if (state.id !== undefined) {
    const { link } = labLayout(state.id, state.name, state.directory, state.nodes)
    await deleteNetwork(link, namesStarting(`${link}-`))
    left.push(
      ...namesStarting(`${link}-`).map((name) => `namespace ${name}`),
      ...(existsSync(`/sys/class/net/${link}`) ? [`interface ${link}`] : []),
    )
    left.push(...(await removeCgroups(link)))
  }
  if (left.length > 0) throw new StepError(`removing lab ${state.name}`, `still there: ${left.join(', ')}`, labPaths(state.directory).logs)
  await releaseNetnsFolder(dirname(state.directory))
  releaseLab(state)
}

/** Removes labs whose owner (a test, `lab start`) was killed before it could: nobody else would. */
export async function tearDownOrphans(log: (line: string) => void): Promise<void> {
  const boot = bootId()
  for (const lab of listLabs()) {
    if (lab.owner === undefined || (lab.bootId === boot && isAlive(lab.owner))) continue
    log(`removing lab ${lab.name}: what started it is gone`)
    // Its own start and end matter more than somebody else's rest: that is said and left.
    await tearDown(lab).catch((error: Error) => log(error.message))
  }
}

/** A killed cell takes everything inside along; the rounds are for what was being started meanwhile. */
async function endProcesses(state: LabState): Promise<string[]> {
  for (let round = 0; round < KILL_ROUNDS; round += 1) {
    const found = processesOf(state)
    if (found.length === 0) return []
    await killAndWait(found, KILL_TIMEOUT_MS)
  }
  return processesOf(state).map(({ pid }) => `process ${pid}`)
}

function processesOf(state: LabState) {
  const recorded = state.bootId === bootId() ? Object.values(state.processes).filter(isAlive) : []
  const prefix = state.id === undefined ? undefined : `${labLayout(state.id, '', '', 0).link}-`
  const inside = prefix === undefined ? [] : processesInNamespaces(namesStarting(prefix).map((name) => `/run/netns/${name}`))
  const all = [...recorded, ...markedProcesses(state.directory), ...inside].filter(({ pid }) => pid !== process.pid)
  return [...new Map(all.map((found) => [found.pid, found])).values()]
}

/** Mounts of a cell end with it; this is for anything that was mounted below the lab's directory by hand. */
async function unmountAll(directory: string): Promise<string[]> {
  const below = () =>
    readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '')
      .filter((path) => path.startsWith(`${directory}/`))
      .sort()
      .reverse()
  for (const path of below()) await run(['umount', '--lazy', path])
  return below().map((path) => `mount ${path}`)
}

function namesStarting(prefix: string): string[] {
  return existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.startsWith(prefix)) : []
}
