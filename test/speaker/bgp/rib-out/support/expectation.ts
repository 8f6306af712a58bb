import { type Family, formatIp } from '../../../../../src/addr/ip.ts'
import type { SessionTerms } from '../../../../../src/speaker/bgp/outbound.ts'
import type { BgpLine, NextHopNode } from '../../../../../src/speaker/bgp/route.ts'
import type { PeerSettings } from '../../../../../src/speaker/bgp/settings.ts'
import type { NextHop } from '../../../../../src/wire/bgp/attributes/mp-reach.ts'
import type { PathAttributes } from '../../../../../src/wire/bgp/attributes/table.ts'
import { inWords } from './receiver.ts'

/** A session as the model knows it: which next hop a node has there, said outright for each family. */
export interface ModelSession {
  readonly terms: SessionTerms
  readonly nextHop: { readonly [F in Family]?: (node: NextHopNode) => NextHop | undefined }
}

/** What a policy of the model does to a line. `long`: more communities than a message of 4,096 bytes has room for. */
export type ModelPolicy = 'own' | 'odd' | 'med' | 'long'
export const isOdd = (line: { readonly prefix: { readonly base: bigint } }): boolean => line.prefix.base % 2n === 1n
export const isThird = (line: { readonly prefix: { readonly base: bigint } }): boolean => line.prefix.base % 3n === 0n

/** FNV-1a as its definition has it: exclusive or, then times the prime, modulo 2^32. */
const hash = (text: string): number =>
  Number([...text].reduce((sum, letter) => ((sum ^ BigInt(letter.charCodeAt(0))) * 16_777_619n) & 0xffff_ffffn, 2_166_136_261n))

/** The table of a peer that has heard everything, from the lines alone: written without a look at how the routes are kept or sent. */
export function expectedTable(
  lines: readonly BgpLine[],
  peer: PeerSettings,
  policy: ModelPolicy,
  { terms, nextHop }: ModelSession,
  shutdown: boolean,
): Map<string, string> {
  const table = new Map<string, string>()
  for (const line of lines) {
    const { family } = line.prefix
    const hopOf = nextHop[family]
    if (hopOf === undefined || (line.peers !== undefined && !line.peers.includes(peer.name))) continue
    if ((policy === 'odd' && !isOdd(line)) || (policy === 'long' && isThird(line))) continue
    const several = terms.agreement.send.families[family]?.pathIds === true
    const selfOnly = peer.nextHop === 'self' || (peer.nextHop === 'auto' && !several)
    const ways = line.nextHops
      .filter((node) => node.self || !selfOnly)
      .flatMap((node) => {
        const hop = hopOf(node)
        return hop === undefined ? [] : [{ hop, first: node.self, text: formatIp(hop.address) }]
      })
      .toSorted((a, b) => Number(b.first) - Number(a.first) || hash(a.text) - hash(b.text))
      .slice(0, several ? (peer.families.find((one) => one.family === family)?.addPathSend ?? 0) : 1)
    for (const { hop, text } of ways) {
      const words = inWords(hop, attributesOf(line, policy, terms, shutdown))
      table.set(several ? `${hash(text)}@${line.text}` : line.text, words)
    }
  }
  return table
}

function attributesOf({ attributes }: BgpLine, policy: ModelPolicy, terms: SessionTerms, shutdown: boolean): PathAttributes {
  const { local } = terms.asNumbers
  const internal = terms.agreement.send.peering === 'internal'
  const med = policy === 'med' ? 77 : attributes.med
  const communities = shutdown ? [...attributes.communities, 0xffff_0000] : attributes.communities
  const ases = policy === 'med' ? [local, local, local] : [local]
  return {
    origin: 'igp',
    asPath: internal ? [] : [{ kind: 'sequence', ases }],
    ...(med === undefined ? {} : { med }),
    ...(internal ? { localPref: shutdown ? 0 : (attributes.localPref ?? 100) } : {}),
    ...(communities.length === 0 ? {} : { communities }),
    ...(attributes.largeCommunities.length === 0 ? {} : { largeCommunities: attributes.largeCommunities }),
    ...(attributes.extendedCommunities.length === 0 ? {} : { extendedCommunities: attributes.extendedCommunities }),
  }
}
