import { err, ok, type Result } from '../result.ts'
import { type AddressError, addressError } from './ip.ts'

const MAC = /^[0-9a-fA-F]{2}([:-])[0-9a-fA-F]{2}(\1[0-9a-fA-F]{2}){4}$/

/** Reads a 48 bit MAC address, six pairs of hex digits joined by `:` or by `-`. Gives 6 bytes in transmission order. */
export function parseMac(text: string): Result<Uint8Array, AddressError> {
  if (!MAC.test(text)) return err(addressError('BAD_ADDRESS', text, 'is not a MAC address (write 02:00:5e:10:00:01)'))
  return ok(Uint8Array.from(text.split(/[:-]/), (pair) => Number.parseInt(pair, 16)))
}

/** Lower-case hex pairs joined by `:`. Throws RangeError unless there are 6 bytes, which is a bug of the caller. */
export function formatMac(bytes: Uint8Array): string {
  if (bytes.length !== 6) throw new RangeError(`a MAC address has 6 bytes, not ${bytes.length}`)
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':')
}
