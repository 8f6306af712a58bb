import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { type BfdReceivers, createBfdReceivers } from '../io/bfd-receiver.ts'
import { type BfdSenders, createBfdSenders } from '../io/bfd-sender.ts'
import { type Libc, openLibc } from '../io/libc.ts'
import { createPollSet, type PollSet } from '../io/poll-set.ts'
import { drainWakeup } from '../io/wakeup.ts'
import { type BfdStart, type FromBfd, REPORT_EVERY_MS, type ToBfd } from './message.ts'
import { createSessionSet, type SessionSet } from './session-set.ts'

/**
 * The thread that speaks BFD. It waits in poll() and never runs an event loop, so nothing that the main thread does delays a packet. In
 * each turn everything that has come is read before anybody is judged: a thread that was late, or a process that was stopped, hears what
 * was said meanwhile before it finds anybody silent.
 */
interface Thread {
  readonly libc: Libc
  readonly port: MessagePort
  readonly senders: BfdSenders
  readonly receivers: BfdReceivers
  readonly set: SessionSet
  readonly wakeupFd: number
  pollSet: PollSet
  reportDueUs: number
  /** The most since the last report. */
  lateUs: number
  /** The end was asked for: it comes when the goodbyes are said. */
  stopping: boolean
}

/** First in line where that is permitted (CAP_SYS_NICE): on a loaded machine every other turn would be some milliseconds late. */
const FIRST = -20

const nowUs = (): number => performance.now() * 1000

function run({ port: end, wakeupFd }: BfdStart): void {
  const port = end as MessagePort
  const send = (message: FromBfd): void => port.postMessage(message)
  const libc = openLibc()
  libc.setThreadPriority(FIRST)
  const senders = createBfdSenders(libc, Math.random)
  const receivers = createBfdReceivers(libc)
  const set = createSessionSet({
    random: Math.random,
    open: (spec) => senders.open(spec),
    onChange(change) {
      send({ kind: 'change', change })
      thread.reportDueUs = 0
    },
  })
  const pollSet = createPollSet(libc, [wakeupFd])
  const thread: Thread = { ...{ libc, port, senders, receivers, set, wakeupFd, pollSet, reportDueUs: 0, lateUs: 0, stopping: false } }
  try {
    while (!(thread.stopping && set.isEmpty)) turn(thread)
  } finally {
    receivers.close()
    senders.close()
    port.close()
  }
}

function turn(thread: Thread): void {
  const { libc, pollSet, receivers, senders, set, wakeupFd } = thread
  const dueUs = Math.min(set.dueUs(), thread.reportDueUs)
  pollSet.waitExactly(Math.max(0, dueUs - nowUs()))
  if (dueUs > 0) thread.lateUs = Math.max(thread.lateUs, nowUs() - dueUs)
  if (pollSet.isReadable(0)) drainWakeup(libc, wakeupFd)
  let changed = takeMessages(thread)
  changed = receivers.drain((bytes, arrival) => set.receive(bytes, arrival, nowUs())) || changed
  set.tick(nowUs())
  if (nowUs() >= thread.reportDueUs) {
    senders.mend()
    changed = receivers.mend() || changed
    report(thread)
  }
  if (changed) thread.pollSet = createPollSet(libc, [wakeupFd, ...receivers.fds()])
}

/** True when the descriptors are others now. */
function takeMessages(thread: Thread): boolean {
  const { port, receivers, set } = thread
  let changed = false
  for (let received = receiveMessageOnPort(port); received !== undefined; received = receiveMessageOnPort(port)) {
    const message = received.message as ToBfd
    if (message.kind === 'stop') {
      thread.stopping = true
      set.end(nowUs())
    } else {
      changed = receivers.follow(message.specs) || changed
      set.follow(message.specs, nowUs())
      thread.reportDueUs = 0
    }
  }
  return changed
}

function report(thread: Thread): void {
  const { port, receivers, senders, set } = thread
  const atUs = nowUs()
  thread.reportDueUs = atUs + REPORT_EVERY_MS * 1000
  const message: FromBfd = {
    kind: 'state',
    state: {
      reports: set.reports(atUs, Date.now()),
      problems: [...receivers.problems(), ...senders.problems()],
      strays: set.strays + receivers.dropped(),
      lateMs: thread.lateUs / 1000,
    },
  }
  thread.lateUs = 0
  port.postMessage(message)
}

run(workerData as BfdStart)
