import { formatIp, type Ip, parseIp } from '../../addr/ip.ts'
import { type Prefix, parsePrefix, prefixContains, prefixOf } from '../../addr/prefix.ts'
import { type InterfaceChoice, parseInterfaceText } from '../../policy/interface-choice.ts'
import { err, ok, type Result } from '../../result.ts'
import type { HostFacts, NetworkInterface } from '../host.ts'
import type { Inability } from '../silence.ts'

/** An interface that can carry frames now. */
export type UsableInterface = NetworkInterface & { readonly mac: Uint8Array }

/** The interfaces of this node that a claim means, the preferred one first. */
export interface Candidates {
  readonly usable: readonly UsableInterface[]
  /** Why there is none; of several reasons the one that is nearest to a cure. */
  readonly otherwise: Inability
}

/**
 * The interfaces that a claim names, and after them those that the annotation of the node names (R05 of OpenELB: an address of the node, or
 * a prefix that contains one), for a cluster whose nodes call their links by different names. Each once, in the order of the list; what a
 * pattern fits goes by index. An annotation that cannot be read names nothing.
 */
export function findInterfaces(text: string | undefined, nodeAddress: string | undefined, host: HostFacts): Candidates {
  const choices = text === undefined ? undefined : parseInterfaceText(text)
  if (choices?.ok !== true) return { usable: [], otherwise: 'bad-interface' }
  const found = choices.value.map((choice) => linksOf(choice, host))
  const links = [...found.flatMap((one) => (one.ok ? one.value : [])), ...linksAt(nodeAddress, host)]
  const judged = [...new Set(links)].map(judge)
  const problems = [...found, ...judged].flatMap((one) => (one.ok ? [] : [one.error]))
  return {
    usable: judged.flatMap((one) => (one.ok ? [one.value] : [])),
    otherwise: problems.reduce((nearest, one) => (nearness(one) > nearness(nearest) ? one : nearest), problems[0] ?? 'interface-missing'),
  }
}

/** Reads the annotation of a node: an address, or a prefix. Error: a sentence without a full stop. */
export function parseNodeAddress(text: string): Result<Prefix, string> {
  const prefix = parsePrefix(text)
  if (prefix.ok) return prefix
  const ip = parseIp(text)
  return ip.ok ? ok(prefixOf(ip.value)) : err(`${ip.error.message}; write an address of the node, or a prefix that contains one`)
}

/** The destinations whose routes are needed to understand the text. */
export function destinationsOf(text: string): readonly Ip[] {
  const choices = parseInterfaceText(text)
  return choices.ok ? choices.value.flatMap((choice) => (choice.kind === 'can-reach' ? [choice.to] : [])) : []
}

function linksOf(choice: InterfaceChoice, host: HostFacts): Result<readonly NetworkInterface[], Inability> {
  if (choice.kind === 'can-reach') {
    const route = host.routes.get(formatIp(choice.to))
    return route?.kind === 'interface' ? someOf(host.interfaces.filter(({ index }) => index === route.index)) : err('no-route')
  }
  return someOf(host.interfaces.filter(({ name }) => (choice.kind === 'name' ? name === choice.name : choice.matches(name))))
}

const someOf = (links: readonly NetworkInterface[]): Result<readonly NetworkInterface[], Inability> =>
  links.length === 0 ? err('interface-missing') : ok(links)

function linksAt(nodeAddress: string | undefined, { interfaces }: HostFacts): readonly NetworkInterface[] {
  const at = nodeAddress === undefined ? undefined : parseNodeAddress(nodeAddress)
  if (at?.ok !== true) return []
  return interfaces.filter(({ addresses }) => addresses.some((own) => prefixContains(at.value, own)))
}

function judge(link: NetworkInterface): Result<UsableInterface, Inability> {
  const { loopback, noArp, mac, up, isPort } = link
  if (loopback) return err('interface-loopback')
  if (mac === undefined || noArp) return err('interface-without-arp')
  if (isPort) return err('interface-is-port')
  return up ? ok({ ...link, mac }) : err('interface-down')
}

/** From what is not there, over what is there and of the wrong kind, to what only has to come up. */
const NEARNESS: readonly Inability[][] = [
  ['interface-missing', 'no-route'],
  ['interface-loopback', 'interface-without-arp', 'interface-is-port'],
  ['interface-down'],
]
const nearness = (inability: Inability): number => NEARNESS.findIndex((group) => group.includes(inability))
