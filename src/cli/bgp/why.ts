/** `openelb bgp why`: which node tells which router about a prefix, and why not. */
import { FAMILY_BITS, formatIp, type Ip, parseIp } from '../../addr/ip.ts'
import { formatPrefix, parsePrefix, prefixContains } from '../../addr/prefix.ts'
import { type AddressClaimObject, claimName, holdersText } from '../../api/address-claim.ts'
import { ADDRESS_CLAIMS } from '../../kube/resources.ts'
import { err, ok, type Result } from '../../result.ts'
import { BGP_PATHS, type WhyPage } from '../../speaker/bgp-report.ts'
import { attempt } from '../cluster-reader.ts'
import { claimIp } from '../ledger-state.ts'
import { type Block, type Cell, type Column, misuse, type Outcome, toned, trouble } from '../report.ts'
import { readWhy } from '../speakers/bgp-schema.ts'
import { readSpeakers, type Speakers } from '../speakers/speakers.ts'
import { explainTrouble } from '../trouble.ts'
import type { VerbInput } from '../verb.ts'
import { askAll, type NodePage } from './ask.ts'
import { CURES } from './cures.ts'
import { missing, type Remark, readBgpObjects } from './facts.ts'
import { hopText } from './routes.ts'

/** What was asked for: one address, or a prefix. Texts are canonical. */
type Asked = { readonly text: string; readonly ip: Ip } | { readonly text: string; readonly contains: (ip: Ip) => boolean }

const COLUMNS: readonly Column[] = [{ title: 'NODE' }, { title: 'PEER' }, { title: 'TOLD' }, { title: 'SAYS' }]

export async function runWhy(input: VerbInput, text: string): Promise<Outcome> {
  const asked = readAsked(text)
  if (!asked.ok) return misuse(asked.error)
  const { cluster, values } = input
  const [claims, speakers, objects] = await Promise.all([
    attempt(claimsOf(input, asked.value)),
    readSpeakers(cluster, values['openelb-namespace']),
    readBgpObjects(cluster),
  ])
  if (!claims.ok) return trouble(explainTrouble(claims.error))
  if (speakers.trouble !== undefined) return trouble(`the speakers cannot be found: ${explainTrouble(speakers.trouble)}`)
  const pages = await askWhy(input, speakers, asked.value.text)
  const lines = pages.flatMap(answersOf)
  const blocks: readonly Block[] = [
    { kind: 'lines', lines: [...claims.value.map(claimText), ...routeTexts(pages)].map((says) => [says]) },
    { kind: 'table', table: { columns: COLUMNS, rows: lines.map(cellsOf) }, ifEmpty: nobody(claims.value) },
    { kind: 'lines', lines: curesOf(lines, missing(objects)).map((cure) => [toned(`-> ${cure}`, 'dim')]) },
  ]
  const value = {
    asked: asked.value.text,
    answers: lines,
    routes: pages.flatMap(({ node, page }) => (page.ok ? [{ ...page.value, node }] : [])),
  }
  return { kind: 'report', code: 0, report: { blocks, value } }
}

function readAsked(text: string): Result<Asked, string> {
  const ip = parseIp(text)
  if (ip.ok) return ok(ofAddress(ip.value))
  const prefix = parsePrefix(text)
  if (!prefix.ok) return err(`${text.slice(0, 64)} is neither an address nor a prefix`)
  const { family, base, length } = prefix.value
  // One address alone may be told within a shorter prefix.
  if (length === FAMILY_BITS[family]) return ok(ofAddress({ family, value: base }))
  return ok({ text: formatPrefix(prefix.value), contains: (each) => prefixContains(prefix.value, each) })
}

const ofAddress = (ip: Ip): Asked => ({ text: formatIp(ip), ip })

/** The claims on what was asked for. */
async function claimsOf({ cluster }: VerbInput, asked: Asked): Promise<readonly AddressClaimObject[]> {
  if ('ip' in asked) {
    const claim = await cluster.find<AddressClaimObject>(ADDRESS_CLAIMS, { name: claimName(asked.ip) })
    return claim === undefined ? [] : [claim]
  }
  const claims = await cluster.list<AddressClaimObject>(ADDRESS_CLAIMS)
  return claims.filter((claim) => {
    const ip = claimIp(claim)
    return ip !== undefined && asked.contains(ip)
  })
}

/** What every speaker says of the prefix or the address. `text` is canonical. */
export const askWhy = ({ cluster, values }: Pick<VerbInput, 'cluster' | 'values'>, speakers: Speakers, text: string) =>
  askAll(cluster, values['openelb-namespace'], speakers, `${BGP_PATHS.why}?prefix=${encodeURIComponent(text)}`, readWhy)

/** One node and one of its peers; `peer` undefined: about the node. */
export interface Answer {
  readonly node: string
  readonly peer?: string
  readonly told: boolean
  readonly reason: string
  readonly says: string
}

export function answersOf({ node, page }: NodePage<WhyPage>): readonly Answer[] {
  if (!page.ok) return [{ node, told: false, reason: 'unknown', says: page.error }]
  const { verdicts, silent, route } = page.value
  if (verdicts.length > 0) {
    return verdicts.map(({ peer, told, reason, message, paths }) => ({
      node,
      peer,
      told,
      reason,
      says: [message, ...(told ? paths : [])].filter((each) => each !== '').join('; '),
    }))
  }
  if (silent !== undefined) return [{ node, told: false, reason: 'silent', says: silent }]
  return route === undefined ? [] : [{ node, told: false, reason: 'no-peer', says: 'it would announce it, and no BgpPeer is served here' }]
}

const cellsOf = ({ node, peer = '', told, says }: Answer): readonly Cell[] => [
  node,
  peer,
  toned(told ? 'yes' : 'no', told ? 'good' : 'warn'),
  says,
]

const claimText = ({ spec: { address, eip, protocol, holders } }: AddressClaimObject): string =>
  `${address} of Eip ${eip} (${protocol}), held by ${holdersText(holders)}`

/** The lines of the nodes, each once with the nodes that have it. */
function routeTexts(pages: readonly NodePage<WhyPage>[]): readonly string[] {
  const routes = pages.flatMap(({ page }) => (page.ok && page.value.route !== undefined ? [page.value.route] : []))
  const texts = routes.map(({ prefix, nextHops, attributes }) => {
    const sorted = nextHops.map(hopText).toSorted()
    return `${prefix} by ${sorted.join(', ')}${attributes.length === 0 ? '' : `; ${attributes.join(' ')}`}`
  })
  return [...new Set(texts)]
}

/** What is missing for all routers is the cause wherever a node has no peer. */
const curesOf = (answers: readonly Answer[], lacks: readonly Remark[]): readonly string[] => [
  ...new Set(
    answers.flatMap(({ told, reason }) => {
      if (told) return []
      return reason === 'no-peer' && lacks.length > 0 ? lacks.map(({ says, cure }) => `${says} ${sentence(cure)}`) : (CURES[reason] ?? [])
    }),
  ),
]

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

function nobody(claims: readonly AddressClaimObject[]): string {
  if (claims.length === 0) return 'Nobody holds it, so no node announces it.'
  const [first] = claims
  return first?.spec.protocol === 'bgp'
    ? 'No node announces it.'
    : `It is announced by ${first?.spec.protocol}, not by BGP: openelb explain address ${first?.spec.address}`
}
