import type { PeerRestart } from './settings.ts'

/**
 * Whether an OPEN says that we have restarted (the R bit of RFC 4724 section 3): within the restart time of the start of this process, and only
 * until the peer had a session with it. `ageMs` is how long the process has run.
 */
export const isRestarting = ({ restartSec }: PeerRestart, ageMs: number, hadSession: boolean): boolean =>
  !hadSession && ageMs < restartSec * 1000
