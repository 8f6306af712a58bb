/** The protocols by which an address can be announced. Admission warns of those that are not served, so the table is among the rules. */
export { isServed, PROTOCOLS, type Protocol, type ServedProtocol } from '../policy/served-protocols.ts'
