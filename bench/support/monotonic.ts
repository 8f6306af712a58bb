/** The machine's steady clock, which all its processes share, in milliseconds. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** The same moment of a time since 1970 in seconds, as captures have it; exact to a millisecond or so. */
export const monotonicOfEpoch = (seconds: number): number => seconds * 1000 - (performance.timeOrigin + performance.now()) + monotonicMs()
