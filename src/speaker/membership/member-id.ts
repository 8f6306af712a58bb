import { createHash } from 'node:crypto'

/** The 64 bits that stand for a node in a heartbeat: the first 8 bytes of SHA-256 of its name. */
export const memberId = (node: string): bigint => createHash('sha256').update(node).digest().readBigUInt64BE(0)
