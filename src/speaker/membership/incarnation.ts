/**
 * An incarnation begins as the time at which its process started, in microseconds since 1970. After a pause the same process goes on with
 * the next number. So a number that is greater by at least this is another process: one that lives for less says nothing.
 */
export const PROCESS_STEP = 100_000n

/** Whether two incarnations of one node, the later one second, are of one process. */
export const isSameProcess = (former: bigint, later: bigint): boolean => later - former < PROCESS_STEP
