/** The protocols by which an address can be announced, and which of them the speakers speak. */
export const PROTOCOLS = { layer2: 'served', bgp: 'served', vip: 'not-served' } as const

export type Protocol = keyof typeof PROTOCOLS
/** The protocols that need an announcer: adding `served` above makes the compiler ask for its line in announcers.ts. */
export type ServedProtocol = { [P in Protocol]: (typeof PROTOCOLS)[P] extends 'served' ? P : never }[Protocol]

/** Whether claims of this protocol are announced. The others carry the condition ProtocolNotServed. */
export function isServed(protocol: Protocol): protocol is ServedProtocol {
  return PROTOCOLS[protocol] === 'served'
}
