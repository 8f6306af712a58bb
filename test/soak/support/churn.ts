/**
 * What users do all day: Services come, ask for something else, share, turn away and go; Eips are disabled, grow, shrink, go and
 * come back. None of what happens to an Eip may take a held address away.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ALLOW_SHARED_IP, EIP_NAME, OPT_IN, REQUESTED_ADDRESS } from '../../../src/api/service-annotations.ts'
import { type ApiClient, ApiError } from '../../../src/kube/client.ts'
import { type ClusterActions, createClusterActions } from '../../support/cluster-actions.ts'
import type { Random } from './random.ts'

export interface Churn {
  /** How often each thing was done. */
  readonly done: Readonly<Record<string, number>>
  /** Lets every client finish what it does and stop. Rejects with what went wrong, other than lost races between clients. */
  stop(): Promise<void>
}

export interface ChurnOptions {
  readonly random: Random
  /** How many do something at once. */
  readonly clients: number
  /** How long each of them rests after each deed, at most. */
  readonly restMs: number
}

const NAMESPACES = ['churn-a', 'churn-b'] as const
const SLOTS = 14
/** Few addresses for many Services, so that some always wait. */
const POOLS = [
  { name: 'churn-p', address: '10.20.1.0/29', wanted: '10.20.1.5', more: '10.20.5.0/30' },
  { name: 'churn-q', address: '10.20.2.0/29', wanted: '10.20.2.5', more: '10.20.6.0/30' },
  { name: 'churn-r', address: '10.20.3.10-10.20.3.15', wanted: '10.20.3.12', more: '10.20.7.0/30' },
] as const
/** For sharing alone: each group has one address. */
const SHARED = { name: 'churn-s', address: '10.20.4.0/30' } as const
const GROUPS = [0, 1, 2]

/** Makes the namespaces and the Eips. */
export async function prepareChurn(api: ApiClient): Promise<void> {
  const { makeEip, makeNamespace } = createClusterActions(api)
  for (const name of NAMESPACES) await makeNamespace(name)
  for (const { name, address } of [...POOLS, SHARED]) await makeEip(name, address)
}

type Deed = (actions: ClusterActions, key: string, random: Random) => Promise<unknown>

const DEEDS: Readonly<Record<string, Deed>> = {
  create: ({ makeService }, key, random) => makeService(key, { eip: random.pick(POOLS).name }),
  'create anywhere': ({ makeService }, key, random) => makeService(key, { address: random.pick(POOLS).wanted }),
  delete: ({ removeService }, key) => removeService(key),
  repool: ({ annotate }, key, random) =>
    annotate(key, { [OPT_IN]: 'openelb', [EIP_NAME]: random.pick(POOLS).name, [REQUESTED_ADDRESS]: null }),
  ask: ({ annotate }, key, random) => {
    const { name, wanted } = random.pick(POOLS)
    return annotate(key, { [OPT_IN]: 'openelb', [EIP_NAME]: name, [REQUESTED_ADDRESS]: wanted })
  },
  'away and back': async ({ annotate }, key, random) => {
    const { name } = random.pick(POOLS)
    await annotate(key, { [OPT_IN]: 'openelb', [EIP_NAME]: name, [REQUESTED_ADDRESS]: null })
    await delay(random.below(80))
    await annotate(key, { [EIP_NAME]: random.pick(POOLS).name })
  },
  'turn away': ({ patchService }, key) => patchService(key, { spec: { type: 'ClusterIP' } }),
  'turn back': ({ patchService }, key) => patchService(key, { spec: { type: 'LoadBalancer' } }),
  'opt out': ({ annotate }, key) => annotate(key, { [OPT_IN]: 'none' }),
  'drop all annotations': ({ annotate }, key) => annotate(key, { [OPT_IN]: null, [EIP_NAME]: null, [REQUESTED_ADDRESS]: null }),
  share: ({ makeService }, key, random) => {
    const group = random.pick(GROUPS)
    const annotations = { [ALLOW_SHARED_IP]: `group-${group}` }
    const port = 1000 + random.below(3)
    return makeService(sharing(key), { address: `10.20.4.${group}`, annotations, spec: { ports: [{ port }] } })
  },
  'share no more': ({ removeService }, key) => removeService(sharing(key)),
  disable: ({ patchEip }, _key, random) => patchEip(random.pick(POOLS).name, { spec: { disable: true } }),
  grow: ({ patchEip }, _key, random) => {
    const { name, more } = random.pick(POOLS)
    return patchEip(name, { spec: { addresses: [more] } })
  },
  shrink: ({ patchEip }, _key, random) => patchEip(random.pick(POOLS).name, { spec: { addresses: null } }),
  'delete a pool and make it again': async ({ removeEip, makeEip }, _key, random) => {
    const { name, address } = random.pick(POOLS)
    await removeEip(name)
    await delay(random.below(300))
    await makeEip(name, address)
  },
  enable: async ({ patchEip }) => {
    for (const { name } of POOLS) await patchEip(name, { spec: { disable: false } })
  },
}

/** Names of their own, so that no other deed changes what a Service shares. */
const sharing = (key: string): string => key.replace('/s', '/shares-')

/** Two clients may want the same Service: what one of them finds gone, or there already, is no failure. */
function isLostRace(error: unknown): boolean {
  return error instanceof ApiError && ['NotFound', 'AlreadyExists', 'Conflict'].includes(error.reason)
}

/** Enables every Eip again, so that a Service that waits does so for want of room alone. */
export async function calm(api: ApiClient): Promise<void> {
  const { patchEip } = createClusterActions(api)
  for (const { name } of POOLS) await patchEip(name, { spec: { disable: false } })
}

export function startChurn(api: ApiClient, { random, clients, restMs }: ChurnOptions): Churn {
  const actions = createClusterActions(api)
  const names = Object.keys(DEEDS)
  const done: Record<string, number> = {}
  let going = true
  const client = async (own: Random): Promise<void> => {
    while (going) {
      const name = own.pick(names)
      const key = `${own.pick(NAMESPACES)}/s${own.below(SLOTS)}`
      try {
        await DEEDS[name]?.(actions, key, own)
        done[name] = (done[name] ?? 0) + 1
      } catch (error) {
        if (!isLostRace(error)) throw error
      }
      await delay(own.below(restMs))
    }
  }
  const running = Promise.all(Array.from({ length: clients }, () => client(random.fork())))
  // Told at the stop; until then nobody waits for it.
  running.catch(() => undefined)
  return {
    done,
    async stop() {
      going = false
      await running
    },
  }
}
