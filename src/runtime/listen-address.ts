import { err, ok, type Result } from '../result.ts'

/** Where a server listens. An empty host in the text means every address of the machine. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/**
 * Reads Go's form of a listen address: `:50052`, `127.0.0.1:50052`, `[::1]:50052`. `0` and the empty text mean "do not listen" and
 * give `undefined`. Error: a sentence that quotes the text.
 */
export function parseListenAddress(text: string): Result<ListenAddress | undefined, string> {
  if (text === '' || text === '0') return ok(undefined)
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text)
  if (match === null) return err(`"${text}" is not a listen address: expected ":PORT", "HOST:PORT" or "[IPV6]:PORT", or "0" for none`)
  const port = Number(match[3])
  if (port > 65535) return err(`"${text}" is not a listen address: port ${port} is above 65535`)
  return ok({ host: match[1] ?? (match[2] || '::'), port })
}
