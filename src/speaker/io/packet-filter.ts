import { type Libc, SystemCallError } from './libc.ts'

/** One instruction of classic BPF: code, jump if true, jump if false, operand. linux/filter.h. */
export type Instruction = readonly [number, number, number, number]

const INSTRUCTION_BYTES = 8

/**
 * SO_ATTACH_FILTER: what the program does not accept never reaches this process. A raw socket's program sees the message that the socket is for
 * from its first byte on, a UDP socket's the UDP header too. Throws SystemCallError.
 */
export function attachFilter(libc: Libc, fd: number, program: readonly Instruction[]): void {
  if (libc.attachFilter(fd, serializeProgram(program)) < 0) throw new SystemCallError('attach filter', libc.errno())
}

function serializeProgram(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * INSTRUCTION_BYTES)
  const view = new DataView(bytes.buffer)
  for (const [index, [code, jumpTrue, jumpFalse, operand]] of program.entries()) {
    const at = index * INSTRUCTION_BYTES
    view.setUint16(at, code, true)
    view.setUint8(at + 2, jumpTrue)
    view.setUint8(at + 3, jumpFalse)
    view.setUint32(at + 4, operand, true)
  }
  return bytes
}
