/** The last Events of an object, newest last. */
import { formatAge } from '../age.ts'
import type { EventObject } from '../workload-objects.ts'

const MOST_SHOWN = 5

/** When it was last seen, by whichever field its writer filled in. */
const seenAt = (event: EventObject): string =>
  event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? event.firstTimestamp ?? event.metadata.creationTimestamp

export function lastEvents(events: readonly EventObject[], nowMs: number): readonly string[] {
  return events
    .toSorted((a, b) => (seenAt(a) < seenAt(b) ? -1 : 1))
    .slice(-MOST_SHOWN)
    .map((event) => {
      const times = event.series?.count ?? event.count ?? 1
      return `${formatAge(seenAt(event), nowMs)} ago${times > 1 ? ` (${times} times)` : ''} ${event.type ?? ''} ${event.reason ?? ''}: ${event.message ?? ''}`
    })
}
