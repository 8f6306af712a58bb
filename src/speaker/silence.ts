import { explainIneligibility, type Ineligibility } from '../policy/eligibility.ts'

/** Why this node cannot put an address on its wire, whatever the others do. */
export type Inability =
  | 'protocol-not-served'
  | 'layer2-off'
  | 'bad-claim'
  | 'bad-interface'
  | 'interface-missing'
  | 'interface-down'
  | 'interface-loopback'
  | 'interface-without-arp'
  | 'interface-without-ipv6'
  | 'no-route'
  | 'address-is-local'

/** Every reason for which this node says nothing about an address. Closed: it is a log field, a condition's reason and a metric label. */
export type Silence = Inability | Ineligibility | 'owned-elsewhere' | 'first-choice-first' | 'leaving' | 'facts-incomplete'

const SENTENCES: Readonly<Record<Exclude<Silence, Ineligibility>, string>> = {
  'protocol-not-served': 'this version announces by layer2 only; bgp and vip are not served yet',
  'layer2-off': 'the speaker runs without --enable-layer2',
  'bad-claim': 'the address or the interface of the claim cannot be read',
  'bad-interface': 'spec.interface is neither an interface name nor can_reach:<address>',
  'interface-missing': 'the interface does not exist on this node',
  'interface-down': 'the interface is down or has no carrier',
  'interface-loopback': 'the interface is the loopback interface',
  'interface-without-arp': 'the interface has no Ethernet address or does not speak ARP',
  'interface-without-ipv6': 'the interface has IPv6 switched off',
  'no-route': 'no route leads to the address of can_reach, or it is an address of this node itself',
  'address-is-local': 'the address is configured on this node itself, so the kernel answers for it',
  'owned-elsewhere': 'another node owns the address',
  'first-choice-first': 'a node that stands before this one in the queue may still take it',
  leaving: 'this speaker is shutting down',
  'facts-incomplete': 'the Service, or its endpoints, are not known yet',
}

const isOwn = (silence: Silence): silence is Exclude<Silence, Ineligibility> => silence in SENTENCES

/** The sentence for a reason, without a full stop. */
export function explainSilence(silence: Silence): string {
  return isOwn(silence) ? SENTENCES[silence] : explainIneligibility(silence)
}

/** The reason as conditions write it: `interface-down` becomes `InterfaceDown`. */
export function conditionReason(silence: Silence): string {
  return silence.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
