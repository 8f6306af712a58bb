/** The port that a protocol fills: the reconcile loop says what must be on the wire, the announcer makes it so and keeps it so. */
export interface Announcer<Line> {
  /** Makes the wire equal to `lines`, the whole set that this node must say. Returns at once; `health` tells whether it holds. */
  announce(lines: readonly Line[]): void
  /** Whether the wire can be served now. `problems` are sentences, empty when all is well. */
  health(): { readonly problems: readonly string[] }
  /** Falls silent and frees threads and sockets. Idempotent. */
  close(): Promise<void>
}
