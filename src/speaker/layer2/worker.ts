import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { openLibc } from '../io/libc.ts'
import { createPollSet, type PollSet } from '../io/poll-set.ts'
import { createResponder, type Responder } from '../io/responder.ts'
import { drainWakeup } from '../io/wakeup.ts'
import { createLayer2Counters } from './counters.ts'
import { createGratuitousSchedule } from './gratuitous.ts'
import type { FromWorker, ToWorker, WorkerStart } from './message.ts'

/**
 * The thread that answers ARP and neighbour discovery. It waits in poll() and never runs an event loop, so nothing that the main thread
 * does (JSON, TLS, garbage collection) delays an answer. Messages arrive by port; the eventfd ends the wait. The wait is bounded because
 * the process cannot exit while a thread is inside a system call.
 */
const LONGEST_WAIT_MS = 1000
/** How often an interface whose socket failed is tried again. */
const REOPEN_DELAY_MS = 500

function run(start: WorkerStart): void {
  const port = start.port as MessagePort // the structured clone has no type
  const libc = openLibc()
  const counters = createLayer2Counters(start.counters)
  const responder = createResponder({ libc, counters, schedule: createGratuitousSchedule() })
  try {
    let pollSet = createPollSet(libc, [start.wakeupFd, ...responder.fds()])
    for (;;) {
      const waitMs = Math.min(responder.waitMs(performance.now()) ?? LONGEST_WAIT_MS, responder.broken ? REOPEN_DELAY_MS : LONGEST_WAIT_MS)
      let socketsChanged = false
      for (const { fd, readable, failed } of pollSet.wait(Math.ceil(waitMs))) {
        if (fd === start.wakeupFd) drainWakeup(libc, fd)
        else socketsChanged = responder.serve(fd, readable, failed, performance.now()) || socketsChanged
      }
      const news = takeMessages(port, responder)
      if (news === 'stop') return
      socketsChanged = responder.reopen(performance.now()) || news === 'changed' || socketsChanged
      socketsChanged = responder.settleGroups(performance.now()) || socketsChanged
      if (socketsChanged) pollSet = announceSockets(port, responder, (fds) => createPollSet(libc, [start.wakeupFd, ...fds]))
      responder.sendGratuitous(performance.now())
      counters.addGlobal('heartbeat')
    }
  } finally {
    responder.close()
    port.close()
  }
}

/** Applies every waiting message. */
function takeMessages(port: MessagePort, responder: Responder): 'stop' | 'changed' | 'nothing' {
  let news: 'changed' | 'nothing' = 'nothing'
  for (let received = receiveMessageOnPort(port); received !== undefined; received = receiveMessageOnPort(port)) {
    const message = received.message as ToWorker
    if (message.kind === 'stop') return 'stop'
    if (message.kind === 'settle') reply(port, { kind: 'settled', id: message.id })
    else if (message.kind === 'probe') reply(port, { kind: 'probed', id: message.id, takenBy: undefined, error: 'not built yet' })
    else if (message.kind === 'change') {
      responder.apply(message.change, performance.now())
      news = 'changed'
    }
  }
  return news
}

const reply = (port: MessagePort, message: FromWorker): void => port.postMessage(message)

function announceSockets(port: MessagePort, responder: Responder, build: (fds: readonly number[]) => PollSet): PollSet {
  const message: FromWorker = { kind: 'sockets', states: responder.states() }
  port.postMessage(message)
  return build(responder.fds())
}

run(workerData as WorkerStart)
