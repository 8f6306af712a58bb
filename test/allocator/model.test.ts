/** Random lives of a small cluster, decided by the real rules and written to Maps: what must hold whatever happens. */
import fc from 'fast-check'
import t from 'tap'
import { formatIp } from '../../src/addr/ip.ts'
import { type Decision, decide } from '../../src/allocator/decide.ts'
import { createLedger } from '../../src/allocator/ledger.ts'
import { createPoolBook } from '../../src/allocator/pools.ts'
import { allocatedCondition, type DesiredService, servicePatch } from '../../src/allocator/service-status.ts'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import type { Condition, ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject } from '../../src/api/eip.ts'
import { OPT_IN } from '../../src/api/service-annotations.ts'
import { poolContains } from '../../src/policy/pool-ranges.ts'
import { DEFAULT_SETTINGS } from '../../src/policy/settings.ts'
import { type EipOptions, eip, ip, NOW, type ServiceOptions, service } from '../support/allocator-objects.ts'

const SERVICES = ['a', 'b', 'c', 'd', 'e', 'f'] as const
const EIPS = ['p', 'q', 'r'] as const
const RANGES = ['10.0.0.0/31', '10.0.0.0/30', '10.0.0.2-10.0.0.5', '10.0.1.0/31', 'fd00::/127'] as const
const ADDRESSES = ['10.0.0.0', '10.0.0.3', '10.0.1.1', 'fd00::1', 'nonsense'] as const

interface World {
  readonly services: Map<string, ServiceObject>
  readonly eips: Map<string, EipObject>
  readonly claims: Map<string, AddressClaimObject>
  born: number
}

type Operation =
  | { readonly kind: 'put-service'; readonly name: string; readonly options: ServiceOptions }
  | { readonly kind: 'delete-service'; readonly name: string }
  | { readonly kind: 'put-eip'; readonly name: string; readonly address: string; readonly options: EipOptions }
  | { readonly kind: 'delete-eip'; readonly name: string }

/** An operation, and after how many writes of the allocator it dies (and starts again). */
interface Turn {
  readonly operation: Operation
  readonly diesAfter: number
  readonly order: number
}

/** Mostly plain wishes: a world in which every wish is odd holds few addresses. */
const wishes: fc.Arbitrary<ServiceOptions> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: fc.record({ eip: fc.constantFrom(...EIPS) }) },
  { weight: 2, arbitrary: fc.record({ address: fc.constantFrom(...ADDRESSES) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('ClusterIP') }) },
  { weight: 1, arbitrary: fc.record({ optIn: fc.constantFrom('none', false as const) }) },
  { weight: 1, arbitrary: fc.record({ eip: fc.constantFrom(...EIPS), address: fc.constantFrom(...ADDRESSES) }) },
)
const pools: fc.Arbitrary<EipOptions> = fc.record(
  {
    disable: fc.constantFrom(false, false, true),
    isDefault: fc.constantFrom(true, true, false),
    namespaces: fc.constantFrom(['default'], ['other']),
    priority: fc.integer({ min: 0, max: 3 }),
  },
  { requiredKeys: [] },
)
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('put-service' as const), name: fc.constantFrom(...SERVICES), options: wishes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete-service' as const), name: fc.constantFrom(...SERVICES) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('put-eip' as const),
      name: fc.constantFrom(...EIPS),
      address: fc.constantFrom(...RANGES),
      options: pools,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete-eip' as const), name: fc.constantFrom(...EIPS) }) },
)
const turn: fc.Arbitrary<Turn> = fc.record({
  operation,
  diesAfter: fc.integer({ min: 0, max: 6 }),
  order: fc.integer({ min: 0, max: 719 }),
})

function operate(world: World, change: Operation): void {
  switch (change.kind) {
    case 'delete-service':
      world.services.delete(change.name)
      break
    case 'delete-eip':
      world.eips.delete(change.name)
      break
    case 'put-eip': {
      const known = world.eips.get(change.name)
      // The address of an Eip cannot change; everything else can.
      const address = known?.spec.address ?? change.address
      const created = known?.metadata.creationTimestamp ?? `2026-01-01T00:00:${String(world.born++ % 60).padStart(2, '0')}Z`
      world.eips.set(change.name, eip(change.name, address, { ...change.options, created }))
      break
    }
    case 'put-service': {
      const known = world.services.get(change.name)
      const fresh = service(change.name, { ...change.options, uid: known?.metadata.uid ?? `uid-${change.name}-${world.born++}` })
      const status = known?.status !== undefined && fresh.spec.type === 'LoadBalancer' ? { status: known.status } : {}
      const { labels } = known?.metadata ?? {}
      // The API server clears the ingress of a Service that is no LoadBalancer any more, and keeps its conditions.
      const cleared =
        fresh.spec.type === 'LoadBalancer' ? {} : { status: { loadBalancer: {}, conditions: known?.status?.conditions ?? [] } }
      world.services.set(change.name, { ...fresh, metadata: { ...fresh.metadata, ...(labels && { labels }) }, ...status, ...cleared })
    }
  }
}

function patched(of: ServiceObject, desired: DesiredService): ServiceObject {
  const patch = servicePatch(of, desired, NOW)
  if (patch === undefined) return of
  const merge = (current: Readonly<Record<string, string>> | undefined, change: Readonly<Record<string, string | null>> | undefined) =>
    Object.fromEntries(Object.entries({ ...current, ...change }).filter((entry): entry is [string, string] => entry[1] !== null))
  const [change] = patch.status?.conditions ?? []
  const kept = (of.status?.conditions ?? []).filter(({ type }) => type !== change?.type)
  const conditions =
    change === undefined || '$patch' in change
      ? change === undefined
        ? (of.status?.conditions ?? [])
        : kept
      : [...kept, change as Condition]
  const ingress =
    patch.status?.loadBalancer === undefined ? of.status?.loadBalancer?.ingress : (patch.status.loadBalancer.ingress ?? undefined)
  return {
    ...of,
    metadata: {
      ...of.metadata,
      labels: merge(of.metadata.labels, patch.metadata.labels),
      annotations: merge(of.metadata.annotations, patch.metadata.annotations),
    },
    status: { loadBalancer: ingress === undefined ? {} : { ingress }, conditions },
  }
}

class Died extends Error {}

/** Carries decisions out until nothing changes. Throws Died when its writes are used up. */
function settle(world: World, order: number, writesLeft: number): void {
  let left = writesLeft
  const write = (): void => {
    if (left-- === 0) throw new Died()
  }
  const drop = (holdings: readonly { readonly claim: AddressClaimObject }[]): void => {
    for (const { claim } of holdings) {
      write()
      world.claims.delete(claim.metadata.name)
    }
  }
  for (let round = 0; round < 40; round++) {
    const before = JSON.stringify([[...world.claims], [...world.services]])
    releaseOrphans(world, drop)
    for (const name of permuted([...world.services.keys()].toSorted(), order)) perform(world, name, write, drop)
    if (JSON.stringify([[...world.claims], [...world.services]]) === before) return
  }
  throw new Error('it never comes to rest')
}

function releaseOrphans(world: World, drop: (holdings: { claim: AddressClaimObject }[]) => void): void {
  const alive = new Set([...world.services.values()].map(({ metadata }) => metadata.uid))
  for (const claim of [...world.claims.values()]) {
    if (!claim.spec.holders.some(({ uid }) => alive.has(uid))) drop([{ claim }])
  }
}

function decisionFor(world: World, of: ServiceObject): Decision {
  const ledger = createLedger()
  for (const claim of world.claims.values()) ledger.upsert(claim)
  for (const each of world.services.values()) {
    const shown = (each.status?.loadBalancer?.ingress ?? []).flatMap((entry) => (entry.ip === undefined ? [] : [ip(entry.ip)]))
    ledger.note(each.metadata.uid, shown)
  }
  const namespace = { name: 'default', labels: {} }
  return decide({
    service: of,
    namespace,
    ledger,
    pools: createPoolBook(world.eips.values()),
    remembered: [],
    settings: DEFAULT_SETTINGS,
    ownNamespace: 'openelb-system',
    obstacles: { nodeOf: () => undefined, setAsideUntil: () => undefined, isExcluded: () => false },
    released: () => [],
  })
}

function perform(world: World, name: string, write: () => void, drop: (holdings: readonly { claim: AddressClaimObject }[]) => void): void {
  for (let step = 0; step < 8; step++) {
    const of = world.services.get(name)
    if (of === undefined) return
    const decision = decisionFor(world, of)
    if (decision.kind === 'leave' || decision.kind === 'await-namespace') return
    if (decision.kind === 'claim') {
      if (world.claims.has(decision.name)) throw new Error(`chose ${decision.name}, which is held`)
      write()
      const metadata = { name: decision.name, uid: `claim-${world.born++}`, resourceVersion: '1', creationTimestamp: NOW }
      world.claims.set(decision.name, { apiVersion: 'x', kind: 'AddressClaim', metadata, spec: decision.spec })
    } else if (decision.kind === 'amend' || decision.kind === 'join') {
      write()
      const { claim } = decision.holding
      world.claims.set(claim.metadata.name, { ...claim, spec: decision.spec })
    } else {
      const next = patched(of, decision.desired)
      if (next !== of) write()
      world.services.set(name, next)
      drop(decision.drop)
      return
    }
  }
  throw new Error(`${name} does not come to rest`)
}

/** One of the orders of a list, by number. */
function permuted<T>(items: readonly T[], number: number): readonly T[] {
  const rest = [...items]
  const out: T[] = []
  let left = number
  while (rest.length > 0) {
    out.push(...rest.splice(left % rest.length, 1))
    left = Math.floor(left / (rest.length + 1))
  }
  return out
}

const shownBy = (of: ServiceObject): string => (of.status?.loadBalancer?.ingress ?? []).map((entry) => entry.ip).join(',')

/** Sentences about what is wrong at rest; none is right. */
function faults(world: World): readonly string[] {
  const found: string[] = []
  const claimOf = new Map<string, string>()
  for (const { metadata, spec } of world.claims.values()) {
    if (spec.holders.length !== 1) found.push(`${metadata.name} has ${spec.holders.length} holders`)
    for (const { uid } of spec.holders) {
      if (claimOf.has(uid)) found.push(`${uid} holds two addresses`)
      claimOf.set(uid, spec.address)
      if (![...world.services.values()].some((each) => each.metadata.uid === uid)) found.push(`${metadata.name} leaks`)
    }
  }
  for (const [name, each] of world.services) {
    const held = claimOf.get(each.metadata.uid) ?? ''
    if (shownBy(each) !== held) found.push(`${name} shows "${shownBy(each)}" and holds "${held}"`)
  }
  return found
}

/** Whether the change gave the range with one of the addresses to an Eip: who names another Eip moves to that one. */
function takesOver(change: Operation, world: World, addresses: string): boolean {
  const state = change.kind === 'put-eip' ? createPoolBook(world.eips.values()).get(change.name) : undefined
  if (state?.kind !== 'active' || addresses === '') return false
  return addresses.split(',').some((address) => poolContains(state.pool, ip(address)))
}

/** A Service that has what it asks for keeps its address through any change of others, and of Eips that it does not name. */
function strangeMoves(before: ReadonlyMap<string, ServiceObject>, world: World, change: Operation): readonly string[] {
  return [...before].flatMap(([name, was]) => {
    const now = world.services.get(name)
    const touched = change.name === name || was.metadata.annotations?.['eip.openelb.kubesphere.io/v1alpha2'] === change.name
    const content = allocatedCondition(was)?.status === 'True'
    if (now === undefined || touched || !content || shownBy(now) === shownBy(was) || takesOver(change, world, shownBy(was))) return []
    return [`${name} went from ${shownBy(was)} to "${shownBy(now)}" because of ${JSON.stringify(change)}`]
  })
}

/** A Service that asks for something it cannot have keeps what it has. */
function losses(before: ReadonlyMap<string, ServiceObject>, world: World): readonly string[] {
  return [...before].flatMap(([name, was]) => {
    const now = world.services.get(name)
    const isOurs = now?.spec.type === 'LoadBalancer' && now.metadata.annotations?.[OPT_IN] === 'openelb'
    const lost = now?.metadata.uid === was.metadata.uid && isOurs && shownBy(was) !== '' && shownBy(now) === ''
    return lost ? [`${name} lost ${shownBy(was)}`] : []
  })
}

t.test('one holder per address, no leak, no move without a cause, whatever dies when', async (t) => {
  const property = fc.property(fc.array(turn, { minLength: 8, maxLength: 20, size: 'max' }), (turns) => {
    const world: World = { services: new Map(), eips: new Map(), claims: new Map(), born: 0 }
    operate(world, { kind: 'put-eip', name: 'p', address: '10.0.0.0/30', options: { isDefault: true } })
    operate(world, { kind: 'put-eip', name: 'q', address: '10.0.1.0/31', options: {} })
    for (const { operation: change, diesAfter, order } of turns) {
      const before = new Map(world.services)
      operate(world, change)
      try {
        settle(world, order, diesAfter)
      } catch (error) {
        if (!(error instanceof Died)) throw error
        settle(world, order, Number.POSITIVE_INFINITY)
      }
      const wrong = [...faults(world), ...strangeMoves(before, world, change), ...losses(before, world)]
      if (wrong.length > 0) throw new Error(wrong.join('\n'))
    }
  })
  fc.assert(property, { numRuns: 150 })
  t.pass('150 random lives')
})

t.test('the same facts give the same choice', async (t) => {
  const world: World = {
    services: new Map(),
    eips: new Map([
      ['p', eip('p', '10.0.0.0/30')],
      ['q', eip('q', '10.0.1.0/30', { namespaces: ['default'] })],
    ]),
    claims: new Map(),
    born: 0,
  }
  const of = service('a')
  t.same(
    decisionFor(world, of),
    decisionFor({ ...world, eips: new Map([...world.eips].toReversed()) }, of),
    'the order of Eips does not matter',
  )
})

t.test('the ledger agrees with a plain list', async (t) => {
  const step = fc.record({ at: fc.integer({ min: 0, max: 15 }), take: fc.boolean() })
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const ledger = createLedger()
    const model = new Set<number>()
    const range = { family: 'IPv4', first: 0x0a00_0000n, last: 0x0a00_000fn } as const
    for (const { at, take } of steps) {
      const address = formatIp({ family: 'IPv4', value: range.first + BigInt(at) })
      const metadata = { name: address, uid: `u-${at}`, resourceVersion: '1', creationTimestamp: NOW }
      if (take)
        ledger.upsert({ apiVersion: 'x', kind: 'AddressClaim', metadata, spec: { address, eip: 'p', protocol: 'bgp', holders: [] } })
      else ledger.remove(address, `u-${at}`)
      if (take) model.add(at)
      else model.delete(at)
      const free = Array.from({ length: 16 }, (_, index) => index).find((index) => !model.has(index))
      const found = ledger.firstFree(range)
      if ((found === undefined ? undefined : Number(found.value - range.first)) !== free)
        throw new Error(`free is ${free}, not ${found?.value}`)
      if (ledger.size !== model.size || ledger.countIn('p') !== model.size) throw new Error('sizes differ')
    }
  })
  fc.assert(property, { numRuns: 200 })
  t.pass('200 histories')
})
