/** One member of a tar file. Paths are relative, without a leading `./`; `size` is in bytes and counts for files alone. */
export interface TarMember {
  readonly path: string
  readonly kind: 'file' | 'directory' | 'link'
  /** Permission bits only, such as 0o755. */
  readonly mode: number
  readonly size: number
  /** Where a symbolic link points to. */
  readonly target?: string
}

/** Bytes in one record: headers and contents are padded to it. */
export const TAR_BLOCK = 512
const TYPE_FLAG = { file: '0', directory: '5', link: '2' } as const
const NAME_BYTES = 100
/** The largest size that eleven octal digits can say. */
const OCTAL_SIZE_LIMIT = 8 ** 11

/**
 * The header records of one member: a ustar header, preceded by a pax header where the name or the target is longer
 * than 100 bytes. Owner and group are root, the time is 1970, so equal members give equal bytes on every machine.
 * Throws RangeError for a size of 8 GiB or more, which no image of ours has.
 * Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block".
 */
export function tarHeader(member: TarMember): Uint8Array {
  const name = member.kind === 'directory' ? `${member.path}/` : member.path
  const target = member.target ?? ''
  const long: [string, string][] = []
  if (byteLength(name) > NAME_BYTES) long.push(['path', name])
  if (byteLength(target) > NAME_BYTES) long.push(['linkpath', target])
  const size = member.kind === 'file' ? member.size : 0
  const own = ustarHeader({ name, target, mode: member.mode, size, typeFlag: TYPE_FLAG[member.kind] })
  if (long.length === 0) return own
  const records = Buffer.from(long.map(([key, value]) => paxRecord(key, value)).join(''))
  const pax = ustarHeader({ name: 'PaxHeader', target: '', mode: 0o644, size: records.length, typeFlag: 'x' })
  return Buffer.concat([pax, records, tarPadding(records.length), own])
}

/** The zero bytes that follow `size` bytes of content up to the next record. */
export function tarPadding(size: number): Uint8Array {
  return new Uint8Array((TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK)
}

/** The two empty records that end a tar file. */
export const TAR_END = new Uint8Array(2 * TAR_BLOCK)

/** The length in bytes of a whole tar file of these members. */
export function tarLength(members: readonly TarMember[]): number {
  let length = TAR_END.length
  for (const member of members) {
    const size = member.kind === 'file' ? member.size : 0
    length += tarHeader(member).length + size + tarPadding(size).length
  }
  return length
}

function ustarHeader(field: { name: string; target: string; mode: number; size: number; typeFlag: string }): Uint8Array {
  if (field.size >= OCTAL_SIZE_LIMIT) throw new RangeError(`${field.name}: ${field.size} bytes do not fit a ustar header`)
  const block = Buffer.alloc(TAR_BLOCK)
  block.set(Buffer.from(field.name).subarray(0, NAME_BYTES), 0)
  block.write(`${octal(field.mode, 7)}\0`, 100)
  block.write(`${octal(0, 7)}\0`, 108)
  block.write(`${octal(0, 7)}\0`, 116)
  block.write(`${octal(field.size, 11)}\0`, 124)
  block.write(`${octal(0, 11)}\0`, 136)
  block.write(' '.repeat(8), 148)
  block.write(field.typeFlag, 156)
  block.set(Buffer.from(field.target).subarray(0, NAME_BYTES), 157)
  block.write('ustar\u000000', 257)
  block.write('root', 265)
  block.write('root', 297)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${octal(sum, 6)}\0 `, 148)
  return block
}

/** `LENGTH key=value\n`, where LENGTH counts its own digits too. */
function paxRecord(key: string, value: string): string {
  const rest = byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  if (String(length).length + rest !== length) length = rest + String(length).length
  return `${length} ${key}=${value}\n`
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

function byteLength(text: string): number {
  return Buffer.byteLength(text)
}
