import type { AddressKey } from './layer2/address-key.ts'
import type { ProbeOutcome } from './layer2/observation.ts'
import type { TableInterface } from './layer2/table.ts'

/** How far the question to the wire is, whether somebody uses an address. */
export type Probe = { readonly kind: 'asking' } | { readonly kind: 'free' } | { readonly kind: 'taken'; readonly mac: Uint8Array }

/** The questions to the wire about addresses that nobody has been given yet. Claims are named by their names. */
export interface Probes {
  /** The newest answer; asks, or asks again, when there is none that still counts. */
  ask(claim: string, address: AddressKey, on: TableInterface): Probe
  /** The claim is gone, or has an owner: the question is dropped. */
  forget(claim: string): void
  /** Drops every question. */
  close(): void
}

interface Options {
  /** That of the announcer. */
  readonly probe: (address: AddressKey, on: TableInterface, signal: AbortSignal) => Promise<ProbeOutcome>
  /** An answer came. */
  readonly onEnd: (claim: string) => void
  readonly onFailure: (claim: string, error: unknown) => void
  /** Milliseconds of a monotonic clock. */
  readonly nowMs: () => number
}

/** How long an answer counts. A free address is recorded at once, or is asked about again. */
const FREE_COUNTS_MS = 5000
const TAKEN_COUNTS_MS = 60_000
/** After a question that could not be asked. */
const RETRY_MS = 1000

interface Question {
  readonly abort: AbortController
  readonly answer: Probe
  readonly endMs: number
}

/** Creates an empty list of questions. */
export function createProbes({ probe, onEnd, onFailure, nowMs }: Options): Probes {
  const questions = new Map<string, Question>()
  const begin = (claim: string, address: AddressKey, on: TableInterface): Probe => {
    const abort = new AbortController()
    const answer = { kind: 'asking' } as const
    questions.set(claim, { abort, answer, endMs: Infinity })
    const end = (answer: Probe, countsMs: number): void => {
      if (abort.signal.aborted) return
      questions.set(claim, { abort, answer, endMs: nowMs() + countsMs })
      onEnd(claim)
    }
    probe(address, on, abort.signal).then(
      ({ takenBy }) =>
        takenBy === undefined ? end({ kind: 'free' }, FREE_COUNTS_MS) : end({ kind: 'taken', mac: takenBy }, TAKEN_COUNTS_MS),
      (error: unknown) => {
        if (!abort.signal.aborted) onFailure(claim, error)
        end({ kind: 'asking' }, RETRY_MS)
      },
    )
    return answer
  }
  const forget = (claim: string): void => {
    questions.get(claim)?.abort.abort()
    questions.delete(claim)
  }
  return {
    ask(claim, address, on) {
      const known = questions.get(claim)
      return known !== undefined && nowMs() < known.endMs ? known.answer : begin(claim, address, on)
    },
    forget,
    close() {
      for (const claim of [...questions.keys()]) forget(claim)
    },
  }
}
