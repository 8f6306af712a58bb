import fc from 'fast-check'
import t from 'tap'
import type { EipObject } from '../../src/api/eip.ts'
import { ApiError } from '../../src/kube/client.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { reviewEip } from '../../src/webhook/admit/eip.ts'
import {
  type AdmissionFacts,
  createSightings,
  formatReservations,
  hasRoom,
  isPending,
  NAME_TAKEN_MS,
  parseReservations,
  RESERVATION_MS,
  type Reservation,
  type Reservations,
  SKEW_MS,
} from '../../src/webhook/reservations.ts'
import { createSerialAdmission, type EipAdmissionStore } from '../../src/webhook/store.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'
import { DEFAULT_EIP, eipObject } from '../support/policy-objects.ts'

const request = (operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT', object: unknown, oldObject?: unknown) => ({
  uid: 'r',
  operation,
  object,
  oldObject,
})

const LAYER2 = { address: '10.0.0.1', protocol: 'layer2', interface: 'eth0' } as const

t.test('what needs no look at other Eips', async (t) => {
  const eip = eipObject('e', LAYER2)
  const review = (about: Parameters<typeof reviewEip>[0]) => reviewEip(about, [])
  const kind = (result: ReturnType<typeof reviewEip>) => {
    if (result.kind === 'serial') return ['serial', ...result.warnings].join(' ')
    return result.answer.allowed ? ['allowed', ...result.answer.warnings].join(' ') : result.answer.message.split(': ')[0]
  }
  t.equal(kind(review(request('CREATE', eip))), 'serial')
  t.equal(kind(review(request('CREATE', eipObject('e', 'xxxx')))), 'invalid eip address format')
  t.equal(kind(review(request('CREATE', { ...eip, spec: { address: 7 } }))), 'the Eip cannot be read')
  t.equal(kind(review(request('CREATE', 'junk'))), 'the Eip cannot be read')
  t.equal(kind(review(request('UPDATE', { ...eip, spec: { ...eip.spec, disable: true } }, eip))), 'allowed')
  t.equal(kind(review(request('UPDATE', eipObject('e', LAYER2, { annotations: DEFAULT_EIP }), eip))), 'serial')
  t.equal(
    kind(review(request('UPDATE', eipObject('e', { ...LAYER2, addresses: ['10.0.1.0/24'] }), eip))),
    'serial',
    'it gets more addresses',
  )
  t.match(kind(review(request('UPDATE', eipObject('e', { ...LAYER2, exclude: ['10.0.0.1'] }), eip))), /^allowed the Eip gives no address/)
  t.match(kind(review(request('CREATE', eipObject('e', { ...LAYER2, protocol: 'vip' })))), /^serial spec\.protocol is vip: /)
  t.equal(kind(review(request('UPDATE', eipObject('e', 'bad', { deleting: true }), eip))), 'allowed')
  t.equal(kind(review(request('DELETE', null, eip))), 'allowed')
  t.equal(kind(review(request('DELETE', null, 'junk'))), 'allowed')
  t.match(kind(review(request('DELETE', null, { ...eip, status: { usage: 1 } }))), /^allowed 1 address of Eip e stay/)
  t.equal(kind(review(request('CONNECT', null))), 'allowed')
})

t.test('reservations', async (t) => {
  const reservation: Reservation = { name: 'a', range: '10.0.0.1', default: false, uid: 'u', expires: 1000 }
  const entries: Reservations = new Map([
    ['r', reservation],
    ['s', { ...reservation, replaces: '7' }],
  ])
  t.same(parseReservations(formatReservations(entries)), { entries, bad: [] })
  t.same(parseReservations(undefined), { entries: new Map(), bad: [] })
  t.same([...parseReservations({ x: '{', y: '{}', z: JSON.stringify(reservation) }).entries.keys()], ['z'])
  const stored = (uid: string, resourceVersion: string) => [eipObject('a', '10.0.0.1', { uid, resourceVersion })]
  const pending = (over: Partial<Reservation>, facts: Partial<AdmissionFacts>) =>
    isPending('r', { ...reservation, ...over }, { stored: [], deleted: new Set(), nowMs: 0, ageMs: () => 0, ...facts })
  const aged = (age: number) => ({ ageMs: () => age })
  t.ok(pending({}, {}), 'not stored yet')
  t.ok(pending({}, { ...aged(RESERVATION_MS - 1), nowMs: 1000 }), 'expired by a clock that may be wrong, and not by our own')
  t.notOk(pending({}, aged(RESERVATION_MS)), 'expired')
  t.notOk(pending({}, { nowMs: 1000 + SKEW_MS }), 'expired long ago: nobody need have seen it since')
  t.notOk(pending({}, { stored: stored('u', '1') }), 'stored')
  t.ok(pending({}, { stored: stored('other', '1') }), 'one of its name, which may be on its way out')
  t.notOk(pending({}, { ...aged(NAME_TAKEN_MS), stored: stored('other', '1') }), 'the name was taken by another one')
  t.notOk(pending({}, { deleted: new Set(['u']) }), 'stored and deleted')
  t.ok(pending({ replaces: '7' }, { stored: stored('u', '7') }), 'the change is on its way')
  t.notOk(pending({ replaces: '7' }, { stored: stored('u', '8') }), 'the change is stored, or lost to another one')
  t.notOk(pending({ replaces: '7' }, {}), 'the Eip is gone')
})

t.test('the room for reservations has an end', async (t) => {
  const of = (count: number, range: string): Reservations =>
    new Map(Array.from({ length: count }, (_, at) => [`r${at}`, { name: `e${at}`, range, default: false, uid: `u${at}`, expires: 1000 }]))
  t.ok(hasRoom(of(256, '10.0.0.1')))
  t.notOk(hasRoom(of(257, '10.0.0.1')))
  t.ok(hasRoom(of(64, 'x'.repeat(6000))))
  t.notOk(hasRoom(of(128, 'x'.repeat(6000))), 'long before the megabyte of a ConfigMap')
})

t.test('sightings', async (t) => {
  const clock = createManualClock()
  const sightings = createSightings(clock.monotonicMs)
  const of = (...keys: readonly string[]): Reservations =>
    new Map(keys.map((key) => [key, { name: key, range: '', default: false, uid: key, expires: 0 }]))
  sightings.look(of('a'))
  await clock.advance(500)
  sightings.look(of('a', 'b'))
  await clock.advance(100)
  t.same(['a', 'b', 'c'].map(sightings.ageMs), [600, 100, 0])
  sightings.look(of('b'))
  sightings.look(of('a', 'b'))
  t.same(['a', 'b'].map(sightings.ageMs), [0, 100], 'what went and came again is new')
})

interface World {
  readonly clock: ManualClock
  readonly stored: Map<string, EipObject>
  readonly deleted: Set<string>
  data: Record<string, string> | undefined
  version: number
  writes: number
  /** Called before each step of a replica; may wait or throw. */
  before: (step: 'read' | 'list' | 'write') => Promise<void>
}

const createWorld = (): World => ({
  clock: createManualClock(1_000_000),
  stored: new Map(),
  deleted: new Set(),
  data: undefined,
  version: 0,
  writes: 0,
  before: async () => undefined,
})

/** One replica of the webhook over a shared world: what the API server would do, in a Map. */
function replica(world: World, seed = 0.5, skewMs = 0) {
  const store: EipAdmissionStore = {
    async read() {
      await world.before('read')
      return { ...parseReservations(world.data), version: world.data === undefined ? undefined : String(world.version) }
    },
    async listEips() {
      await world.before('list')
      return [...world.stored.values()]
    },
    async write(entries, version) {
      await world.before('write')
      if (version !== (world.data === undefined ? undefined : String(world.version))) return 'conflict'
      world.data = formatReservations(entries)
      world.version++
      world.writes++
      return 'written'
    },
  }
  const retries: string[] = []
  const admit = createSerialAdmission({
    store,
    clock: { ...world.clock, nowMs: () => world.clock.nowMs() + skewMs },
    random: () => seed,
    logger: silentLogger,
    deleted: () => world.deleted,
    onRetry: (why) => retries.push(why),
  })
  return { admit, retries }
}

let uids = 0
/** Admits a creation and, when it is allowed, stores the object as the API server does. */
async function create(
  world: World,
  { admit }: ReturnType<typeof replica>,
  eip: EipObject,
  { stores = true, dryRun = false } = {},
): Promise<string> {
  uids++
  const object = { ...eip, metadata: { ...eip.metadata, uid: `o${uids}` } }
  const answer = await admit({ uid: `r${uids}`, eip: object, before: undefined, dryRun }, { budgetMs: 4000 })
  if (!answer.allowed) return answer.message
  if (stores && !dryRun) world.stored.set(object.metadata.name, object)
  return 'admitted'
}

/** Lets the manual clock run until the promise is settled. */
async function finish<T>(world: World, promise: Promise<T>): Promise<T> {
  let done = false
  const settled = promise.finally(() => {
    done = true
  })
  for (let at = 0; at < 2000 && !done; at++) await world.clock.advance(10)
  return settled
}

t.test('one after the other', async (t) => {
  const world = createWorld()
  const one = replica(world)
  t.equal(await finish(world, create(world, one, eipObject('a', '10.0.0.0/28'))), 'admitted')
  t.match(await finish(world, create(world, one, eipObject('b', '10.0.0.15'))), /^eip address overlap with a: use addresses/)
  t.equal(await finish(world, create(world, one, eipObject('b', '10.0.0.16'))), 'admitted')
  t.equal(await finish(world, create(world, one, eipObject('d', '10.1.0.1', { annotations: DEFAULT_EIP }))), 'admitted')
  t.match(
    await finish(world, create(world, one, eipObject('f', '10.1.0.2', { annotations: DEFAULT_EIP }))),
    /^already exists a default EIP: it is d/,
  )
  const entries = parseReservations(world.data).entries
  t.same(
    [...entries.values()].map(({ name }) => name),
    ['d'],
    'what is stored is not reserved any more',
  )
})

t.test('a dry run writes nothing', async (t) => {
  const world = createWorld()
  t.equal(await finish(world, create(world, replica(world), eipObject('a', '10.0.0.1'), { dryRun: true })), 'admitted')
  t.equal(world.data, undefined)
})

t.test('an admitted Eip that never comes holds others up for half a minute at most', async (t) => {
  const world = createWorld()
  const one = replica(world)
  t.equal(await finish(world, create(world, one, eipObject('ghost', '10.0.0.1'), { stores: false })), 'admitted')
  const started = world.clock.nowMs()
  t.match(
    await finish(world, create(world, one, eipObject('a', '10.0.0.1'))),
    /^eip address overlap with ghost: that one is being stored at this moment; try again/,
  )
  t.ok(world.clock.nowMs() - started <= 2100, 'the answer comes in time')
  t.equal(
    await finish(world, create(world, one, eipObject('ghost', '10.0.0.1'), { stores: false })),
    'admitted',
    'its own name is no rival',
  )
  await world.clock.advance(RESERVATION_MS)
  t.equal(await finish(world, create(world, one, eipObject('a', '10.0.0.1'))), 'admitted')
})

t.test('clocks that differ by a minute let nobody through, and nobody wait longer', async (t) => {
  for (const skewMs of [-59_000, 59_000]) {
    const world = createWorld()
    const [right, wrong] = [replica(world), replica(world, 0.5, skewMs)]
    t.equal(await finish(world, create(world, right, eipObject('ghost', '10.0.0.1'), { stores: false })), 'admitted')
    t.match(await finish(world, create(world, wrong, eipObject('a', '10.0.0.1'))), /overlap with ghost: that one is being stored/)
    t.equal(await finish(world, create(world, wrong, eipObject('ghost-2', '10.0.0.2'), { stores: false })), 'admitted')
    t.match(await finish(world, create(world, right, eipObject('b', '10.0.0.2'))), /overlap with ghost-2: that one is being stored/)
    await world.clock.advance(RESERVATION_MS)
    t.equal(await finish(world, create(world, wrong, eipObject('a', '10.0.0.1'))), 'admitted')
    t.equal(await finish(world, create(world, right, eipObject('b', '10.0.0.2'))), 'admitted')
  }
})

t.test('an Eip that is created again under its name, while the old one is still there, is respected', async (t) => {
  const world = createWorld()
  const one = replica(world)
  t.equal(await finish(world, create(world, one, eipObject('a', '10.0.0.1'))), 'admitted')
  // The list shows the old one; by the time of the write it is gone.
  t.equal(await finish(world, create(world, one, eipObject('a', '10.0.0.2'), { stores: false })), 'admitted')
  const b = create(world, one, eipObject('b', '10.0.0.2'))
  await world.clock.advance(20)
  world.stored.clear()
  world.stored.set('a', eipObject('a', '10.0.0.2', { uid: `o${uids - 1}` }))
  t.match(await finish(world, b), /^eip address overlap with a: use addresses/)
  t.equal(
    await finish(world, create(world, one, eipObject('a', '10.0.0.3'), { stores: false })),
    'admitted',
    'the API server says that it exists',
  )
  t.equal(await finish(world, create(world, one, eipObject('c', '10.0.0.3'))), 'admitted', 'and nobody waits longer than a moment')
})

t.test('when there is no room for a reservation, the request waits for one, and is then told', async (t) => {
  const world = createWorld()
  const one = replica(world)
  const many = Array.from({ length: 256 }, (_, at) => [
    `r-${at}`,
    { name: `ghost-${at}`, range: `10.1.0.${at}`, default: false, uid: `g${at}`, expires: world.clock.nowMs() + RESERVATION_MS },
  ])
  world.data = formatReservations(new Map(many as [string, Reservation][]))
  t.match(await finish(world, create(world, one, eipObject('a', '10.0.0.1'))), /^too many Eips are being stored at this moment: try again/)
  await world.clock.advance(RESERVATION_MS)
  t.equal(await finish(world, create(world, one, eipObject('a', '10.0.0.1'))), 'admitted')
})

t.test('an Eip gets more addresses', async (t) => {
  const world = createWorld()
  const [one, two] = [replica(world, 0.1), replica(world, 0.9)]
  await finish(world, create(world, one, eipObject('a', '10.0.0.1')))
  await finish(world, create(world, one, eipObject('b', '10.0.0.2')))
  const grow = async (name: string, by: ReturnType<typeof replica>, stores = true): Promise<string> => {
    const before = world.stored.get(name)
    if (before === undefined) throw new Error('not stored')
    const version = `${Number(before.metadata.resourceVersion) + 1}`
    const eip = {
      ...before,
      metadata: { ...before.metadata, resourceVersion: version },
      spec: { ...before.spec, addresses: ['10.0.9.0/24'] },
    }
    const answer = await by.admit({ uid: `g-${name}`, eip, before, dryRun: false }, { budgetMs: 4000 })
    if (answer.allowed && stores) world.stored.set(name, eip)
    return answer.allowed ? 'admitted' : answer.message
  }
  const both = await finish(world, Promise.all([grow('a', one), grow('b', two)]))
  t.equal(both.filter((answer) => answer === 'admitted').length, 1, both.join(' | '))
  t.match(
    both.find((answer) => answer !== 'admitted'),
    /^eip address overlap with [ab]: /,
  )
  t.match(await finish(world, create(world, one, eipObject('c', '10.0.9.7'))), /^eip address overlap with [ab]: /)
  t.equal(await finish(world, create(world, one, eipObject('d', '10.0.8.7'))), 'admitted')
})

t.test('an Eip that was created and deleted a moment ago holds nobody up', async (t) => {
  const world = createWorld()
  const one = replica(world)
  t.equal(await finish(world, create(world, one, eipObject('a', '10.0.0.1'))), 'admitted')
  world.stored.clear()
  const waiting = create(world, one, eipObject('b', '10.0.0.1'))
  await world.clock.advance(50)
  world.deleted.add(`o${uids - 1}`)
  t.equal(await finish(world, waiting), 'admitted', 'as soon as the watch tells of the deletion')
})

t.test('an Eip becomes the default', async (t) => {
  const world = createWorld()
  const one = replica(world)
  await finish(world, create(world, one, eipObject('a', '10.0.0.1')))
  await finish(world, create(world, one, eipObject('b', '10.0.0.2')))
  const become = async (name: string, stores = true): Promise<string> => {
    const before = world.stored.get(name)
    if (before === undefined) throw new Error('not stored')
    const eip = {
      ...before,
      metadata: { ...before.metadata, annotations: DEFAULT_EIP, resourceVersion: `${Number(before.metadata.resourceVersion) + 1}` },
    }
    const answer = await one.admit({ uid: `d-${name}`, eip, before, dryRun: false }, { budgetMs: 4000 })
    if (answer.allowed && stores) world.stored.set(name, eip)
    return answer.allowed ? 'admitted' : answer.message
  }
  t.equal(await finish(world, become('a', false)), 'admitted')
  t.match(await finish(world, become('b')), /^already exists a default EIP: a; that one is being stored at this moment/)
  const lost = world.stored.get('a')
  if (lost !== undefined) world.stored.set('a', { ...lost, metadata: { ...lost.metadata, resourceVersion: '9' } })
  t.equal(await finish(world, become('b')), 'admitted', 'the first change lost to another write')
  t.match(await finish(world, become('a')), /^already exists a default EIP: it is b/)
})

t.test('errors of the API server', async (t) => {
  const failing = async (error: ApiError, times: number): Promise<string> => {
    const world = createWorld()
    let left = times
    world.before = async () => {
      if (left-- > 0) throw error
    }
    return finish(world, create(world, replica(world), eipObject('a', '10.0.0.1')))
  }
  t.equal(await failing(new ApiError('no answer', { status: 0, reason: 'Timeout' }), 3), 'admitted', 'a few are tried again')
  t.equal(await failing(new ApiError('busy', { status: 429, reason: 'TooManyRequests' }), 3), 'admitted')
  t.match(
    await failing(new ApiError('no answer', { status: 0, reason: 'Timeout' }), 1e9),
    /^the Eip cannot be compared with the other Eips, no answer: try again in a few seconds/,
  )
  t.match(await failing(new ApiError('forbidden', { status: 403, reason: 'Forbidden' }), 1e9), /cannot be compared .* forbidden/)
  const world = createWorld()
  world.before = async (step) => {
    if (step === 'write') world.version++
    world.data ??= {}
  }
  t.match(
    await finish(world, create(world, replica(world), eipObject('a', '10.0.0.1'))),
    /too many Eips are created at this moment/,
    'somebody else always wins',
  )
})

t.test('an API server that is slow at every request leaves the answer within the deadline', async (t) => {
  const clock = createManualClock()
  const asked: number[] = []
  /** Answers after 3 s, or gives up as the client does at its time limit. */
  const slow = async (timeoutMs: number): Promise<void> => {
    asked.push(timeoutMs)
    await clock.sleep(Math.min(timeoutMs, 3000))
    if (timeoutMs < 3000) throw new ApiError('no answer', { status: 0, reason: 'Timeout' })
  }
  const store: EipAdmissionStore = {
    read: (timeoutMs) => slow(timeoutMs).then(() => ({ entries: new Map(), version: undefined })),
    listEips: (timeoutMs) => slow(timeoutMs).then(() => []),
    write: (_entries, _version, timeoutMs) => slow(timeoutMs).then(() => 'written' as const),
  }
  const options = { store, clock, random: () => 0.5, logger: silentLogger, deleted: () => new Set<string>(), onRetry: () => undefined }
  const admit = createSerialAdmission(options)
  let answeredAtMs: number | undefined
  const answer = admit({ uid: 'r', eip: eipObject('a', '10.0.0.1'), before: undefined, dryRun: false }, { budgetMs: 4000 })
  void answer.then(() => {
    answeredAtMs = clock.monotonicMs()
  })
  await clock.advance(20_000)
  t.same(asked, [4000, 1000], 'each request may take what is left')
  t.equal(answeredAtMs, 4000)
  t.match(await answer, { allowed: false, message: /no answer: try again/ })
})

t.test('of overlapping Eips one is admitted, whatever the replicas do meanwhile', async (t) => {
  const step = fc.record({
    replica: fc.nat(2),
    delayMs: fc.integer({ min: 0, max: 40 }),
    from: fc.integer({ min: 0, max: 9 }),
    span: fc.integer({ min: 0, max: 4 }),
    dflt: fc.boolean(),
  })
  const result = await fc.check(
    fc.asyncProperty(
      fc.array(step, { minLength: 2, maxLength: 12 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 15 })),
      async (steps, waits) => {
        const world = createWorld()
        world.before = () => world.clock.sleep(waits.next().value as number)
        const replicas = [0.1, 0.5, 0.9].map((seed) => replica(world, seed))
        const all = steps.map(async ({ replica: at, delayMs, from, span, dflt }, index) => {
          await world.clock.sleep(delayMs)
          const own = replicas[at]
          if (own === undefined) throw new Error('no replica')
          const options = dflt ? { annotations: DEFAULT_EIP } : {}
          return create(world, own, eipObject(`e${index}`, `10.0.0.${from}-10.0.0.${from + span}`, options))
        })
        await finish(world, Promise.all(all))
        const stored = [...world.stored.values()]
        const taken = stored.flatMap(({ spec }) => {
          const [first = 0, last = 0] = spec.address.split('-').map((ip) => Number(ip.split('.')[3]))
          return Array.from({ length: last - first + 1 }, (_, at) => first + at)
        })
        const defaults = stored.filter(({ metadata }) => metadata.annotations !== undefined)
        return stored.length > 0 && new Set(taken).size === taken.length && defaults.length <= 1
      },
    ),
    { numRuns: 60 },
  )
  t.notOk(result.failed, String(fc.defaultReportMessage(result)))
})

t.test('of Eips that are created and enlarged at once no two ever have an address in common', async (t) => {
  const step = fc.record({
    replica: fc.nat(2),
    delayMs: fc.integer({ min: 0, max: 40 }),
    of: fc.nat(5),
    creates: fc.boolean(),
    from: fc.integer({ min: 0, max: 9 }),
    span: fc.integer({ min: 0, max: 3 }),
  })
  const octets = ({ spec }: EipObject): readonly number[] =>
    (spec.addresses ?? []).flatMap((text) => {
      const [first = 0, last = 0] = text.split('-').map((ip) => Number(ip.split('.')[3]))
      return Array.from({ length: last - first + 1 }, (_, at) => first + at)
    })
  /** As the API server does: a change of a version that is no longer the stored one is refused. */
  const write = (world: World, eip: EipObject, before: EipObject | undefined): void => {
    if (world.stored.get(eip.metadata.name)?.metadata.resourceVersion === before?.metadata.resourceVersion)
      world.stored.set(eip.metadata.name, eip)
  }
  const result = await fc.check(
    fc.asyncProperty(
      fc.array(step, { minLength: 2, maxLength: 14 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 15 })),
      async (steps, waits) => {
        const world = createWorld()
        world.before = () => world.clock.sleep(waits.next().value as number)
        const replicas = [0.1, 0.5, 0.9].map((seed, at) => replica(world, seed, (at - 1) * 40_000))
        let enlarged = 0
        for (let at = 0; at < 3; at++) world.stored.set(`e${at}`, eipObject(`e${at}`, `10.1.0.${at}`, { uid: `e${at}` }))
        const all = steps.map(async ({ replica: at, delayMs, of, creates, from, span }, index) => {
          await world.clock.sleep(delayMs)
          const name = creates ? `new${index}` : `e${of}`
          const before = world.stored.get(name)
          if (!creates && before === undefined) return
          const version = `${Number(before?.metadata.resourceVersion ?? 0) + 1}`
          const plain = before ?? eipObject(name, `10.1.1.${index}`, { uid: `n${index}` })
          const spec = { ...plain.spec, addresses: [`10.0.0.${from}-10.0.0.${from + span}`] }
          const eip = { ...plain, metadata: { ...plain.metadata, resourceVersion: version }, spec }
          const answer = await replicas[at]?.admit({ uid: `q${index}`, eip, before, dryRun: false }, { budgetMs: 4000 })
          if (answer?.allowed !== true) return
          await world.clock.sleep(waits.next().value as number)
          enlarged++
          write(world, eip, before)
        })
        await finish(world, Promise.all(all))
        const taken = [...world.stored.values()].flatMap(octets)
        const asked = steps.some(({ creates, of }) => creates || of < 3)
        return new Set(taken).size === taken.length && (!asked || enlarged > 0)
      },
    ),
    { numRuns: 80 },
  )
  t.notOk(result.failed, String(fc.defaultReportMessage(result)))
})
