/**
 * MinRouteAdvertisementInterval for each prefix (RFC 4271 section 9.2.1.1): a first announcement goes at once, what changes within the interval
 * after it is held and then told with its newest contents. Who withdraws does not ask. Times are of a steady clock.
 */
export interface AdvertisementInterval {
  /** Milliseconds; 0: nothing is ever held. */
  set(ms: number): void
  /** An announcement of the prefix was made. */
  told(text: string, nowMs: number): void
  /** Whether it has to wait; then it is held. */
  hold(text: string, nowMs: number): boolean
  /** It waits no longer, for there is nothing to tell. */
  drop(text: string): void
  isHeld(text: string): boolean
  /** The held ones whose interval is over; they are held no more. */
  due(nowMs: number): readonly string[]
  /** Until due() has something; undefined: nothing is held. */
  waitMs(nowMs: number): number | undefined
  /** All intervals are over. The held ones, as with due(). */
  clear(): readonly string[]
}

export function createAdvertisementInterval(): AdvertisementInterval {
  let intervalMs = 0
  /** When each was told, the longest ago first. */
  const toldAt = new Map<string, number>()
  const held = new Set<string>()
  const isOver = (atMs: number, nowMs: number) => atMs + intervalMs <= nowMs
  const release = (texts: Iterable<string>) => [...texts].filter((text) => held.delete(text))
  return {
    set(ms) {
      intervalMs = ms
    },
    told(text, nowMs) {
      toldAt.delete(text)
      if (intervalMs > 0) toldAt.set(text, nowMs)
    },
    hold(text, nowMs) {
      const atMs = toldAt.get(text)
      if (atMs === undefined || isOver(atMs, nowMs)) return false
      held.add(text)
      return true
    },
    drop: (text) => void held.delete(text),
    isHeld: (text) => held.has(text),
    due(nowMs) {
      const over: string[] = []
      for (const [text, atMs] of toldAt) {
        if (!isOver(atMs, nowMs)) break
        over.push(text)
      }
      for (const text of over) toldAt.delete(text)
      return held.size === 0 ? [] : release(over)
    },
    waitMs(nowMs) {
      if (held.size === 0) return undefined
      for (const [text, atMs] of toldAt) if (held.has(text)) return Math.max(0, atMs + intervalMs - nowMs)
      return undefined
    },
    clear() {
      toldAt.clear()
      return release([...held])
    },
  }
}
