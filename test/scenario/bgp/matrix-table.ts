/** docs/bgp-matrix.md, from the outcomes of a whole run. Pure. */
import { ROUTER_KINDS, type RouterKind } from '../../../lab/peers/spec.ts'
import type { CellOutcome } from './cell-play.ts'
import { type Cell, OPTIONS, SESSIONS, WAYS } from './cells.ts'

const TITLE: Readonly<Record<RouterKind, string>> = { frr: 'FRR', bird: 'BIRD', gobgp: 'GoBGP' }

export interface MatrixRun {
  readonly outcomes: readonly CellOutcome[]
  readonly versions: Readonly<Record<RouterKind, string>>
  /** Such as 2026-11-21. */
  readonly date: string
}

/** The steps of a cell, in words for people. */
export const STEPS_IN_WORDS =
  'Each cell is one session of our speaker with that router, and in each: the session comes up; three addresses of each family are in the ' +
  "router's own table with the right next hop, AS path, MED, local preference and standard, large and extended communities (its JSON or text " +
  'output is the judge); the route is in the kernel of the router (FRR, BIRD); addresses are withdrawn and come back; the router ends the ' +
  'session; we end it; the router restarts; the port is blocked until the hold timer ends the session, and opened; the router gets another AS. ' +
  'After each step the session is up again with all routes. `GR` cells besides: the speaker is killed (SIGKILL), the router keeps all routes ' +
  'as stale, and they are fresh once it is back. `BFD` cells besides: BFD alone is blocked, and ends the session. `add-path`: three next hops ' +
  'for one prefix.'

export function matrixDocument({ outcomes, versions, date }: MatrixRun): string {
  const notes: string[] = []
  const note = (text: string): string => {
    if (!notes.includes(text)) notes.push(text)
    return `[${notes.indexOf(text) + 1}]`
  }
  const tables = ROUTER_KINDS.flatMap((router) => ['', `## ${TITLE[router]}`, '', ...table(router, outcomes, note)])
  const lines = [
    '# BGP with real routers',
    '',
    `Written by \`npm run soak -- bgp-matrix\` on ${date}, with ${ROUTER_KINDS.map((kind) => versions[kind]).join(', ')}. \`npm test\` plays as many`,
    'of these cells as it takes for every pair of values to occur.',
    '',
    ...wrapped(STEPS_IN_WORDS),
    '',
    '`e` is eBGP, `i` is iBGP; a number is a note below. With GoBGP an unnumbered session is one by link-local addresses that both sides are told:',
    'it sends no router advertisements, and without a neighbour in its cache it ends at once (`no ipv6 link-local neighbor found`).',
    ...tables,
    ...(notes.length === 0 ? [] : ['', '## Notes', '', ...notes.map((text, at) => `${at + 1}. ${text}`)]),
  ]
  return `${lines.join('\n')}\n`
}

function table(router: RouterKind, outcomes: readonly CellOutcome[], note: (text: string) => string): string[] {
  const rows = WAYS.map((way) => {
    const cells = OPTIONS.map((option) => {
      const found = SESSIONS.map((session) => outcomes.find(({ cell }) => same(cell, { router, session, way, option })))
      return verdict(found, note)
    })
    return `| ${way} | ${cells.join(' | ')} |`
  })
  return [`| | ${OPTIONS.join(' | ')} |`, `|---|${OPTIONS.map(() => '---').join('|')}|`, ...rows]
}

function verdict(outcomes: readonly (CellOutcome | undefined)[], note: (text: string) => string): string {
  const words = outcomes.map((outcome, at) => {
    const kind = SESSIONS[at] === 'eBGP' ? 'e' : 'i'
    if (outcome === undefined) return `${kind} not run`
    if (outcome.impossible !== undefined) return `no ${note(outcome.impossible)}`
    const failed = outcome.steps.find(({ failure }) => failure !== undefined)
    return failed === undefined ? kind : `${kind} fails ${note(`${failed.step}: ${failed.failure}`)}`
  })
  return [...new Set(words)].join(', ')
}

const same = (a: Cell, b: Cell): boolean => a.router === b.router && a.session === b.session && a.way === b.way && a.option === b.option

function wrapped(text: string, width = 138): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + word.length + 1 > width) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}
