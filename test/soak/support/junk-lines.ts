/** What the processes of `npm run soak -- junk` print, one JSON object a line. */

/** A second of the speaker that is under fire, or of its peer. */
export interface JunkSpeakerLine {
  readonly rssMiB: number
  /** It hears the other speaker. */
  readonly peer: boolean
  readonly problems: readonly string[]
  /** Lines of its log since the last one, of level warn and above. */
  readonly warnings: readonly string[]
  /** Frames and packets that counted for nothing, by reason, since the start. */
  readonly ignored: Readonly<Record<string, number>>
  readonly rejected: Readonly<Record<string, number>>
}

/** A second of the host that asks. */
export interface JunkAskerLine {
  readonly asked: number
  /** Times from question to answer, in milliseconds. An answer after a second is none. */
  readonly answeredMs: Readonly<Record<string, readonly number[]>>
}

/** What was thrown at the speaker since the start. */
export interface JunkFloodLine {
  readonly sent: Readonly<Record<string, number>>
}
