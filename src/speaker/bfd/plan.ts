import { type Ip, ipToBytes } from '../../addr/ip.ts'
import type { BfdPath } from './demux.ts'
import type { BfdSpec } from './settings.ts'

/** One session and everybody who asks for it. */
export interface PlannedSession {
  /** Of the one who asked first: two that differ cannot both have their way on one path. */
  readonly spec: BfdSpec
  readonly path: BfdPath
  readonly keys: readonly string[]
}

/** Bytes of an address as a text, which is quicker made for each packet than words for people. */
export const addressText = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

const textOf = (ip: Ip): string => addressText(ipToBytes(ip))

/** What packets of a session come by. */
export const pathOf = ({ remote, local, device, multihop }: BfdSpec): BfdPath => ({
  hops: multihop ? 'multi' : 'single',
  remote: textOf(remote),
  local: textOf(local),
  interface: device,
})

/** Where a packet came from, without the interface: how sessions are found that the peer does not know yet. */
export const originOf = ({ hops, remote, local }: BfdPath): string => `${hops} ${remote} ${local}`

/** Between two systems there is one session on a path, whoever asks for it. RFC 5881 section 2, RFC 5882 section 2. By path. */
export function planSessions(specs: readonly BfdSpec[]): ReadonlyMap<string, PlannedSession> {
  const plan = new Map<string, PlannedSession>()
  for (const spec of specs) {
    const path = pathOf(spec)
    const name = `${originOf(path)} ${path.interface ?? ''}`
    const before = plan.get(name)
    plan.set(name, before === undefined ? { spec, path, keys: [spec.key] } : { ...before, keys: [...before.keys, spec.key] })
  }
  return plan
}
