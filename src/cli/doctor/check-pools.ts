/** The Eips and the Services that want addresses. */
import { formatIp } from '../../addr/ip.ts'
import { createPoolBook, type PoolBook } from '../../allocator/pools.ts'
import type { NodeObject, ServiceObject } from '../../api/core-objects.ts'
import type { EipObject } from '../../api/eip.ts'
import { OPT_IN, OPT_IN_VALUE } from '../../api/service-annotations.ts'
import { readNodeNetwork } from '../../policy/node-network.ts'
import { poolGives } from '../../policy/pool-ranges.ts'
import { isServed } from '../../policy/served-protocols.ts'
import { nearest } from '../../runtime/nearest.ts'
import type { Reading } from '../cluster-reader.ts'
import { type LedgerState, nameOfService } from '../ledger-state.ts'
import { poolLines } from '../pool-line.ts'
import { shortTrouble } from '../trouble.ts'
import { waitingServices } from '../waiting.ts'
import { counted, type Finding, fail, fine, someOf, warn } from './finding.ts'

export function checkPools(state: LedgerState, nodes: Reading<readonly NodeObject[]>): readonly Finding[] {
  const book = createPoolBook(state.eips, state.excluded)
  if (state.eips.length === 0) return [warn('pools', 'there is no Eip, so nobody gets an address', 'create one, as docs/crds.md shows')]
  const findings = [
    ...state.eips.flatMap((eip) => checkStanding(eip, book)),
    ...exhausted(state),
    ...(nodes.ok
      ? nodeAddresses(book, nodes.value)
      : [warn('pools', `whether they contain addresses of nodes is unknown: ${shortTrouble(nodes.error)}`)]),
  ]
  const failed = findings.some(({ level }) => level === 'FAIL')
  return failed || findings.length > 0 ? findings : [fine('pools', `${counted(state.eips.length, 'Eip')}, all in order`)]
}

function checkStanding(eip: EipObject, book: PoolBook): readonly Finding[] {
  const { name } = eip.metadata
  const state = book.get(name)
  if (state === undefined) return []
  if (state.kind === 'invalid') return [fail('pools', `Eip ${name}: ${state.error.message}`, state.error.cure)]
  if (state.kind === 'overlap')
    return [
      fail('pools', `Eip ${name} overlaps with the older ${state.with} and gives nothing`, 'delete one of the two, or change their ranges'),
    ]
  const { protocol } = state.pool
  const unserved = isServed(protocol)
    ? []
    : [
        warn(
          'pools',
          `Eip ${name}: no speaker announces ${protocol} yet, so its addresses are reached by nobody`,
          'use protocol layer2, or announce them yourself',
        ),
      ]
  const ready = eip.status?.conditions?.find(({ type }) => type === 'Ready')
  if (ready === undefined) return [warn('pools', `the allocator has not seen Eip ${name} yet`, 'see whether it has a leader'), ...unserved]
  return ready.status === 'False' && !state.pool.deleting ? [fail('pools', `Eip ${name}: ${ready.message}`), ...unserved] : unserved
}

const exhausted = (state: LedgerState): readonly Finding[] =>
  poolLines(state)
    .filter(({ free, total }) => free === '0' && total !== '0')
    .map(({ name, total, waiting }) =>
      warn(
        'pools',
        `Eip ${name} has given all it has (${total}), and ${waiting === 0 ? 'no' : waiting} ${waiting < 2 ? 'Service waits' : 'Services wait'}`,
        'add a range to spec.addresses, or create another Eip',
      ),
    )

function nodeAddresses(book: PoolBook, nodes: readonly NodeObject[]): readonly Finding[] {
  const addresses = nodes.map(readNodeNetwork).flatMap((node) => node.addresses.map((ip) => ({ node: node.name, ip })))
  return book.active.flatMap((pool) => {
    const inside = addresses.filter(({ ip }) => poolGives(pool, ip))
    if (inside.length === 0) return []
    const named = someOf(inside.map(({ node, ip }) => `${formatIp(ip)} of node ${node}`))
    return [warn('pools', `Eip ${pool.name} contains ${named}`, 'name them in spec.exclude; OpenELB gives no address of a node')]
  })
}

export function checkServices({ services }: LedgerState): readonly Finding[] {
  const waiting = waitingServices(services)
  const findings = [
    ...waiting.map(({ service, reason, message }) =>
      warn('services', `${service} waits: ${reason}: ${message}`, `openelb explain service ${service}`),
    ),
    ...services.flatMap(checkOptIn),
  ]
  return findings.length > 0 ? findings : [fine('services', 'none waits')]
}

/** A value that somebody meant as opting in, and that opts out. */
function checkOptIn(service: ServiceObject): readonly Finding[] {
  const value = service.metadata.annotations?.[OPT_IN]
  if (service.spec.type !== 'LoadBalancer' || value === undefined || value === OPT_IN_VALUE) return []
  const meant = value.trim().toLowerCase()
  const slip = meant === '' || ['true', 'yes', 'on', '1'].includes(meant) || nearest(meant, [OPT_IN_VALUE]) !== undefined
  if (!slip) return []
  return [
    warn(
      'services',
      `${nameOfService(service)} has the annotation ${OPT_IN}: ${JSON.stringify(value.slice(0, 64))}, which opts out`,
      `write ${OPT_IN}: ${OPT_IN_VALUE}`,
    ),
  ]
}
