/** What becomes of the addresses that Services hold when their Eip is deleted or loses ranges, in the words of warnings. */
import { type Ip, parseIp } from '../addr/ip.ts'
import type { EipObject } from '../api/eip.ts'
import type { Pool } from './pool.ts'
import { poolGives } from './pool-ranges.ts'
import { allow, namesUpTo, type Verdict } from './verdict.ts'

/** Leaves room for the words around the names. */
const NAMES_ROOM = 180

interface Use {
  readonly address: string
  readonly ip: Ip
  /** `namespace/name` of each Service that holds it. */
  readonly services: readonly string[]
}

function usesOf({ status }: EipObject): readonly Use[] {
  return Object.entries(status?.used ?? {}).flatMap(([address, services]) => {
    const ip = parseIp(address)
    return ip.ok ? [{ address, ip: ip.value, services: services.split(';') }] : []
  })
}

const servicesOf = (uses: readonly Use[]): readonly string[] => [...new Set(uses.flatMap(({ services }) => services))].toSorted()

/** `1 address`, `2 addresses`. */
const counted = (count: number): string => `${count} address${count === 1 ? '' : 'es'}`

/** Deleting an Eip is always allowed; the warnings say what becomes of the addresses that are in use, and whose they are. */
export function validateEipDelete(eip: EipObject): Verdict {
  const usage = eip.status?.usage ?? 0
  if (usage === 0) return allow()
  const services = servicesOf(usesOf(eip))
  return allow(
    `${counted(usage)} of Eip ${eip.metadata.name} ${usage === 1 ? 'stays' : 'stay'} assigned and announced; ` +
      'nothing new is given from it; the same Eip, created again, takes back what it had',
    ...(services.length === 0 ? [] : [`Services with an address of Eip ${eip.metadata.name}: ${namesUpTo(services, NAMES_ROOM)}`]),
  )
}

/** What is said of addresses that are in use and that the Eip, as it is now, does not give. */
export function* drainingWarnings(eip: EipObject, pool: Pool): Generator<string> {
  const leaving = usesOf(eip).filter(({ ip }) => !poolGives(pool, ip))
  if (leaving.length === 0) return
  const { name } = pool
  const many = leaving.length > 1
  yield pool.onShrink === 'evict'
    ? `${counted(leaving.length)} in use ${many ? 'leave' : 'leaves'} Eip ${name}, and with spec.onShrink evict ${many ? 'their Services move' : 'its Service moves'} now: clients of the old address are cut off`
    : `${counted(leaving.length)} in use ${many ? 'leave' : 'leaves'} Eip ${name} and ${many ? 'stay' : 'stays'} assigned and announced until released (spec.onShrink evict would move ${many ? 'their Services' : 'its Service'})`
  yield `Services whose addresses leave Eip ${name}: ${namesUpTo(servicesOf(leaving), NAMES_ROOM)}`
}
