import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { createFence, monotonicMs } from '../fence.ts'
import { openLibc } from '../io/libc.ts'
import { createPollSet, type PollSet } from '../io/poll-set.ts'
import { createResponder, type Responder } from '../io/responder.ts'
import { drainWakeup } from '../io/wakeup.ts'
import { createLayer2Counters } from './counters.ts'
import type { FromWorker, ToWorker, WorkerStart } from './message.ts'

/**
 * The thread that answers ARP and neighbour discovery. It waits in poll() and never runs an event loop, so nothing that the main thread
 * does (JSON, TLS, garbage collection) delays an answer. Messages arrive by port; the eventfd ends the wait. They come before frames: an
 * address that was taken away is not answered any more, however many questions for it wait. The wait is bounded because the process
 * cannot exit while a thread is inside a system call.
 */
const LONGEST_WAIT_MS = 1000
/** In a flood the frames of so long are looked at together; the others' answers are as much later at the most. */
const FLOOD_NAP_MS = 0.1
const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(4))

function run(start: WorkerStart): void {
  const port = start.port as MessagePort // the structured clone has no type
  const libc = openLibc()
  const counters = createLayer2Counters(start.counters)
  const responder = createResponder({
    libc,
    counters,
    fence: start.fence === undefined ? undefined : createFence(start.fence),
    plan: start.announcements,
    now: fenceClock(),
    random: Math.random,
  })
  const build = (): PollSet => createPollSet(libc, [start.wakeupFd, ...responder.fds()])
  const send = (message: FromWorker): void => port.postMessage(message)
  try {
    // What waits already is the whole table: what is told of the sockets is about it from the first time on.
    if (takeMessages(port, responder, send) === 'stop') return
    send({ kind: 'sockets', states: responder.states() })
    for (let pollSet = build(); ; ) {
      if (responder.isFlooded) Atomics.wait(NEVER_WOKEN, 0, 0, FLOOD_NAP_MS)
      pollSet.wait(Math.ceil(Math.min(responder.waitMs(), LONGEST_WAIT_MS)))
      if (pollSet.isReadable(0)) drainWakeup(libc, start.wakeupFd)
      const news = pollSet.isReadable(0) || pollSet.isIdle ? takeMessages(port, responder, send) : 'nothing'
      if (news === 'stop') return
      // With other sockets a descriptor may mean another one: the next turn, at once, looks again.
      const changed = news === 'changed' || serve(responder, pollSet)
      if (responder.work() || changed) {
        send({ kind: 'sockets', states: responder.states() })
        pollSet = build()
      }
      for (const message of responder.news()) {
        send(message)
        if (message.kind === 'sockets') pollSet = build()
      }
      counters.addGlobal('heartbeat')
    }
  } finally {
    responder.close()
    port.close()
  }
}

/** monotonicMs(), as cheap as performance.now(): both are the system's monotonic clock, from different origins. */
function fenceClock(): () => number {
  const originMs = monotonicMs() - performance.now()
  return () => originMs + performance.now()
}

/** Applies every waiting message. `changed`: sockets were opened or closed. */
function takeMessages(port: MessagePort, responder: Responder, send: (message: FromWorker) => void): 'stop' | 'changed' | 'nothing' {
  let news: 'changed' | 'nothing' = 'nothing'
  for (let received = receiveMessageOnPort(port); received !== undefined; received = receiveMessageOnPort(port)) {
    const message = received.message as ToWorker
    if (message.kind === 'stop') return 'stop'
    if (message.kind === 'settle') send({ kind: 'settled', id: message.id })
    else if (apply(responder, message)) news = 'changed'
  }
  return news
}

function apply(responder: Responder, message: Exclude<ToWorker, { kind: 'stop' | 'settle' }>): boolean {
  if (message.kind === 'change') return responder.apply(message.change)
  return message.kind === 'probe' ? responder.startProbe(message) : responder.endProbe(message.id)
}

/** True when a socket had to be closed. */
function serve(responder: Responder, pollSet: PollSet): boolean {
  let changed = false
  for (let at = 1; at < pollSet.fds.length; at++) {
    const [fd, readable, failed] = [pollSet.fds[at] ?? -1, pollSet.isReadable(at), pollSet.hasFailed(at)]
    if (readable || failed) changed = responder.serve(fd, readable, failed) || changed
  }
  return changed
}

run(workerData as WorkerStart)
