/** `openelb bgp capture`: the last messages of a node's sessions, and those that come. */
import type { CapturedMessage } from '../../speaker/bgp/peer-report.ts'
import { BGP_PATHS } from '../../speaker/bgp-report.ts'
import { type Cell, type Outcome, type Tone, toned, trouble } from '../report.ts'
import { readCapture } from '../speakers/bgp-schema.ts'
import { isReport, readSpeakers, type Speaker } from '../speakers/speakers.ts'
import { printable } from '../table.ts'
import type { VerbInput } from '../verb.ts'
import { askOne, speakerOn } from './ask.ts'
import { messageValue } from './json.ts'

/** Between two looks with --follow; a speaker keeps the last 200 messages. */
const LOOK_MS = 500

export async function runCapture(input: VerbInput, node: string): Promise<Outcome> {
  const { values, cluster } = input
  const speaker = speakerOn(await readSpeakers(cluster, values['openelb-namespace']), node)
  if (!speaker.ok) return trouble(speaker.error)
  const stranger = unknownPeer(speaker.value, values.peer)
  if (stranger !== undefined) return trouble(stranger)
  const first = await look(input, speaker.value)
  if (!first.ok) return trouble(`${node}: ${first.error}`)
  const later = values.follow > 0 ? await follow(input, speaker.value, first.value) : { messages: [] }
  if (later.error !== undefined) return trouble(`${node}: ${later.error}`)
  // What was followed has been shown already.
  const shown = values.follow > 0 && isForPeople(input) ? [] : [...first.value, ...later.messages]
  return {
    kind: 'report',
    code: 0,
    report: {
      blocks: [{ kind: 'lines', lines: shown.flatMap(linesOf) }],
      value: { node, messages: [...first.value, ...later.messages].map(messageValue) },
      ...(first.value.length + later.messages.length === 0 && { note: 'No message has been sent or received.' }),
    },
  }
}

const isForPeople = ({ values }: VerbInput): boolean => values.output === 'table' || values.output === 'wide'

function unknownPeer({ node, report }: Speaker, peer: string): string | undefined {
  if (peer === '' || !isReport(report) || report.bgp === undefined) return undefined
  const names = report.bgp.peers.map(({ name }) => name)
  if (names.includes(peer)) return undefined
  return `${node} has no session with ${peer}: ${names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`}`
}

function look({ cluster, values }: VerbInput, speaker: Speaker) {
  const query = values.peer === '' ? '' : `?peer=${encodeURIComponent(values.peer)}`
  return readMessages(cluster, values['openelb-namespace'], speaker, `${BGP_PATHS.capture}${query}`)
}

async function readMessages(cluster: VerbInput['cluster'], namespace: string, speaker: Speaker, path: string) {
  const page = await askOne(cluster, namespace, speaker, path, readCapture)
  return page.ok ? { ok: true as const, value: page.value.messages } : page
}

interface Followed {
  readonly messages: readonly CapturedMessage[]
  readonly error?: string
}

/** Shows what is there and what comes until the time is up; resolves with what came. */
async function follow(input: VerbInput, speaker: Speaker, first: readonly CapturedMessage[]): Promise<Followed> {
  const { cluster, values, person } = input
  const endMs = cluster.monotonicMs() + values.follow
  const show = (messages: readonly CapturedMessage[]): void => {
    if (isForPeople(input)) for (const message of messages) person.print(linesOf(message).map(plainText).join('\n'))
  }
  const came: CapturedMessage[] = []
  let last = first
  show(first)
  while (cluster.monotonicMs() < endMs) {
    await cluster.wait(Math.min(LOOK_MS, endMs - cluster.monotonicMs()))
    const now = await look(input, speaker)
    if (!now.ok) return { messages: came, error: now.error }
    const news = messagesAfter(last, now.value)
    show(news)
    came.push(...news)
    last = now.value
  }
  return { messages: came }
}

const keyOf = (message: CapturedMessage): string => JSON.stringify(message)

/** What `now` has behind the last message that `before` has too: the lists are windows on one sequence. */
export function messagesAfter(before: readonly CapturedMessage[], now: readonly CapturedMessage[]): readonly CapturedMessage[] {
  const newest = before.at(-1)
  if (newest === undefined) return now
  const key = keyOf(newest)
  // Equal messages of one millisecond are told apart by how many of them there are.
  const equal = before.filter((message) => keyOf(message) === key).length
  const places = now.flatMap((message, at) => (keyOf(message) === key ? [at] : []))
  const at = places[Math.min(equal, places.length) - 1]
  return at === undefined ? now : now.slice(at + 1)
}

const TONES: Readonly<Record<string, Tone>> = { NOTIFICATION: 'bad', OPEN: 'good' }
const INDENT = '  '

/** The head of a message, and its decoded lines below. */
function linesOf({ peer, direction, atMs, type, text, bytes }: CapturedMessage): readonly (readonly Cell[])[] {
  const at = new Date(atMs).toISOString().slice(0, -1)
  const head: readonly Cell[] = [`${at} ${direction === 'sent' ? '->' : '<-'} ${peer} `, toned(type, TONES[type]), ` ${bytes} bytes`]
  const details = text.split('\n').filter((line) => line.trim() !== '')
  return [head, ...details.map((line): readonly Cell[] => [`${INDENT}${line}`])]
}

const plainText = (cells: readonly Cell[]): string => cells.map((cell) => printable(typeof cell === 'string' ? cell : cell.text)).join('')
