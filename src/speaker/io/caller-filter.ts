import type { Family } from '../../addr/ip.ts'
import { ipToBytes } from '../../addr/ip.ts'
import type { CallerTerms } from './tcp-options.ts'

/** One instruction of classic BPF: code, jump if true, jump if false, operand. linux/filter.h. */
type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number]

/** SKF_NET_OFF: offsets from here on are of the IP header; a TCP socket's filter sees no more than the segment otherwise. */
const IP_HEADER = -0x10_0000
const TTL_AT = { IPv4: 8, IPv6: 7 } as const
const SOURCE_AT = { IPv4: 12, IPv6: 8 } as const
const LOAD_WORD = 0x20
const LOAD_BYTE = 0x30
const JUMP_IF_EQUAL = 0x15
const JUMP_IF_AT_LEAST = 0x35
const RETURN = 0x06
/** A return value says how many bytes may pass; segments that were merged on the way up can be longer than 65,535. */
const PASS: Instruction = [RETURN, 0, 0, 0xffff_ffff]
const DROP: Instruction = [RETURN, 0, 0, 0]

/**
 * A filter for a listening socket, which connections inherit: what comes from a peer with a least TTL must have it, from the SYN on, so that
 * none of its bytes can wait to be read before the connection has a least TTL of its own. Undefined when no peer of the family has one.
 * Source: RFC 5082 section 3.
 */
export function callerFilter(family: Family, terms: readonly CallerTerms[]): readonly Instruction[] | undefined {
  const judged = terms.filter(({ remote, leastTtl }) => remote.family === family && leastTtl !== undefined)
  return judged.length === 0 ? undefined : [...judged.flatMap((term) => judge(family, term)), PASS]
}

/** Ends with a verdict for segments of this peer, and goes on behind itself for others. */
function judge(family: Family, { remote, leastTtl = 0 }: CallerTerms): readonly Instruction[] {
  const words = new DataView(ipToBytes(remote).buffer)
  const count = words.byteLength / 4
  const verdict: readonly Instruction[] = [[LOAD_BYTE, 0, 0, IP_HEADER + TTL_AT[family]], [JUMP_IF_AT_LEAST, 0, 1, leastTtl], PASS, DROP]
  const source = Array.from({ length: count }, (_, index): readonly Instruction[] => {
    const behind = (count - index - 1) * 2 + verdict.length
    return [
      [LOAD_WORD, 0, 0, IP_HEADER + SOURCE_AT[family] + index * 4],
      [JUMP_IF_EQUAL, 0, behind, words.getUint32(index * 4)],
    ]
  })
  return [...source.flat(), ...verdict]
}

/** The program as the kernel takes it, 8 bytes an instruction. */
export function serializeFilter(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [index, [code, ifTrue, ifFalse, operand]] of program.entries()) {
    view.setUint16(index * 8, code, true)
    view.setUint8(index * 8 + 2, ifTrue)
    view.setUint8(index * 8 + 3, ifFalse)
    view.setUint32(index * 8 + 4, operand, true)
  }
  return bytes
}
