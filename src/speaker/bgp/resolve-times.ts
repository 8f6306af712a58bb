/** Timers and graceful restart of a peer: texts and numbers of OpenELB to what the session goes by. */
import type { BgpPeerSpec } from '../../api/bgp-peer.ts'
import type { GracefulRestart } from '../../api/bgp-restart.ts'
import { type ProblemList, shown } from './resolve-problem.ts'
import type { PeerRestart, PeerTimes } from './settings.ts'

/** RFC 4271 section 10 suggests 90 s; for the retry it suggests 120 s, which keeps a router that is back without routes for too long. */
const DEFAULT_SEC = { holdTime: 90, connectRetry: 5, minimumAdvertisementInterval: 0 } as const
const MAX_SEC = 65_535
const LEAST_HOLD_SEC = 3

type TimerName = keyof NonNullable<NonNullable<BgpPeerSpec['timers']>['config']>

/** Undefined for the empty text and, said, for one that is no number of seconds. */
function secondsOf(spec: BgpPeerSpec, name: TimerName, list: ProblemList): number | undefined {
  const text = spec.timers?.config?.[name] ?? ''
  if (text === '') return undefined
  const value = /^\d{1,5}$/.test(text) ? Number(text) : MAX_SEC + 1
  if (value <= MAX_SEC) return value
  return list.add(
    'bad-setting',
    `spec.timers.config.${name} is ${shown(text)}, so the default is used`,
    `write "0" to "${MAX_SEC}" seconds`,
  )
}

/** A hold time of 0 is one without keepalives (RFC 4271 section 4.2); a 0 elsewhere is the default, as in OpenELB. */
export function resolveTimes(spec: BgpPeerSpec, list: ProblemList): PeerTimes {
  let hold = secondsOf(spec, 'holdTime', list) ?? DEFAULT_SEC.holdTime
  if (hold > 0 && hold < LEAST_HOLD_SEC) {
    list.add('bad-setting', `spec.timers.config.holdTime is "${hold}", so the default is used`, 'write "0", or at least "3"')
    hold = DEFAULT_SEC.holdTime
  }
  const wanted = secondsOf(spec, 'keepaliveInterval', list) || undefined
  const isTooLong = wanted !== undefined && hold > 0 && wanted >= hold
  if (isTooLong) {
    list.add(
      'ignored',
      'spec.timers.config.keepaliveInterval is not below holdTime, so a third of that is used',
      'write a third of holdTime, or leave it out',
    )
  }
  return {
    holdMs: hold * 1000,
    keepaliveMs: wanted === undefined || isTooLong ? undefined : wanted * 1000,
    connectRetryMs: (secondsOf(spec, 'connectRetry', list) || DEFAULT_SEC.connectRetry) * 1000,
    advertisementMs: (secondsOf(spec, 'minimumAdvertisementInterval', list) ?? DEFAULT_SEC.minimumAdvertisementInterval) * 1000,
  }
}

const DEFAULT_RESTART_SEC = 120
const DEFAULT_LONG_LIVED_SEC = 3600
/** OPEN has 12 bits for the one (RFC 4724 section 3) and 24 for the other (RFC 9494 section 3). */
const MAX_RESTART_SEC = 4095
const MAX_LONG_LIVED_SEC = 16_777_215

function atMost(field: string, value: number, most: number, list: ProblemList): number {
  if (value <= most) return value
  list.add('bad-setting', `spec.gracefulRestart.${field} is ${value}, so ${most} is used`, `write at most ${most}`)
  return most
}

/** The block of the peer wins over that of BgpConf, field by field. Undefined unless it is enabled. */
export function resolveRestart(
  ofPeer: GracefulRestart | undefined,
  ofConf: GracefulRestart | undefined,
  list: ProblemList,
): PeerRestart | undefined {
  const { enabled, helperOnly, restartTime, notificationEnabled, longlivedEnabled, staleRoutesTime } = { ...ofConf, ...ofPeer }
  if (enabled !== true) return undefined
  const isHelper = helperOnly === true
  const isLongLived = longlivedEnabled === true && !isHelper
  return {
    restartSec: isHelper ? 0 : atMost('restartTime', restartTime || DEFAULT_RESTART_SEC, MAX_RESTART_SEC, list),
    notification: notificationEnabled === true,
    longLivedSec: isLongLived ? atMost('staleRoutesTime', staleRoutesTime || DEFAULT_LONG_LIVED_SEC, MAX_LONG_LIVED_SEC, list) : undefined,
  }
}
