import type { Announcer } from './announcer.ts'
import type { BgpLine } from './bgp/route.ts'
import type { Layer2Line } from './layer2/table.ts'
import type { ServedProtocol } from './protocols.ts'

/** What each protocol puts on the wire. */
export interface LinesOf {
  readonly layer2: Layer2Line
  readonly bgp: BgpLine
}

/** The announcer of every served protocol: a protocol that becomes served does not compile before it has one. */
export type Announcers = { readonly [P in ServedProtocol]: Announcer<LinesOf[P]> | undefined }
