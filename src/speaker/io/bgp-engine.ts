import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { BgpEngine } from '../bgp/engine.ts'
import { createBgpEngine } from '../bgp/engine-create.ts'
import { createBfdSessions } from './bfd-sessions.ts'
import { createBgpTransport } from './bgp-transport.ts'
import type { Libc } from './libc.ts'

export interface BgpOptions {
  /** The name of this node. */
  readonly node: string
  readonly libc: Libc
  readonly clock: Clock
  readonly logger: Logger
  /** 0 to 1. */
  readonly random: () => number
  /** Something of peers() or listening() changed; several changes together are told once. */
  readonly onChange: () => void
  /** When this process started, by clock.monotonicMs(); 0 by default, which is right for the real clock. */
  readonly startedMs?: number
  readonly drainMs?: number
}

/** BGP with the sockets of this node, and with BFD for the peers that want it. Nothing is opened before it is needed. */
export function openBgpEngine({ startedMs = 0, ...options }: BgpOptions): BgpEngine {
  const { libc, clock, logger, random } = options
  return createBgpEngine({
    ...options,
    startedMs,
    transport: createBgpTransport({ libc, clock, logger, random, onListening: options.onChange }),
    openBfd: (onChange) => createBfdSessions({ libc, clock, logger, random, onChange }),
  })
}
