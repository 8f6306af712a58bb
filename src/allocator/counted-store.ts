import type { Store } from './store.ts'

/** The kinds of writes, as a metric tells them apart. */
export const WRITE_KINDS = [
  'claim-create',
  'claim-amend',
  'claim-touch',
  'claim-delete',
  'service-status',
  'eip-status',
  'eip-finalizers',
] as const
export type WriteKind = (typeof WRITE_KINDS)[number]

/** The same store; `onWrite` hears of each write before it is sent. */
export function countWrites(store: Store, onWrite: (kind: WriteKind) => void): Store {
  const counted =
    <Args extends readonly unknown[], Answer>(kind: WriteKind, write: (...args: Args) => Answer) =>
    (...args: Args): Answer => {
      onWrite(kind)
      return write(...args)
    }
  return {
    ...store,
    createClaim: counted('claim-create', store.createClaim),
    amendClaim: counted('claim-amend', store.amendClaim),
    touchClaim: counted('claim-touch', store.touchClaim),
    deleteClaim: counted('claim-delete', store.deleteClaim),
    patchService: counted('service-status', store.patchService),
    patchEipStatus: counted('eip-status', store.patchEipStatus),
    setEipFinalizers: counted('eip-finalizers', store.setEipFinalizers),
  }
}
