import process from 'node:process'
import { parentPort, workerData } from 'node:worker_threads'
import { createFence, type Fence, monotonicMs } from '../fence.ts'
import { createMembershipSockets, type MembershipSockets } from '../io/membership-sockets.ts'
import { createMembershipCounters, type MembershipCounters } from './counters.ts'
import type { Effect } from './effect.ts'
import type { FromMembership, MembershipStart, ToMembership } from './message.ts'
import { createProtocol, type Protocol } from './protocol.ts'

/**
 * The thread of membership: an event loop of its own with the sockets, so that nothing the main thread does delays a heartbeat. It decides
 * nothing; ./protocol.ts does.
 */
interface Thread {
  readonly protocol: Protocol
  readonly sockets: MembershipSockets
  readonly counters: MembershipCounters
  readonly fence: Fence
  timer: NodeJS.Timeout | undefined
  /** When the timer fires, and when the facts were last posted: monotonicMs(). */
  timerMs: number
  postedMs: number
  linksVersion: number
  reopenMs: number
  opening: boolean
  stopped: boolean
}

/** What a report shows of the facts (the times of the last signs) is brought up to date this often. */
const REFRESH_MS = 1000
/** The longest sleep: the main thread sees by the turns that this thread lives. */
const LONGEST_SLEEP_MS = 1000
const REOPEN_FIRST_MS = 100
const REOPEN_LONGEST_MS = 5000

function run({ self, timing, bind, ...memory }: MembershipStart): void {
  const fence = createFence(memory.fence)
  // Whatever ends this thread ends the permission to answer: the others learn of the end at once.
  process.once('uncaughtExceptionMonitor', () => fence.extend(0))
  const counters = createMembershipCounters(memory.counters)
  const protocol = createProtocol({ self, timing, incarnation: BigInt(Math.floor((performance.timeOrigin + performance.now()) * 1000)) })
  const sockets = createMembershipSockets({
    self,
    bind,
    counters,
    incarnation: () => protocol.incarnation,
    onPacket: (packet, ip) => perform(thread, protocol.received(packet, ip, monotonicMs())),
    onLinked: (node) => perform(thread, protocol.linked(node, monotonicMs())),
    onRefused: (node) => perform(thread, protocol.refused(node, monotonicMs())),
    onFailure: (error) => void reopen(thread, error),
  })
  const thread: Thread = {
    ...{ protocol, sockets, counters, fence },
    ...{ timer: undefined, timerMs: Number.POSITIVE_INFINITY, postedMs: Number.NEGATIVE_INFINITY },
    ...{ linksVersion: -1, reopenMs: REOPEN_FIRST_MS, opening: false, stopped: false },
  }
  parentPort?.on('message', (message: ToMembership) => void obey(thread, message))
  void openSockets(thread)
}

const post = (message: FromMembership): void => parentPort?.postMessage(message)

/** Does what the state machine wants done, and sleeps until it wants more. */
function perform(thread: Thread, effects: readonly Effect[]): void {
  const { counters, fence, protocol, sockets } = thread
  counters.turn()
  for (const effect of effects) {
    switch (effect.kind) {
      case 'send':
        sockets.send(effect.ip, effect.packet)
        break
      case 'fence':
        fence.extend(effect.untilMs)
        break
      case 'rejected':
        counters.reject(effect.reason)
        break
      case 'members':
        postFacts(thread)
        break
      case 'words':
      case 'resumed':
        post(effect)
    }
  }
  if (thread.stopped) return
  const nowMs = monotonicMs()
  if (thread.linksVersion !== protocol.version) {
    thread.linksVersion = protocol.version
    sockets.links(protocol.links(nowMs))
  }
  if (nowMs - thread.postedMs >= REFRESH_MS) postFacts(thread)
  sleep(thread, nowMs)
}

function postFacts(thread: Thread): void {
  thread.postedMs = monotonicMs()
  post({ kind: 'members', facts: thread.protocol.facts(thread.postedMs) })
}

/** A timer that fires too early for what is due is left alone: it looks again. */
function sleep(thread: Thread, nowMs: number): void {
  const dueMs = Math.min(thread.protocol.nextMs(), nowMs + LONGEST_SLEEP_MS)
  if (thread.timer !== undefined && thread.timerMs <= dueMs) return
  clearTimeout(thread.timer)
  thread.timerMs = dueMs
  thread.timer = setTimeout(
    () => {
      thread.timer = undefined
      perform(thread, thread.protocol.tick(monotonicMs()))
    },
    Math.max(0, Math.ceil(dueMs - nowMs)),
  )
}

async function obey(thread: Thread, message: ToMembership): Promise<void> {
  const { protocol } = thread
  const nowMs = monotonicMs()
  switch (message.kind) {
    case 'keys':
      return thread.sockets.keys(message.keys)
    case 'peers':
      return perform(thread, protocol.peers(message.peers, nowMs))
    case 'state':
      return perform(thread, protocol.state(message, nowMs))
    case 'words':
      return perform(thread, protocol.words(message.upsert, message.remove, nowMs))
    case 'repeat':
      return perform(thread, protocol.repeat(message.addresses, nowMs))
    case 'reconciled':
      return perform(thread, protocol.reconciled(message.pause, nowMs))
    case 'stop':
      return stop(thread)
  }
}

/** Silent first: with these last words the others take over at once. */
async function stop(thread: Thread): Promise<void> {
  if (thread.stopped) return
  thread.stopped = true
  clearTimeout(thread.timer)
  thread.fence.extend(0)
  perform(
    thread,
    thread.protocol.stop(monotonicMs()).filter(({ kind }) => kind !== 'fence'),
  )
  await thread.sockets.close()
  parentPort?.close()
}

async function openSockets(thread: Thread): Promise<void> {
  thread.opening = true
  try {
    await thread.sockets.open()
  } catch (error) {
    post({ kind: 'sockets', error: error instanceof Error ? error.message : String(error) })
    // Whoever stops does not wait for the next try.
    setTimeout(() => thread.stopped || void openSockets(thread), thread.reopenMs).unref()
    thread.reopenMs = Math.min(REOPEN_LONGEST_MS, thread.reopenMs * 2)
    return
  }
  thread.opening = false
  // Whoever asked to stop while they were being opened waits for nothing but this.
  if (thread.stopped) return thread.sockets.close()
  thread.reopenMs = REOPEN_FIRST_MS
  post({ kind: 'sockets', error: undefined })
  perform(thread, thread.protocol.opened(monotonicMs()))
}

async function reopen(thread: Thread, error: Error): Promise<void> {
  if (thread.opening || thread.stopped) return
  thread.opening = true
  post({ kind: 'sockets', error: error.message })
  await thread.sockets.close()
  if (!thread.stopped) await openSockets(thread)
}

run(workerData as MembershipStart)
