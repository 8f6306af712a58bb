import t from 'tap'
import type { Pool } from '../../src/policy/pool.ts'
import { DEFAULT_SETTINGS } from '../../src/policy/settings.ts'
import { type NotOurs, type Ownership, whoseService } from '../../src/policy/whose-service.ts'
import { DEFAULT_EIP, pool, type ServiceOptions, serviceObject } from '../support/policy-objects.ts'

const OPT_IN = 'lb.kubesphere.io/v1alpha1'
const OURS = { annotations: { [OPT_IN]: 'openelb' } }
const DEFAULT = pool('dflt', '10.0.0.0/24', { annotations: DEFAULT_EIP })

const ours = (by: 'class' | 'annotation' | 'default-eip'): Ownership => ({ kind: 'ours', by })
const not = (reason: NotOurs): Ownership => ({ kind: 'not-ours', reason })

interface Row {
  readonly name: string
  readonly given: ServiceOptions
  readonly pools?: readonly Pool[]
  /** Under `default-eip`, `annotated`, `class`. */
  readonly want: readonly [Ownership, Ownership, Ownership]
}
const always = (want: Ownership) => [want, want, want] as const

const TABLE: readonly Row[] = [
  { name: 'a bare one', given: {}, want: [ours('default-eip'), not('not-opted-in'), not('not-opted-in')] },
  { name: 'a bare one, no pools', given: {}, pools: [], want: [not('no-default-eip'), not('not-opted-in'), not('not-opted-in')] },
  {
    name: 'a bare one, default disabled',
    given: {},
    pools: [pool('d', { address: '10.0.0.0/24', disable: true }, { annotations: DEFAULT_EIP })],
    want: [not('no-default-eip'), not('not-opted-in'), not('not-opted-in')],
  },
  {
    name: 'a bare one, default being deleted',
    given: {},
    pools: [pool('d', '10.0.0.0/24', { annotations: DEFAULT_EIP, deleting: true })],
    want: [not('no-default-eip'), not('not-opted-in'), not('not-opted-in')],
  },
  { name: 'a ClusterIP with our annotation', given: { ...OURS, spec: { type: 'ClusterIP' } }, want: always(not('not-load-balancer')) },
  { name: 'our annotation', given: OURS, want: [ours('annotation'), ours('annotation'), not('not-opted-in')] },
  { name: 'our annotation, no pools', given: OURS, pools: [], want: [ours('annotation'), ours('annotation'), not('not-opted-in')] },
  { name: 'another value', given: { annotations: { [OPT_IN]: 'other' } }, want: always(not('opted-out')) },
  { name: 'our own opt-out', given: { annotations: { [OPT_IN]: 'none' } }, want: always(not('opted-out')) },
  { name: 'an empty value', given: { annotations: { [OPT_IN]: '' } }, want: always(not('opted-out')) },
  { name: 'our class', given: { spec: { loadBalancerClass: 'openelb.io/openelb' } }, want: always(ours('class')) },
  {
    name: 'our class, opted out',
    given: { annotations: { [OPT_IN]: 'none' }, spec: { loadBalancerClass: 'openelb.io/openelb' } },
    want: always(not('opted-out')),
  },
  { name: 'a foreign class', given: { spec: { loadBalancerClass: 'example.com/other' } }, want: always(not('foreign-class')) },
  {
    name: 'a foreign class with our annotation',
    given: { ...OURS, spec: { loadBalancerClass: 'example.com/other' } },
    want: always(not('foreign-class')),
  },
  {
    name: 'a bare one in kube-system',
    given: { namespace: 'kube-system' },
    want: [not('protected-namespace'), not('not-opted-in'), not('not-opted-in')],
  },
  {
    name: 'a bare one beside us',
    given: { namespace: 'elb' },
    want: [not('protected-namespace'), not('not-opted-in'), not('not-opted-in')],
  },
  {
    name: 'our annotation in kube-system',
    given: { ...OURS, namespace: 'kube-system' },
    want: [ours('annotation'), ours('annotation'), not('not-opted-in')],
  },
  {
    name: 'a bare one that another implementation serves',
    given: { ingress: '192.0.2.1' },
    want: [not('served-by-another'), not('not-opted-in'), not('not-opted-in')],
  },
  {
    name: 'a bare one that we serve',
    given: { ingress: '10.0.0.1', labels: { 'eip.openelb.kubesphere.io/v1alpha2': 'dflt' } },
    want: [ours('default-eip'), not('not-opted-in'), not('not-opted-in')],
  },
  {
    name: 'Porter keys only',
    given: { annotations: { 'lb.kubesphere.io/v1alpha1': 'porter' } },
    want: always(not('opted-out')),
  },
]

t.test('whose Service', async (t) => {
  for (const { name, given, pools = [DEFAULT], want } of TABLE) {
    for (const [at, adopt] of (['default-eip', 'annotated', 'class'] as const).entries()) {
      t.same(whoseService(serviceObject(given), { ...DEFAULT_SETTINGS, adopt }, pools, 'elb'), want[at], `${name} (${adopt})`)
    }
  }
})
