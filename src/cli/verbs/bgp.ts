/** `openelb bgp`: sessions, routes, messages, and why a router was told or not. */
import { nearest } from '../../runtime/nearest.ts'
import { runCapture } from '../bgp/capture.ts'
import { runPeers } from '../bgp/peers.ts'
import { runRoutes } from '../bgp/routes.ts'
import { runWhy } from '../bgp/why.ts'
import { misuse, type Outcome } from '../report.ts'
import type { Verb, VerbInput } from '../verb.ts'

type Subverb = (input: VerbInput, word: string) => Promise<Outcome>

/** What needs a word, and what that word is. */
const SUBVERBS: Readonly<Record<string, readonly [word: string, run: Subverb]>> = {
  routes: ['NODE', runRoutes],
  capture: ['NODE', runCapture],
  why: ['PREFIX or ADDRESS', runWhy],
}
const NAMES = ['peers', ...Object.keys(SUBVERBS)]
const USAGE = `write: openelb bgp ${NAMES.join(', ')}; see openelb bgp --help`

async function run(input: VerbInput): Promise<Outcome> {
  const [name = '', word, ...more] = input.words
  if (!NAMES.includes(name)) {
    const guess = nearest(name, NAMES)
    return misuse(name === '' || guess === undefined ? USAGE : `bgp knows no ${name.slice(0, 64)}; did you mean ${guess}?`)
  }
  if (name !== 'capture' && (input.given.has('peer') || input.given.has('follow')))
    return misuse(`bgp ${name} takes no --peer and no --follow`)
  if (more.length > 0) return misuse(`bgp ${name} takes one word, not ${[word, ...more].join(' ')}`)
  if (name === 'peers') return runPeers(input, word)
  const [wanted, runSubverb] = SUBVERBS[name] ?? []
  if (word === undefined || runSubverb === undefined) return misuse(`write: openelb bgp ${name} ${wanted}`)
  return runSubverb(input, word)
}

export const bgp: Verb = {
  name: 'bgp',
  synopsis: [
    'bgp peers [NODE] [-o wide|json|yaml]',
    'bgp routes NODE [-o wide|json|yaml]',
    'bgp why PREFIX|ADDRESS',
    'bgp capture NODE [--peer NAME] [--follow 30s]',
  ],
  summary: 'BGP: sessions with their errors, routes, messages, why a router was told or not',
  about: `Asks the speakers, through the API server, which needs the right to get pods/proxy. Reads only; the code is 0 whatever it shows.
peers: every session: node, BgpPeer, state, since when, how many prefixes; below it why sessions are down, which settings cannot be
followed, and what to do. -o wide adds what both sides agreed on.
routes: what a node announces: prefix, next hops, the peers that were told, communities and other attributes.
why: for each node and each of its peers: told or not, and the reason.
capture: the last messages of a node's sessions, decoded; with --follow also those that come within that time.

  openelb bgp peers
  openelb bgp routes n1 -o wide
  openelb bgp why 192.0.2.10
  openelb bgp why 2001:db8::10/128
  openelb bgp capture n1 --peer tor-1 --follow 1m`,
  flags: ['output', 'no-headers', 'peer', 'follow'],
  run,
}
