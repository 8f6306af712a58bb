/** What must hold of a speaker under fire. Pure. */
import type { JunkAskerLine, JunkFloodLine, JunkSpeakerLine } from './junk-lines.ts'

/** One line a second of each, from the first junk on. */
export interface JunkEvidence {
  readonly speaker: readonly JunkSpeakerLine[]
  readonly peer: readonly JunkSpeakerLine[]
  readonly asker: readonly JunkAskerLine[]
  readonly sent: JunkFloodLine['sent']
  /** The speaker's process has not ended. */
  readonly alive: boolean
}

export interface AnswerFigures {
  readonly answers: number
  readonly share: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly worst: number
}

export interface JunkVerdict {
  readonly passed: boolean
  /** What broke, as sentences. */
  readonly faults: readonly string[]
  /** Seconds in which one was not heard or did not answer. A machine that lets a process wait for its turn makes them as well. */
  readonly gaps: readonly string[]
  readonly sent: JunkFloodLine['sent']
  readonly ignored: JunkSpeakerLine['ignored']
  readonly rejected: JunkSpeakerLine['rejected']
  /** By address. */
  readonly answers: Readonly<Record<string, AnswerFigures>>
  /** After a quarter of the time, when all code is warm, and at the end: medians. */
  readonly rssMiB: { readonly warm: number; readonly end: number }
}

/** Fewer than these have found no room in the socket's buffer while the speaker waited for a processor. */
const LEAST_SHARE = 0.9
const MOST_GROWTH_MIB = 16

export function judgeJunk({ speaker, peer, asker, sent, alive }: JunkEvidence): JunkVerdict {
  const quarter = Math.max(1, Math.floor(speaker.length / 4))
  const rss = speaker.map(({ rssMiB }) => rssMiB)
  const rssMiB = { warm: median(rss.slice(quarter, 2 * quarter)), end: median(rss.slice(-quarter)) }
  const answers = figures(asker)
  const faults = [
    ...(alive ? [] : ['the speaker ended']),
    ...(speaker.length > 0 && asker.length > 0 ? [] : ['nothing was seen']),
    ...complaints('the speaker', speaker),
    ...complaints('its peer', peer),
    ...(rssMiB.end - rssMiB.warm > MOST_GROWTH_MIB ? [`its memory grew from ${rssMiB.warm} to ${rssMiB.end} MiB`] : []),
  ]
  const gaps = [
    ...deafness('the speaker', speaker),
    ...deafness('its peer', peer),
    ...silences(asker),
    ...Object.entries(answers)
      .filter(([, { share }]) => share < LEAST_SHARE)
      .map(([address, { share }]) => `${address}: only ${(share * 100).toFixed(1)} % of the questions were answered`),
  ]
  const { ignored = {}, rejected = {} } = speaker.at(-1) ?? {}
  return { passed: faults.length === 0 && gaps.length === 0, faults, gaps, sent, ignored, rejected, answers, rssMiB }
}

const complaints = (who: string, lines: readonly JunkSpeakerLine[]): readonly string[] =>
  [...new Set(lines.flatMap(({ problems, warnings }) => [...problems, ...warnings]))].map((text) => `${who}: ${text}`)

function deafness(who: string, lines: readonly JunkSpeakerLine[]): readonly string[] {
  const deaf = lines.filter((line) => !line.peer).length
  return deaf === 0 ? [] : [`${who} did not hear the other speaker in ${deaf} s`]
}

/** Seconds in which an address was asked for and nobody answered. */
function silences(asker: readonly JunkAskerLine[]): readonly string[] {
  return asker.flatMap(({ asked, answeredMs }, second) =>
    Object.entries(answeredMs)
      .filter(([, times]) => asked > 0 && times.length === 0)
      .map(([address]) => `${address}: no answer in second ${second + 1}`),
  )
}

function figures(asker: readonly JunkAskerLine[]): Readonly<Record<string, AnswerFigures>> {
  const addresses = Object.keys(asker[0]?.answeredMs ?? {})
  const asked = asker.reduce((sum, line) => sum + line.asked, 0) / Math.max(1, addresses.length)
  return Object.fromEntries(
    addresses.map((address) => {
      const times = asker.flatMap(({ answeredMs }) => answeredMs[address] ?? []).sort((a, b) => a - b)
      const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN
      const share = Number(Math.min(1, times.length / Math.max(1, asked)).toFixed(4))
      return [address, { answers: times.length, share, p50: at(0.5), p99: at(0.99), worst: at(1) }]
    }),
  )
}

const median = (values: readonly number[]): number => Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0)
