/** Many clients that want what only one of them may have: overlapping Eips, one range to grow into, to be the default Eip. */
import type { EipObject } from '../../src/api/eip.ts'
import { CONTROLLER_NAME } from '../../src/api/names.ts'
import { IS_DEFAULT_EIP } from '../../src/api/service-annotations.ts'
import { type ApiClient, ApiError, createApiClient } from '../../src/kube/client.ts'
import { createObject, deleteObject, listObjects, patchObject } from '../../src/kube/objects.ts'
import { EIPS } from '../../src/kube/resources.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { type AdmissionWorld, OWN, startAdmissionWorld } from '../support/admission-world.ts'
import { startAllocator } from '../support/allocator-process.ts'
import { until } from '../support/until.ts'
import { type Contention, followContention, GROUP, isActiveEip } from './support/contention.ts'
import { createRandom, type Random } from './support/random.ts'
import { count, createProgress, type Progress, readOptions, SEED } from './support/soak.ts'

export const describe = 'Many clients create, grow and mark Eips that exclude one another, through two webhooks: at most one is admitted.'

export const flags = {
  clients: count(50, 2, 'How many clients try at once.'),
  rounds: count(500, 1, 'How often they try.'),
  seed: SEED,
}

export interface RaceOptions {
  readonly clients: number
  readonly rounds: number
  readonly seed: number
  readonly progress: Progress
}

export interface RaceResult {
  readonly passed: boolean
  readonly rounds: number
  readonly clients: number
  /** Rounds by how many were admitted. */
  readonly admitted: Readonly<Record<string, number>>
  /** What those who were not admitted read, without the names and numbers in it, and how often. */
  readonly refusals: Readonly<Record<string, number>>
  /** How many requests each webhook answered. */
  readonly reviews: readonly number[]
  /** How many overlapping Eips were stored while nothing was admitted; of each lot one is active in the end. */
  readonly unguarded: number
  /** Sentences about Eips that were stored, or active, beside one that excludes them. */
  readonly violations: readonly string[]
  readonly seed: number
}

/** One who tries: resolves when admitted. */
type Attempt = (client: ApiClient) => Promise<unknown>

interface Round {
  readonly attempts: readonly Attempt[]
  /** Makes room for the next round. */
  readonly clear: () => Promise<unknown>
}

interface Setting {
  readonly api: ApiClient
  readonly clients: number
  readonly random: Random
}

const GROWERS = 8

const eip = (name: string, group: string, spec: object, annotations: Readonly<Record<string, string>> = {}) =>
  ({ metadata: { name, labels: { [GROUP]: group }, annotations }, spec }) as { metadata: { name: string } }

/** Each has the address .100 of its round, in a range, a network, or as the second of two. */
function overlapping(round: number, at: number, random: Random): object {
  const prefix = `10.${70 + Math.floor(round / 250)}.${round % 250}`
  const shapes = [
    { address: `${prefix}.${random.below(100)}-${prefix}.${100 + random.below(100)}` },
    { address: `${prefix}.${random.pick(['0/24', '64/26', '96/28', '100', '100/31'])}` },
    { address: `172.16.${Math.floor(at / 250)}.${at % 250}`, addresses: [`${prefix}.90-${prefix}.110`] },
  ]
  return random.pick(shapes)
}

function creations({ api, clients, random }: Setting, round: number): Round {
  const names = Array.from({ length: clients }, (_, at) => `race-${round}-${at}`)
  return {
    attempts: names.map((name, at) => {
      const object = eip(name, `create-${round}`, overlapping(round, at, random))
      return (client) => createObject(client, EIPS, object)
    }),
    clear: () => Promise.all(names.map((name) => deleteObject(api, EIPS, { name }))),
  }
}

function defaults({ api, clients }: Setting, round: number): Round {
  const names = Array.from({ length: clients }, (_, at) => `default-${round}-${at}`)
  const address = (at: number) => `10.80.${Math.floor(at / 250)}.${at % 250}`
  return {
    attempts: names.map((name, at) => (client) => {
      const object = eip(name, 'default', { address: address(at) }, { [IS_DEFAULT_EIP]: 'true' })
      return createObject(client, EIPS, object)
    }),
    // Those that are no default are stored too where they were admitted as such: there are none.
    clear: () => Promise.all(names.map((name) => deleteObject(api, EIPS, { name }))),
  }
}

function growths({ api }: Setting): Round {
  const names = Array.from({ length: GROWERS }, (_, at) => `grower-${at}`)
  const grow = (client: ApiClient, name: string, addresses: readonly string[]) =>
    patchObject(client, EIPS, { name }, { spec: { addresses } }, { type: 'merge' })
  return {
    attempts: names.map((name) => (client) => grow(client, name, ['10.81.0.0/24'])),
    clear: () => Promise.all(names.map((name) => grow(api, name, []))),
  }
}

async function prepareGrowers(api: ApiClient): Promise<void> {
  for (let at = 0; at < GROWERS; at++) await createObject(api, EIPS, eip(`grower-${at}`, 'grow', { address: `10.82.0.${at}` }))
}

/** The kinds of rounds in turn; most create. */
function roundOf(setting: Setting, round: number): Round {
  if (round % 5 === 3) return defaults(setting, round)
  return round % 5 === 4 ? growths(setting) : creations(setting, round)
}

/** The first words of a refusal, without names: for counting. */
const kindOf = (message: string): string =>
  message
    .replace(/^.*denied the request: /s, '')
    .replace(/(race|default|grower)-[\d-]+/g, 'NAME')
    .replace(/[:;,] .*$/s, '')

/** All at once, each by a client of its own; gives the refusals. Whatever is no refusal is thrown. */
async function runRound({ attempts }: Round, clients: readonly ApiClient[]): Promise<readonly string[]> {
  const answers = await Promise.all(
    attempts.map((attempt, at) => {
      const client = clients[at % clients.length]
      if (client === undefined) throw new RangeError('no clients')
      return attempt(client).then(
        () => undefined,
        (error: unknown) => {
          if (error instanceof ApiError && error.status !== undefined && error.status < 500) return kindOf(error.message)
          throw error
        },
      )
    }),
  )
  return answers.filter((answer) => answer !== undefined)
}

/**
 * With the configurations gone everything is stored; the allocator alone keeps overlapping Eips apart. Gives how many were stored. Rejects
 * unless of each lot one is active and all others say that they overlap.
 */
async function storeUnguarded(world: AdmissionWorld, { random }: Setting, clients: readonly ApiClient[], lots: number): Promise<number> {
  await world.removeAdmission()
  let tried = 0
  let stored = 0
  const create = async (client: ApiClient, lot: number) => {
    const at = tried++
    const metadata = { name: `bare-${lot}-${at}` }
    await createObject(client, EIPS, { metadata, spec: overlapping(UNGUARDED + lot, at, random) } as { metadata: { name: string } })
    stored++
  }
  const isAdmitted = () =>
    create(world.api, 0).then(
      () => true,
      () => false,
    )
  await until('nothing is asked any more', isAdmitted)
  for (let lot = 0; lot < lots; lot++) {
    await Promise.all(clients.map((client) => create(client, lot)))
    await until(
      `one of lot ${lot} is active`,
      async () => isKeptApart(await listObjects<EipObject>(world.api, EIPS), `bare-${lot}-`),
      60_000,
      500,
    )
  }
  return stored
}

function isKeptApart(eips: readonly EipObject[], prefix: string): boolean {
  const lot = eips.filter(({ metadata }) => metadata.name.startsWith(prefix))
  const overlaps = lot.filter(({ status }) => status?.conditions?.some(({ reason }) => reason === 'Overlap') === true)
  return lot.filter(isActiveEip).length === 1 && overlaps.length === lot.length - 1
}

/** Rounds whose addresses no other round has. */
const UNGUARDED = 2000

const reviewsOf = (world: AdmissionWorld): readonly number[] =>
  world.webhooks.map(({ lines }) => lines.filter(({ operation }) => operation !== undefined).length)

async function startAll(world: AdmissionWorld): Promise<Contention> {
  await world.apply()
  await world.certify()
  await world.serve(2)
  await prepareGrowers(world.api)
  return followContention(world.api)
}

export async function raceEips({ clients, rounds, seed, progress }: RaceOptions): Promise<RaceResult> {
  const world = await startAdmissionWorld()
  const own = Array.from({ length: clients }, () =>
    createApiClient({ kubeconfigPath: world.cluster.kubeconfig, userAgent: 'racer', logger: silentLogger }),
  )
  try {
    const contention = await startAll(world)
    const allocator = await startAllocator(await world.cluster.serviceAccountKubeconfig(OWN, CONTROLLER_NAME), 'racing', [
      '--leader-elect=false',
    ])
    const setting: Setting = { api: world.api, clients, random: createRandom(seed) }
    const admitted: Record<string, number> = {}
    const refusals: Record<string, number> = {}
    for (let round = 0; round < rounds; round++) {
      const contest = roundOf(setting, round)
      const refused = await runRound(contest, own)
      const winners = contest.attempts.length - refused.length
      admitted[winners] = (admitted[winners] ?? 0) + 1
      for (const refusal of refused) refusals[refusal] = (refusals[refusal] ?? 0) + 1
      await contest.clear()
      if ((round + 1) % 10 === 0) progress(`${round + 1} of ${rounds} rounds, admitted: ${JSON.stringify(admitted)}`)
    }
    const reviews = reviewsOf(world)
    const unguarded = await storeUnguarded(world, setting, own, Math.ceil(rounds / 20))
    await allocator.stop()
    const violations = await contention.close()
    const most = Math.max(...Object.keys(admitted).map(Number))
    const passed = violations.length === 0 && most <= 1
    return { passed, rounds, clients, admitted, refusals, reviews, unguarded, violations, seed }
  } finally {
    for (const client of own) client.close()
    await world.close()
  }
}

export async function run(argv: readonly string[]): Promise<object> {
  return raceEips({ ...readOptions(argv, flags), progress: createProgress('race') })
}
