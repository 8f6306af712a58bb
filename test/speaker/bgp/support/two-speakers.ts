import type { Side } from '../../../../src/speaker/bgp/collision.ts'
import type { GracefulRestartCapability } from '../../../../src/speaker/bgp/fsm-events.ts'
import type { FsmSettings } from '../../../../src/speaker/bgp/fsm-transition.ts'
import {
  idlePeering,
  type LinkAction,
  type LinkEvent,
  OUTGOING,
  type Peering,
  type PeeringEvent,
  stepPeering,
} from '../../../../src/speaker/bgp/peering.ts'
import { SETTINGS } from './samples.ts'

/** Two peerings, a clock and a network, all in memory: what a shell would do with every action, and when. */

export interface SpeakerOptions extends Partial<FsmSettings> {
  readonly side: Side
  readonly passive?: boolean
  readonly gracefulRestart?: GracefulRestartCapability | undefined
}

/** How the network is: how likely a call fails, and a message's connection breaks or goes silent (both ends stay, nothing arrives). */
export interface Weather {
  readonly callFails: number
  readonly breaks: number
  readonly goesSilent: number
}
export const FAIR: Weather = { callFails: 0, breaks: 0, goesSilent: 0 }

/** One end of a connection: whose, and for which link. */
interface End {
  readonly owner: Speaker
  link: number | undefined
  readonly connection: Connection
}
interface Connection {
  isSilent: boolean
  /** When the last message arrives: those after it come later. */
  lastMs: number
  ends: readonly [End, End] | undefined
}

export interface Speaker {
  readonly options: SpeakerOptions
  peering: Peering
  /** Of each link: its end, once there. */
  readonly ends: Map<number, End>
  readonly timers: Map<string, number>
  /** The attempt that counts. */
  call: number
  /** How often it has called. */
  calls: number
  nextId: number
  readonly told: string[]
}

/** 32 bits of xorshift: the same seed, the same run. */
export function chances(seed: number): () => number {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const CALL_TIMEOUT_MS = 20_000

export function createTwoSpeakers(options: readonly [SpeakerOptions, SpeakerOptions], seed: number) {
  const chance = chances(seed)
  const queue: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = []
  let [nowMs, order] = [0, 0]
  let weather: Weather = FAIR
  const speakerOf = (own: SpeakerOptions): Speaker => ({
    options: own,
    peering: idlePeering(),
    ends: new Map(),
    timers: new Map(),
    call: 0,
    calls: 0,
    nextId: 1,
    told: [],
  })
  const speakers: readonly [Speaker, Speaker] = [speakerOf(options[0]), speakerOf(options[1])]
  const other = (speaker: Speaker) => (speaker === speakers[0] ? speakers[1] : speakers[0])

  function later(ms: number, run: () => void): void {
    const entry = { atMs: nowMs + ms, order: order++, run }
    const at = queue.findLastIndex(({ atMs }) => atMs <= entry.atMs)
    queue.splice(at + 1, 0, entry)
  }

  function happen(speaker: Speaker, event: PeeringEvent, incoming?: End): void {
    const { side, passive = false, ...settings } = speaker.options
    const surroundings = { settings: { ...SETTINGS, ...settings }, us: side, passive, chance: chance(), nowMs }
    const { peering, actions } = stepPeering(speaker.peering, event, surroundings)
    speaker.peering = peering
    for (const action of actions) act(speaker, action, incoming)
    check(speaker)
  }
  const onLink = (speaker: Speaker, id: number, event: LinkEvent) => happen(speaker, { kind: 'link', id, event })

  function act(speaker: Speaker, { id, action }: LinkAction, incoming: End | undefined): void {
    const end = speaker.ends.get(id)
    switch (action.kind) {
      case 'connect':
        dial(speaker)
        return
      case 'accept':
        if (incoming === undefined) throw new Error('it accepts what is not there')
        incoming.link = id
        speaker.ends.set(id, incoming)
        return
      case 'refuse':
        if (incoming !== undefined) hangUp(incoming)
        return
      case 'drop':
        if (id === OUTGOING) speaker.call++
        speaker.ends.delete(id)
        if (end !== undefined) hangUp(end)
        return
      case 'start-timer':
        startTimer(speaker, id, action.timer, action.ms)
        return
      case 'stop-timer':
        speaker.timers.delete(`${id} ${action.timer}`)
        return
      case 'send-open':
      case 'send-keepalive':
      case 'send-notification':
        if (end === undefined) throw new Error(`${action.kind} on a link without a connection`)
        transmit(end, messageOf(speaker, action))
        return
      case 'session-up':
      case 'session-down':
        speaker.told.push(`${nowMs} ${action.kind}${action.kind === 'session-down' ? ` ${action.reason.kind} ${action.routes}` : ''}`)
    }
  }

  function startTimer(speaker: Speaker, id: number, name: string, ms: number): void {
    const token = order++
    speaker.timers.set(`${id} ${name}`, token)
    later(ms, () => {
      if (speaker.timers.get(`${id} ${name}`) !== token) return
      speaker.timers.delete(`${id} ${name}`)
      const kind = `${name[0]?.toUpperCase()}${name.slice(1)}Timer_Expires` as 'HoldTimer_Expires'
      onLink(speaker, id, { kind })
    })
  }

  function messageOf(speaker: Speaker, action: LinkAction['action']): LinkEvent {
    if (action.kind === 'send-keepalive') return { kind: 'KeepAliveMsg' }
    if (action.kind === 'send-notification') return { ...action, kind: 'NotifMsg' }
    const { side, gracefulRestart, holdMs = SETTINGS.holdMs } = speaker.options
    return { kind: 'BGPOpen', open: { ...side, holdTimeSec: holdMs / 1000, gracefulRestart } }
  }

  function dial(speaker: Speaker): void {
    const call = ++speaker.call
    speaker.calls++
    const fails = chance() < weather.callFails
    const [mine, theirs] = connect(speaker)
    later(fails ? CALL_TIMEOUT_MS : 1 + chance() * 20, () => {
      if (speaker.call !== call) return
      if (fails) return onLink(speaker, OUTGOING, { kind: 'TcpConnectionFails', cause: 'ETIMEDOUT' })
      mine.link = OUTGOING
      speaker.ends.set(OUTGOING, mine)
      later(1 + chance() * 20, () => happen(theirs.owner, { kind: 'incoming', id: theirs.owner.nextId++ }, theirs))
      onLink(speaker, OUTGOING, { kind: 'Tcp_CR_Acked' })
    })
  }

  function connect(speaker: Speaker): readonly [End, End] {
    const connection: Connection = { isSilent: false, lastMs: 0, ends: undefined }
    const ends = [
      { owner: speaker, link: undefined, connection },
      { owner: other(speaker), link: undefined, connection },
    ] as const
    connection.ends = ends
    return ends
  }
  const farOf = (end: End): End | undefined => end.connection.ends?.find((candidate) => candidate !== end)

  /** In order, after a while; or the connection breaks, or says nothing more. */
  function transmit(end: End, event: LinkEvent): void {
    const { connection } = end
    if (chance() < weather.goesSilent) connection.isSilent = true
    if (chance() < weather.breaks)
      for (const side of connection.ends ?? []) arrive(side, { kind: 'TcpConnectionFails', cause: 'ECONNRESET' })
    if (connection.isSilent) return
    const far = farOf(end)
    if (far !== undefined) arrive(far, event)
    later(1, () => deliver(end, { kind: 'MessageWritten' }, 0))
  }
  function arrive(end: End, event: LinkEvent): void {
    const { connection } = end
    connection.lastMs = Math.max(connection.lastMs, nowMs + 1 + chance() * 10)
    later(connection.lastMs - nowMs, () => deliver(end, event, 50))
  }
  /** What comes before the far end has accepted waits for it. */
  function deliver(end: End, event: LinkEvent, patience: number): void {
    if (end.link === undefined) {
      if (patience > 0) later(1, () => deliver(end, event, patience - 1))
      return
    }
    if (end.owner.ends.get(end.link) === end) onLink(end.owner, end.link, event)
  }
  function hangUp(end: End): void {
    const far = farOf(end)
    if (far !== undefined && !end.connection.isSilent) arrive(far, { kind: 'TcpConnectionFails', cause: 'EOF' })
  }

  /** What has to be true at every moment. */
  function check({ peering, timers }: Speaker): void {
    const up = peering.links.filter(({ fsm }) => fsm.state === 'Established')
    if (up.length > 1) throw new Error(`${up.length} sessions to one peer`)
    if (peering.links.length > 3) throw new Error(`${peering.links.length} links`)
    const known = peering.links.flatMap(({ id, fsm }) => fsm.timers.map((timer) => `${id} ${timer}`)).sort()
    const running = [...timers.keys()].sort()
    if (known.join() !== running.join()) throw new Error(`timers run: ${running.join()}; known: ${known.join()}`)
  }

  return {
    speakers,
    happen,
    /** The process is gone and comes back: nothing is left but, perhaps, what the peer holds. */
    restart(speaker: Speaker, silently: boolean): void {
      for (const end of speaker.ends.values()) {
        if (silently) end.connection.isSilent = true
        else hangUp(end)
      }
      speaker.ends.clear()
      speaker.timers.clear()
      speaker.call++
      speaker.peering = idlePeering()
      happen(speaker, { kind: 'start' })
    },
    run(ms: number, next: Weather): void {
      weather = next
      const endMs = nowMs + ms
      for (let first = queue[0]; first !== undefined && first.atMs <= endMs; first = queue[0]) {
        queue.shift()
        nowMs = first.atMs
        first.run()
      }
      nowMs = endMs
    },
    /** Whether both are Established, on the same connection. */
    isUp(): boolean {
      const [a, b] = speakers.map(({ peering, ends }) => {
        const link = peering.links.find(({ fsm }) => fsm.state === 'Established')
        return link === undefined ? undefined : ends.get(link.id)?.connection
      })
      return a !== undefined && a === b
    },
    nowMs: () => nowMs,
  }
}
