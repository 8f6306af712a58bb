import { AddressClaim } from './address-claim.ts'
import { BgpConf } from './bgp-conf.ts'
import { BgpPeer } from './bgp-peer.ts'
import type { Kind } from './define-kind.ts'
import { Eip } from './eip.ts'

export { GROUP, VERSION } from './group.ts'

/** Every kind of ours, in the order in which the manifest installs them. */
export const KINDS: readonly Kind[] = [BgpConf, BgpPeer, Eip, AddressClaim]
