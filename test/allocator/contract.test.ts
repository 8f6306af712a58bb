/**
 * The cases of OpenELB's own tests of its address management, in our words and for both families: each is a row, each deliberate difference
 * says so in its name.
 */
import t from 'tap'
import { decide } from '../../src/allocator/decide.ts'
import { OPT_IN } from '../../src/api/service-annotations.ts'
import { claim, type EipOptions, eip, type FactsOptions, facts, type ServiceOptions, service } from '../support/allocator-objects.ts'
import { brief } from '../support/decision-brief.ts'

/** Addresses of one family: pool 1 to 9, number 0 to 3. */
interface Twin {
  readonly family: 'IPv4' | 'IPv6'
  readonly at: (pool: number, number: number) => string
  readonly range: (pool: number) => string
}
const TWINS: readonly Twin[] = [
  { family: 'IPv4', at: (pool, number) => `192.168.${pool}.${number}`, range: (pool) => `192.168.${pool}.0/30` },
  {
    family: 'IPv6',
    at: (pool, number) => (number === 0 ? `fd00:${pool}::` : `fd00:${pool}::${number}`),
    range: (pool) => `fd00:${pool}::/126`,
  },
]

interface Row {
  readonly name: string
  readonly given?: ServiceOptions
  readonly facts?: FactsOptions
  readonly want: string
}

/** What the rows of one family are made of. */
function pieces({ family, at, range }: Twin) {
  const condition = { status: 'True', reason: 'Allocated', message: `${at(1, 0)} of Eip p1` } as const
  return {
    at,
    p1: (over: EipOptions = {}) => eip('p1', range(1), over),
    p2: (over: EipOptions = {}) => eip('p2', range(2), over),
    dflt: (over: EipOptions = {}) => eip('dflt', range(9), { isDefault: true, ...over }),
    shown: { label: 'p1', ingress: [at(1, 0)], condition, ipFamilies: [family] },
    held: [claim(at(1, 0), 'p1', 's')],
    full: [0, 1, 2, 3].map((number) => claim(at(1, number), 'p1', `x${number}`)),
  }
}
type Pieces = ReturnType<typeof pieces>

/** TestManager_ConstructAllocate: what a Service is to get and to lose. */
const constructAllocate = ({ at, p1, p2, dflt, shown, held }: Pieces): readonly Row[] => [
  { name: 'clusterIP service', given: { type: 'ClusterIP' }, want: 'leave: not-load-balancer' },
  {
    name: 'clusterIP service, status has ip',
    given: { type: 'ClusterIP', ...shown },
    facts: { eips: [p1()], claims: held },
    want: `release ${at(1, 0)} clear`,
  },
  {
    name: 'only the opt-in annotation, no default Eip, held by another Eip: kept (OpenELB releases)',
    given: shown,
    facts: { eips: [p1()], claims: held },
    want: `keep ${at(1, 0)} of p1`,
  },
  { name: 'default eip', facts: { eips: [dflt()] }, want: `claim ${at(9, 0)} of dflt (free)` },
  {
    name: 'default eip, held, no label: kept (OpenELB releases and allocates)',
    facts: { eips: [dflt()], claims: [claim(at(9, 1), 'dflt', 's')] },
    want: `keep ${at(9, 1)} of dflt`,
  },
  { name: 'annotations complete, no record', given: { eip: 'p1' }, facts: { eips: [p1()] }, want: `claim ${at(1, 0)} of p1 (free)` },
  {
    name: 'annotations complete, record, no status and no label: finished (OpenELB releases and allocates)',
    given: { eip: 'p1' },
    facts: { eips: [p1()], claims: [claim(at(1, 2), 'p1', 's')] },
    want: `keep ${at(1, 2)} of p1`,
  },
  {
    name: 'spec.loadBalancerIP, no record',
    given: { loadBalancerIP: at(1, 3) },
    facts: { eips: [p1()] },
    want: `claim ${at(1, 3)} of p1 (request)`,
  },
  {
    name: 'spec.loadBalancerIP, record, status and label',
    given: { loadBalancerIP: at(1, 0), ...shown },
    facts: { eips: [p1()], claims: held },
    want: `keep ${at(1, 0)} of p1`,
  },
  { name: 'annotation IP', given: { address: at(1, 1) }, facts: { eips: [p1()] }, want: `claim ${at(1, 1)} of p1 (request)` },
  {
    name: 'annotation IP and spec: the annotation wins',
    given: { address: at(1, 1), loadBalancerIP: at(1, 3) },
    facts: { eips: [p1()] },
    want: `claim ${at(1, 1)} of p1 (request)`,
  },
  { name: 'no eip: the annotation names an absent one', given: { eip: 'p1' }, want: 'nothing, refused PoolNotFound' },
  { name: 'deleting, no record, status shows an address', given: { deleting: true, ...shown }, want: 'release  clear' },
  {
    name: 'deleting, record',
    given: { deleting: true, ...shown },
    facts: { eips: [p1()], claims: held },
    want: `release ${at(1, 0)} clear`,
  },
  {
    name: 'opt-in missing, record: released, and nothing adopts it again',
    given: { optIn: false, eip: 'p1', ...shown },
    facts: { eips: [p1(), dflt()], claims: held },
    want: `release ${at(1, 0)} clear ${OPT_IN}=none`,
  },
  { name: 'normal update', given: { eip: 'p1', ...shown }, facts: { eips: [p1()], claims: held }, want: `keep ${at(1, 0)} of p1` },
  {
    name: 'update eip: the new address is claimed before the old one is released',
    given: { eip: 'p2', ...shown },
    facts: { eips: [p1(), p2()], claims: held },
    want: `claim ${at(2, 0)} of p2 (free)`,
  },
  {
    name: 'bind by spec.namespaces',
    facts: { eips: [p1({ namespaces: ['default'] }), dflt()] },
    want: `claim ${at(1, 0)} of p1 (free)`,
  },
  {
    name: 'bind by namespaceSelector',
    facts: { eips: [p1({ namespaceSelector: { a: 'b' } }), dflt()], labels: { a: 'b', c: 'd' } },
    want: `claim ${at(1, 0)} of p1 (free)`,
  },
  {
    name: 'two bound Eips, priorities 20 and 10',
    facts: { eips: [p1({ namespaces: ['default'], priority: 20 }), p2({ namespaces: ['default'], priority: 10 })] },
    want: `claim ${at(2, 0)} of p2 (free)`,
  },
  {
    name: 'default eip, none bound',
    facts: { eips: [p1({ namespaces: ['other'] }), dflt()] },
    want: `claim ${at(9, 0)} of dflt (free)`,
  },
]

/** TestManager_AssignIP: an address is given, or not. */
const assignIp = ({ at, p1, shown, held, full }: Pieces): readonly Row[] => [
  { name: 'no request', given: { optIn: 'none' }, facts: { eips: [p1()] }, want: 'leave: opted-out' },
  { name: 'the Eip is missing', given: { eip: 'other' }, facts: { eips: [p1()] }, want: 'nothing, refused PoolNotFound' },
  {
    name: 'a static address',
    given: { eip: 'p1', address: at(1, 2) },
    facts: { eips: [p1()] },
    want: `claim ${at(1, 2)} of p1 (request)`,
  },
  { name: 'any address', given: { eip: 'p1' }, facts: { eips: [p1()] }, want: `claim ${at(1, 0)} of p1 (free)` },
  {
    name: 'the Eip is being deleted',
    given: { eip: 'p1' },
    facts: { eips: [p1({ deleting: true })] },
    want: 'nothing, refused PoolDeleted',
  },
  { name: 'the Eip is disabled', given: { eip: 'p1' }, facts: { eips: [p1({ disable: true })] }, want: 'nothing, refused PoolDisabled' },
  {
    name: 'the address is out of its range',
    given: { eip: 'p1', address: at(2, 0) },
    facts: { eips: [p1()] },
    want: 'nothing, refused AddressOutsidePool',
  },
  { name: 'the Eip is full', given: { eip: 'p1' }, facts: { eips: [p1()], claims: full }, want: 'nothing, refused PoolExhausted' },
  {
    name: 'the address is held by another: shared',
    given: { eip: 'p1', address: at(1, 1), ports: [{ port: 443, protocol: 'TCP' }] },
    facts: { eips: [p1()], claims: full },
    want: `join ${at(1, 1)} of p1 beside default/x1 (request)`,
  },
  {
    name: 'the address is held by another with the same port: refused (OpenELB shares)',
    given: { eip: 'p1', address: at(1, 1) },
    facts: { eips: [p1()], claims: full },
    want: 'nothing, refused PortClash',
  },
  { name: 'an own record', given: { eip: 'p1', ...shown }, facts: { eips: [p1()], claims: held }, want: `keep ${at(1, 0)} of p1` },
  {
    name: 'an own record, and another address is asked for: claimed first',
    given: { eip: 'p1', address: at(1, 2), ...shown },
    facts: { eips: [p1()], claims: held },
    want: `claim ${at(1, 2)} of p1 (request)`,
  },
  {
    name: 'and then the old one goes (OpenELB keeps both)',
    given: { eip: 'p1', address: at(1, 2), ...shown },
    facts: { eips: [p1()], claims: [...held, claim(at(1, 2), 'p1', 's')] },
    want: `keep ${at(1, 2)} of p1, drop ${at(1, 0)}`,
  },
]

/** TestManager_ReleaseIP: an address is given back. */
const releaseIp = ({ at, p1, shown, held }: Pieces): readonly Row[] => [
  { name: 'nothing to release', given: { deleting: true }, facts: { eips: [p1()] }, want: 'leave: not-load-balancer' },
  {
    name: 'the Eip is missing',
    given: { deleting: true, ...shown },
    facts: { claims: held },
    want: `release ${at(1, 0)} clear`,
  },
  {
    name: 'the Eip is being deleted',
    given: { deleting: true, ...shown },
    facts: { eips: [p1({ deleting: true })], claims: held },
    want: `release ${at(1, 0)} clear`,
  },
  { name: 'no record', given: { deleting: true, ...shown }, facts: { eips: [p1()] }, want: 'release  clear' },
  {
    name: 'a record',
    given: { deleting: true, ...shown },
    facts: { eips: [p1()], claims: held },
    want: `release ${at(1, 0)} clear`,
  },
]

const CHAPTERS = { TestManager_ConstructAllocate: constructAllocate, TestManager_AssignIP: assignIp, TestManager_ReleaseIP: releaseIp }

for (const twin of TWINS) {
  for (const [chapter, rows] of Object.entries(CHAPTERS)) {
    t.test(`${chapter}, ${twin.family}`, async (t) => {
      for (const { name, given, facts: with_, want } of rows(pieces(twin))) {
        t.equal(brief(decide(facts(service('s', { ipFamilies: [twin.family], ...given }), with_ ?? {}))), want, name)
      }
    })
  }
}
