import {
  type BfdAction,
  type BfdEvent,
  type BfdSession,
  type BfdSettings,
  createBfdSession,
  stepBfd,
} from '../../../../src/speaker/bfd/fsm.ts'
import type { BfdPacket } from '../../../../src/wire/bfd.ts'
import { chances } from '../../bgp/support/two-speakers.ts'

/** Packets take up to this long, and never overtake: less than what jitter leaves of the shortest interval. */
const LATENCY_US = 400

/** Two sessions, a clock in microseconds and a path between them, in memory. */
export function createPair(settings: readonly [BfdSettings, BfdSettings], seed: number) {
  const chance = chances(seed)
  const sides: BfdSession[] = [createBfdSession(11, settings[0]), createBfdSession(22, settings[1])]
  const tokens = new Map<string, number>()
  const queue: { readonly atUs: number; readonly run: () => void }[] = []
  let [nowUs, counter, falls, isCut] = [0, 0, 0, false]

  function later(us: number, run: () => void): void {
    const entry = { atUs: nowUs + us, run }
    queue.splice(queue.findLastIndex(({ atUs }) => atUs <= entry.atUs) + 1, 0, entry)
  }
  function happen(side: number, event: BfdEvent): void {
    const session = sides[side]
    if (session === undefined) throw new RangeError(`side ${side}`)
    const after = stepBfd(session, event, chance())
    sides[side] = after.session
    for (const action of after.actions) act(side, action)
  }
  function act(side: number, action: BfdAction): void {
    if (action.kind === 'send') send(1 - side, action.packet)
    if (action.kind === 'session-down') falls++
    if (action.kind !== 'start-timer' && action.kind !== 'stop-timer') return
    const name = `${side} ${action.timer}`
    const token = ++counter
    tokens.set(name, token)
    if (action.kind === 'stop-timer') return
    const { timer } = action
    later(action.us, () => tokens.get(name) === token && happen(side, { kind: `${timer}-expires` }))
  }
  function send(to: number, packet: BfdPacket): void {
    if (!isCut) later(LATENCY_US, () => happen(to, { kind: 'packet', packet }))
  }
  for (const side of [0, 1]) happen(side, { kind: 'enable' })

  return {
    sessions: (): readonly BfdSession[] => sides,
    isUp: () => sides.every(({ state }) => state === 'Up'),
    /** How often a session that was Up went down. */
    falls: () => falls,
    cut: (value: boolean) => {
      isCut = value
    },
    configure: (side: number, own: BfdSettings) => happen(side, { kind: 'configure', settings: own }),
    run(us: number): void {
      const endUs = nowUs + us
      for (let first = queue[0]; first !== undefined && first.atUs <= endUs; first = queue[0]) {
        queue.shift()
        nowUs = first.atUs
        first.run()
      }
      nowUs = endUs
    },
  }
}
