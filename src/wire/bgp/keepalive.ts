import { serializeFrame } from './header.ts'

/** A KEEPALIVE: a header and nothing else, which `parseFrame` has checked. RFC 4271 section 4.4. */
export const serializeKeepalive = (): Uint8Array => serializeFrame('keepalive', new Uint8Array(0))
