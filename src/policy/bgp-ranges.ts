/** Ranges of the numbers in BGP, shared by the rules for BgpConf and BgpPeer. */
import type { GracefulRestart } from '../api/bgp-restart.ts'
import type { Finding } from './verdict.ts'

const MAX_AS = 4_294_967_295
/** AS_TRANS stands for a four octet number in two octets; it is nobody's number (RFC 6793 section 9). */
const AS_TRANS = 23_456

/** A number that is not an AS number (RFC 6793, RFC 7607: 0 is reserved), or one that must not be used (RFC 7300). */
export function* autonomousSystemProblem(field: string, value: number): Generator<Finding> {
  if (!Number.isInteger(value) || value < 1 || value > MAX_AS || value === AS_TRANS) {
    yield {
      refuse: `${field} is ${value}, which is no AS number`,
      cure: `use 1 to ${MAX_AS}, except ${AS_TRANS}; private numbers are 64512 to 65534`,
    }
  } else if (value === 65_535 || value === MAX_AS) {
    yield { warn: `${field} is ${value}, the last AS number, which RFC 7300 reserves: many routers refuse it` }
  }
}

/** Seconds of a graceful restart have 12 bits in OPEN (RFC 4724 section 3). */
const MAX_RESTART_SEC = 4095
/** That of a long-lived one 24, in its capability (RFC 9494 section 3). */
const MAX_LONG_LIVED_SEC = 16_777_215

/** The times in a `gracefulRestart` block that go onto the wire. */
export function* restartProblems(field: string, restart: GracefulRestart | undefined): Generator<Finding> {
  const { restartTime, staleRoutesTime, longlivedEnabled } = restart ?? {}
  if (restartTime !== undefined && restartTime > MAX_RESTART_SEC) {
    yield { refuse: `${field}.restartTime is ${restartTime}`, cure: `use 0 to ${MAX_RESTART_SEC} seconds: OPEN has 12 bits for it` }
  }
  if (longlivedEnabled === true && staleRoutesTime !== undefined && staleRoutesTime > MAX_LONG_LIVED_SEC) {
    yield { warn: `${field}.staleRoutesTime is ${staleRoutesTime}: ${MAX_LONG_LIVED_SEC} seconds are used, the most that can be said` }
  }
}
