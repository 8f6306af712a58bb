/** What people write on an AddressClaim. */

/**
 * AddressClaim annotation: an administrator wants the address to move to another node, written `NODE@EPOCH`. It counts only while EPOCH is
 * the epoch of the present owner, so that it is fulfilled once at most and an old one moves nothing.
 */
export const MOVE = 'openelb.io/move'

/** The node that shall own the address, if its owner is still that of `epoch`. */
export interface MoveWish {
  readonly node: string
  readonly epoch: number
}

/** RFC 1123 subdomain, as the API server wants it of the name of a Node. */
const NODE_NAME = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/
const LONGEST_NODE_NAME = 253
const EPOCH = /^(0|[1-9][0-9]{0,15})$/

/** The value of the annotation. */
export const formatMove = ({ node, epoch }: MoveWish): string => `${node}@${epoch}`

/** The inverse of formatMove; undefined for everything that formatMove never gives for the name of a node. */
export function parseMove(text: string): MoveWish | undefined {
  const [node = '', digits = '', ...more] = text.split('@')
  if (more.length > 0 || node.length > LONGEST_NODE_NAME || !NODE_NAME.test(node) || !EPOCH.test(digits)) return undefined
  const epoch = Number(digits)
  return Number.isSafeInteger(epoch) ? { node, epoch } : undefined
}

/** The wish of a claim; undefined when there is none that can be read. */
export function moveWishOf({
  metadata,
}: {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
}): MoveWish | undefined {
  const text = metadata.annotations?.[MOVE]
  return text === undefined ? undefined : parseMove(text)
}
