/**
 * A small cluster in one thread: an API server, two allocators with watches of their own, people, and bad luck. Nothing happens by
 * itself: each step of the world lets one thing happen, chosen by a seed, so that a seed repeats everything.
 */
import { ApiError } from '../../../src/kube/client.ts'
import type { Random } from '../support/random.ts'
import { type Api, COLLECTIONS, createApi } from './api.ts'
import { createModel, type Model } from './model.ts'
import { beginTerm, createProcess, createProcessClock, type Fate, type Process, type Request } from './process.ts'
import { deed, labelNamespace, NAMESPACES } from './users.ts'

/** A Lease lasts this long; whoever takes over has waited for it. */
const LEASE_MS = 15_000
const START_MS = Date.UTC(2026, 0, 1)
/** Wall clocks of two machines. */
const SKEW_MS = [0, 3_000] as const

type Following = ReturnType<typeof createProcess>
type Slot = 0 | 1

export interface World {
  readonly api: Api
  readonly model: Model
  readonly log: string[]
  readonly nowMs: number
  /** Writes of allocators to Services and claims until now. */
  readonly writes: number
  /** One operation: a deed of people or a stroke of bad luck, and a few things that follow from what went before. */
  operate(random: Random): Promise<void>
  /** Lets everything come to its end, with nobody to disturb it. False when it never ends. */
  rest(random: Random): Promise<boolean>
  /** The other allocator takes over, without any trouble. */
  handOver(random: Random): Promise<void>
}

/** All microtasks that can run do, before the next thing happens. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const FATES: readonly Fate[] = ['unanswered', 'lost', 'refused', 'conflict', 'late']
/** Nothing that comes to rest takes longer. */
const MOST_EVENTS = 2000

export function createWorld(): World {
  let nowMs = START_MS
  let writes = 0
  let born = 0
  const log: string[] = []
  const processes: (Following | undefined)[] = [undefined, undefined]
  /** Requests whose sender is gone or does not wait any more, still on their way. */
  const strays: Request[] = []
  let leader: Slot | undefined
  const nowText = (): string => new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z')
  const api: Api = createApi((change) => {
    if (change.collection === 'services' || change.collection === 'claims') writes++
    model.onChange(change)
    for (const process of processes) process?.follow(change)
  })
  const model = createModel(api)
  const say = (text: string): void => void log.push(`${api.revision} +${((nowMs - START_MS) / 1000).toFixed(1)} ${text}`)
  const living = (): Following[] => processes.filter((process) => process !== undefined)
  const awake = (): Following[] => living().filter(({ paused }) => !paused)

  function start(slot: Slot): void {
    const clock = createProcessClock(() => nowMs, SKEW_MS[slot])
    processes[slot] = createProcess({ name: `allocator-${++born}`, api, clock })
    say(`${processes[slot].name} starts`)
  }

  function lead(slot: Slot): void {
    const process = processes[slot]
    if (process === undefined) return
    leader = slot
    say(`${process.name} leads`)
    model.onTerm(process)
    beginTerm(
      process,
      api,
      (request, intent) => {
        say(`  ${process.name}: ${request.says}`)
        model.onSend(process, intent)
      },
      nowText,
    )
  }

  /** The term ends: whoever waits for an answer waits no more, and the requests go on. */
  function endTerm(process: Process): void {
    const { term, session } = process
    process.term = undefined
    process.session = undefined
    term?.abort(new Error('the Lease is lost'))
    void session?.close()
    for (const request of process.requests.splice(0)) {
      request.settle?.({ error: new ApiError('the term is over', { status: 0, reason: 'Aborted' }) })
      request.settle = undefined
      strays.push(request)
    }
  }

  function kill(slot: Slot): void {
    const process = processes[slot]
    if (process === undefined) return
    say(`${process.name} is killed`)
    processes[slot] = undefined
    for (const request of process.requests.splice(0)) strays.push({ ...request, settle: undefined })
    process.knowledge.listen(undefined)
    if (leader === slot) leader = undefined
  }

  /** The server carries a request out, or not, and the answer goes its way. */
  function serve(request: Request, fate: Fate): void {
    const { settle: answer, says } = request
    if (fate !== 'answered') say(`  ${request.process.name}: ${fate}: ${says}`)
    if (fate === 'late') strays.push({ ...request, settle: undefined })
    const outcome = fate === 'answered' || fate === 'unanswered' ? carryOut(request) : { error: errorOf(fate) }
    request.settle = undefined
    answer?.(fate === 'unanswered' ? { error: errorOf(fate) } : outcome)
  }

  function carryOut(request: Request): { readonly value: unknown } | { readonly error: unknown } {
    try {
      return { value: request.perform() }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      say(`  ${request.process.name}: ${error.reason}: ${request.says}`)
      return { error }
    }
  }

  /** One thing that is under way goes on; false when nothing is. */
  function event(random: Random, trouble: number): boolean {
    let total = strays.length
    const actors = awake()
    for (const { queues, requests } of actors) {
      total += requests.length
      for (const collection of COLLECTIONS) if (queues[collection].length > 0) total++
    }
    if (total === 0) return false
    let at = random.below(total)
    for (const process of actors) {
      for (const collection of COLLECTIONS) {
        if (process.queues[collection].length > 0 && at-- === 0) {
          process.deliver(collection)
          return true
        }
      }
      if (at < process.requests.length) {
        const [request] = process.requests.splice(at, 1)
        if (request !== undefined) serve(request, fateOf(request, random, trouble))
        return true
      }
      at -= process.requests.length
    }
    const [stray] = strays.splice(at, 1)
    if (stray !== undefined && random.below(100) < 60) {
      say(`  ${stray.process.name}: late: ${stray.says}`)
      carryOut(stray)
    }
    return true
  }

  /** Moves the clocks on, and fires what falls due in processes that run. */
  async function pass(ms: number, random: Random, isCalm = false): Promise<void> {
    const untilMs = nowMs + ms
    for (;;) {
      let next: { readonly dueMs: number; readonly fn: () => void } | undefined
      let of: Process | undefined
      for (const process of awake()) {
        for (const timer of process.clock.timers) {
          if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) {
            next = timer
            of = process
          }
        }
      }
      if (next === undefined || of === undefined) break
      of.clock.timers.delete(next)
      nowMs = Math.max(nowMs, next.dueMs)
      next.fn()
      await settle()
      if (isCalm && !(await drain(random))) return
    }
    nowMs = Math.max(nowMs, untilMs)
  }

  async function drain(random: Random): Promise<boolean> {
    for (let count = 0; count < MOST_EVENTS && model.broken.length === 0; count++) {
      if (!event(random, 0)) return true
      await settle()
    }
    return false
  }

  /** A leader that is paused past its Lease, and another one that leads meanwhile. */
  async function pauseLeader(random: Random): Promise<void> {
    const process = leader === undefined ? undefined : processes[leader]
    if (process === undefined || leader === undefined || process.paused) return
    process.paused = true
    say(`${process.name} is paused`)
    const other = (1 - leader) as Slot
    leader = undefined
    await pass(LEASE_MS, random)
    if (processes[other]?.paused === true) await resume(other, random)
    if (processes[other] === undefined) start(other)
    await settle()
    lead(other)
    await settle()
  }

  /** It goes on where it was, and learns only after a while that it leads no more. */
  async function resume(slot: Slot, random: Random): Promise<void> {
    const process = processes[slot]
    if (process?.paused !== true) return
    say(`${process.name} goes on`)
    process.paused = false
    for (let count = random.below(12); count > 0 && process.term !== undefined; count--) {
      step(process, random)
      await settle()
    }
    if (process.term !== undefined && leader !== slot) endTerm(process)
    await settle()
    await pass(0, random)
  }

  /** One thing of this process alone. */
  function step(process: Following, random: Random): void {
    const collections = COLLECTIONS.filter((collection) => process.queues[collection].length > 0)
    const request = process.requests.length > 0 ? process.requests[random.below(process.requests.length)] : undefined
    if (request !== undefined && (collections.length === 0 || random.below(2) === 0)) {
      process.requests.splice(process.requests.indexOf(request), 1)
      serve(request, 'answered')
    } else if (collections.length > 0) process.deliver(random.pick(collections))
  }

  async function misfortune(random: Random): Promise<void> {
    const slot = random.below(2) as Slot
    const dice = random.below(10)
    const process = processes[slot]
    if (dice < 3) return pauseLeader(random)
    if (dice < 5) return resume(slot, random)
    if (dice < 8) {
      const victim = leader !== undefined && random.below(3) > 0 ? leader : slot
      const wasLeader = leader === victim
      kill(victim)
      await pass(wasLeader ? LEASE_MS : 0, random)
      return
    }
    const collection = random.pick(COLLECTIONS)
    if (process === undefined) return
    say(`${process.name} loses its watch of ${collection}`)
    process.queues[collection].length = 0
    process.queues[collection].push('relist')
  }

  /** Whoever can lead does, when nobody does. */
  async function elect(random: Random): Promise<void> {
    for (const slot of [0, 1] as const) if (processes[slot] === undefined) start(slot)
    await settle()
    if (leader !== undefined) return
    const able = ([0, 1] as const).filter((slot) => processes[slot]?.paused === false)
    if (able.length === 0) return
    lead(random.pick(able))
    await settle()
  }

  async function rest(random: Random): Promise<boolean> {
    say('rest')
    for (const slot of [0, 1] as const) await resume(slot, random)
    await elect(random)
    await settle()
    if (!(await drain(random))) return false
    // Past the longest backoff, and two looks of the audit.
    await pass(REST_MS, random, true)
    return drain(random)
  }

  const cast = (random: Random) => ({ api, random, now: nowText })
  return {
    api,
    model,
    log,
    get nowMs() {
      return nowMs
    },
    get writes() {
      return writes
    },
    async operate(random) {
      if (api.namespaces.size === 0) for (const name of NAMESPACES) labelNamespace(cast(random), name)
      if (random.below(100) < 6) await misfortune(random)
      else say(deed(cast(random)))
      if (random.below(100) < 50) await elect(random)
      for (let count = random.below(random.below(4) === 0 ? 60 : 12); count > 0; count--) {
        if (!event(random, 6)) break
        await settle()
      }
      await pass(random.pick([0, 1, 20, 100, 1000, 1500]), random)
    },
    rest,
    async handOver(random) {
      const from = leader
      const process = from === undefined ? undefined : processes[from]
      if (process === undefined) return
      endTerm(process)
      leader = undefined
      await settle()
      lead((1 - (from ?? 0)) as Slot)
      await settle()
      await drain(random)
      await pass(TAKEOVER_MS, random, true)
    },
  }
}

const REST_MS = 135_000
/** Longer than the pause between two writes of one Eip's status. */
const TAKEOVER_MS = 3000

/** Reads may fail as well; only what names a version can lose a race. */
function fateOf({ intent }: Request, random: Random, trouble: number): Fate {
  if (random.below(100) >= trouble) return 'answered'
  const fate = random.pick(FATES)
  if (intent.kind === 'read') return fate === 'conflict' || fate === 'late' ? 'lost' : fate
  return fate === 'conflict' && intent.kind === 'claim' ? 'refused' : fate
}

function errorOf(fate: Fate): ApiError {
  if (fate === 'conflict') return new ApiError('somebody else wrote first', { status: 409, reason: 'Conflict' })
  if (fate === 'refused') return new ApiError('try again', { status: 500, reason: 'InternalError' })
  return new ApiError('no answer', { status: 0, reason: 'Timeout' })
}
