/** Calls those who wait for an opening one at a time: whoever was called calls the next one when it is done, as long as there is room. */
import { type Happening, type Opening, openingsOf, type Waiters } from './waiters.ts'

export interface RoomLine {
  /** Wakes whom this concerns. */
  wake(happening: Happening): void
  /** The Service was looked at, whatever came of it. */
  worked(key: string): void
}

export interface RoomLineOptions {
  readonly waiters: Waiters
  /** Whether there is room in the opening now. */
  readonly isOpen: (opening: Opening) => boolean
  /** Looks at a Service again. */
  readonly add: (key: string) => void
}

/** One opening, and the last ticket that it may call: somebody who was called in vain and waits again is not called a second time. */
interface Call {
  readonly opening: Opening
  readonly upTo: number
}

export function createRoomLine({ waiters, isOpen, add }: RoomLineOptions): RoomLine {
  const calls = new Map<string, Call[]>()
  function callNext(call: Call): void {
    if (!isOpen(call.opening)) return
    const key = waiters.next(call.opening, call.upTo)
    if (key === undefined) return
    const own = calls.get(key)
    // It may be called for another opening while it is still at work for the first one.
    if (own === undefined) calls.set(key, [call])
    else own.push(call)
    add(key)
  }
  return {
    wake(happening) {
      for (const key of waiters.wake(happening)) add(key)
      for (const opening of openingsOf(happening)) callNext({ opening, upTo: waiters.ticket })
    },
    worked(key) {
      const own = calls.get(key) ?? []
      calls.delete(key)
      for (const call of own) callNext(call)
    },
  }
}
