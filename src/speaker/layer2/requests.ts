import type { AddressKey } from './address-key.ts'
import type { FromWorker, ToWorker } from './message.ts'
import type { ProbeOutcome } from './observation.ts'
import type { TableInterface } from './table.ts'

/** The questions of the main thread that the Worker still has to answer. */
export interface Requests {
  /** Rejects with the signal's reason when it aborts, and with an Error when the wire cannot be asked. */
  probe(address: AddressKey, on: TableInterface, signal: AbortSignal): Promise<ProbeOutcome>
  settled(): Promise<void>
  /** The Worker answered. An answer that nobody waits for any more is dropped. */
  probed(answer: FromWorker & { kind: 'probed' }): void
  wasSettled(id: number): void
  /** A new Worker knows everything that was announced, and none of the questions that are still open. */
  started(post: (message: ToWorker) => void): void
  /** The Worker is gone and with it its probes; who waits for it to be settled waits for the next one. */
  ended(reason: string): void
  /** Nobody will answer any more. */
  close(): void
}

interface WaitingProbe {
  readonly address: AddressKey
  readonly on: TableInterface
  resolve(outcome: ProbeOutcome): void
  reject(reason: unknown): void
  /** Stops listening to the signal. */
  forget(): void
}

/** Creates the register. `post` sends to the Worker that runs now, if one does. */
export function createRequests(post: (message: ToWorker) => void): Requests {
  const probes = createWaitingProbes(post)
  const settling = new Map<number, () => void>()
  let last = 0
  let closed = false
  return {
    probe(address, on, signal) {
      if (signal.aborted) return Promise.reject(signal.reason)
      return closed ? Promise.reject(new Error(CLOSED)) : probes.ask(++last, address, on, signal)
    },
    settled() {
      if (closed) return Promise.resolve()
      const id = ++last
      return new Promise((resolve) => {
        settling.set(id, resolve)
        post({ kind: 'settle', id })
      })
    },
    probed({ id, takenBy, error }) {
      const waiting = probes.take(id)
      if (error === undefined) waiting?.resolve({ address: waiting.address, takenBy })
      else waiting?.reject(new Error(error))
    },
    wasSettled(id) {
      settling.get(id)?.()
      settling.delete(id)
    },
    started(send) {
      probes.sendAgain(send)
      for (const id of settling.keys()) send({ kind: 'settle', id })
    },
    ended: (reason) => probes.rejectAll(`the layer 2 thread ended: ${reason}`),
    close() {
      closed = true
      probes.rejectAll(CLOSED)
      for (const resolve of settling.values()) resolve()
      settling.clear()
    },
  }
}

const CLOSED = 'layer 2 is closed'

function createWaitingProbes(post: (message: ToWorker) => void) {
  const probes = new Map<number, WaitingProbe>()
  const take = (id: number): WaitingProbe | undefined => {
    const waiting = probes.get(id)
    probes.delete(id)
    waiting?.forget()
    return waiting
  }
  return {
    take,
    ask: (id: number, address: AddressKey, on: TableInterface, signal: AbortSignal) =>
      new Promise<ProbeOutcome>((resolve, reject) => {
        const abort = (): void => {
          post({ kind: 'end-probe', id })
          take(id)?.reject(signal.reason)
        }
        signal.addEventListener('abort', abort)
        probes.set(id, { address, on, resolve, reject, forget: () => signal.removeEventListener('abort', abort) })
        post({ kind: 'probe', id, address, on })
      }),
    sendAgain(send: (message: ToWorker) => void) {
      for (const [id, { address, on }] of probes) send({ kind: 'probe', id, address, on })
    },
    rejectAll(reason: string) {
      for (const id of [...probes.keys()]) take(id)?.reject(new Error(reason))
    },
  }
}
