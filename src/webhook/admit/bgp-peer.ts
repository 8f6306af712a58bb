/** Admission of BgpPeers. */
import { BgpPeer, type BgpPeerObject } from '../../api/bgp-peer.ts'
import { validateBgpPeer } from '../../policy/validate-bgp-peer.ts'
import { allow, refuse } from '../../policy/verdict.ts'
import type { AdmissionRequest, Answer } from '../admission.ts'
import { readOurs } from './objects.ts'

/** The validating webhook; `others` are the stored BgpPeers. Only creations and changes are judged. */
export function reviewBgpPeer(request: AdmissionRequest, others: readonly BgpPeerObject[]): Answer {
  if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return allow()
  const peer = readOurs(BgpPeer, request.object)
  if (!peer.ok) return refuse(peer.error, 'correct that field')
  if (peer.value.metadata.deletionTimestamp !== undefined) return allow()
  const before = request.operation === 'UPDATE' ? readOurs(BgpPeer, request.oldObject) : undefined
  return validateBgpPeer(peer.value, before?.ok === true ? before.value : undefined, others)
}
