import { explainIneligibility, type Ineligibility } from '../policy/eligibility.ts'

/** Why this node cannot put an address on its wire, whatever the others do. */
export type Inability =
  | 'protocol-not-served'
  | 'other-protocol'
  | 'layer2-off'
  | 'bad-claim'
  | 'bad-interface'
  | 'interface-missing'
  | 'interface-down'
  | 'interface-loopback'
  | 'interface-without-arp'
  | 'interface-is-port'
  | 'interface-without-ipv6'
  | 'subnet-missing'
  | 'no-raw-socket'
  | 'no-route'
  | 'address-is-local'

/** Every reason for which this node says nothing about an address. Closed: it is a log field, a condition's reason and a metric label. */
export type Silence =
  | Inability
  | Ineligibility
  | 'owned-elsewhere'
  | 'owner-unheard'
  | 'first-choice-first'
  | 'leaving'
  | 'facts-incomplete'
  | 'membership-unsettled'
  | 'no-quorum'
  | 'challenged'

/** Why an address changes hands; kept in the claim's history as the end of the previous ownership. */
export type Departure = Ineligibility | Inability | 'released' | 'moved' | 'rebalanced'

const SENTENCES: Readonly<Record<Exclude<Silence | Departure, Ineligibility>, string>> = {
  'protocol-not-served': 'this version announces by layer2 and bgp; vip is not served yet',
  'other-protocol': 'the address is announced by BGP, so nobody owns it',
  'layer2-off': 'the speaker runs without --enable-layer2',
  'bad-claim': 'the address or the interface of the claim cannot be read',
  'bad-interface': 'the interface of the claim is neither a name, nor a pattern such as eth*, nor can_reach:<address>',
  'interface-missing': 'the interface does not exist on this node',
  'interface-down': 'the interface is down or has no carrier',
  'interface-loopback': 'the interface is the loopback interface',
  'interface-without-arp': 'the interface has no Ethernet address or does not speak ARP',
  'interface-is-port': 'the interface is a port of a bridge, bond or team, which sees the frames in its place: name that one',
  'interface-without-ipv6': 'the interface has IPv6 switched off',
  'subnet-missing':
    'no subnet of the interface contains the address: add an address of that network to the interface, name another interface, or run the speakers with --layer2-subnet-check=false',
  'no-raw-socket': 'the raw socket on the interface does not open, or failed; it is tried again',
  'no-route': 'no route leads to the address of can_reach, or it is an address of this node itself',
  'address-is-local': 'the address is configured on this node itself, so the kernel answers for it',
  'owned-elsewhere': 'another node owns the address',
  'owner-unheard':
    'the owner is recorded and this speaker has never heard it, so its silence proves nothing; is port 7946 (TCP, UDP) open?',
  'first-choice-first': 'a node that stands before this one in the queue may still take it',
  leaving: 'this speaker is shutting down',
  'facts-incomplete': 'the Service, or its endpoints, are not known yet',
  'membership-unsettled': 'the other speakers have not all been heard yet',
  'no-quorum': 'no more than half of the speakers are heard here, so nothing is taken over; is port 7946 (TCP, UDP) open?',
  challenged: 'another host says that it has the address, and too few speakers are heard to know better',
  released: 'its owner gave it up',
  moved: 'an administrator moved it',
  rebalanced: 'it moved so that the addresses are spread evenly',
}

const isOwn = (reason: Silence | Departure): reason is Exclude<Silence | Departure, Ineligibility> => reason in SENTENCES

/** The sentence for a reason, without a full stop. */
export function explainSilence(reason: Silence | Departure): string {
  return isOwn(reason) ? SENTENCES[reason] : explainIneligibility(reason)
}

/** The reason as conditions write it: `interface-down` becomes `InterfaceDown`. */
export function conditionReason(reason: Silence | Departure): string {
  return reason.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
