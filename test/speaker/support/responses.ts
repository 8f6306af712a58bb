/** What came of a frame, as a value of its own: the responders fill one object again and again. */
import type { AddressKey } from '../../../src/speaker/layer2/address-key.ts'
import { createResponse, type ResponderTable, type Response, type Verdict } from '../../../src/speaker/layer2/response.ts'

export interface Outcome {
  readonly verdict: Verdict
  readonly address?: AddressKey
  /** Of a reply. */
  readonly frame?: Uint8Array
  /** Of a foreign claim, and of a taken address. */
  readonly mac?: Uint8Array
}

/** A table that admits every asker and asks for nothing itself, but for what is given. */
export const tableOf = (
  mac: Uint8Array,
  addresses: readonly AddressKey[],
  more: Partial<Omit<ResponderTable, 'mac' | 'addresses'>> = {},
): ResponderTable => ({ mac, addresses: new Set(addresses), probing: new Set(), admits: () => true, ...more })

type Respond = (frame: Uint8Array, length: number, table: ResponderTable, into: Response) => Verdict

/** Responds as the product does: into a response that another frame has left its traces in. */
export function outcomeOf(respond: Respond, frame: Uint8Array, table: ResponderTable): Outcome {
  const into = createResponse()
  into.frame.fill(0xee)
  into.mac.fill(0xee)
  into.address = 1
  const verdict = respond(frame, frame.length, table, into)
  return {
    verdict,
    ...(into.address === undefined ? {} : { address: into.address }),
    ...(verdict === 'reply' ? { frame: into.frame.slice(0, into.length) } : {}),
    ...(verdict === 'foreign-claim' || verdict === 'taken' ? { mac: into.mac.slice() } : {}),
  }
}
