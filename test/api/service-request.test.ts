import fc from 'fast-check'
import t from 'tap'
import { formatIp } from '../../src/addr/ip.ts'
import { ADDRESSES, ALLOW_SHARED_IP, EIP_NAME, PROTOCOL, REQUESTED_ADDRESS } from '../../src/api/service-annotations.ts'
import {
  ADDRESS_SOURCES,
  COMPAT_NAMES,
  type Compat,
  EIP_SOURCES,
  LOAD_BALANCER_IP,
  readServiceRequest,
  SHARING_SOURCES,
} from '../../src/api/service-request.ts'

const METALLB_IPS = 'metallb.io/loadBalancerIPs'
const METALLB_OLD_IPS = 'metallb.universe.tf/loadBalancerIPs'
const METALLB_POOL = 'metallb.io/address-pool'
const METALLB_SHARED = 'metallb.io/allow-shared-ip'
const KUBE_VIP_IPS = 'kube-vip.io/loadbalancerIPs'

const metadata = { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' }

/** The request as texts, without what is empty. */
function read(annotations: Readonly<Record<string, string>> | undefined, loadBalancerIP?: string, compat: readonly Compat[] = []) {
  const service = {
    metadata: { ...metadata, ...(annotations && { annotations }) },
    spec: { type: 'LoadBalancer', ...(loadBalancerIP !== undefined && { loadBalancerIP }) },
  }
  const request = readServiceRequest(service, compat)
  if (!request.ok) return { errors: request.error }
  const { eips, addresses, ignored, ...rest } = request.value
  return {
    ...rest,
    ...(eips.length > 0 && { eips }),
    ...(addresses.length > 0 && { addresses: addresses.map(({ ip, from }) => `${formatIp(ip)} by ${from}`) }),
    ...(ignored.length > 0 && { ignored: ignored.map(({ setting }) => setting) }),
  }
}

t.test('grammar and precedence', async (t) => {
  const table: readonly {
    readonly name: string
    readonly given: Readonly<Record<string, string>> | undefined
    readonly ip?: string
    readonly compat?: readonly Compat[]
    readonly want: object
  }[] = [
    { name: 'no annotations at all', given: undefined, want: {} },
    {
      name: 'empty values are absent',
      given: { [EIP_NAME]: '', [REQUESTED_ADDRESS]: ' ', [PROTOCOL]: '', [ADDRESSES]: '' },
      ip: '',
      want: {},
    },
    { name: 'a named Eip', given: { [EIP_NAME]: 'eip-pool' }, want: { eips: ['eip-pool'] } },
    { name: 'space around values', given: { [EIP_NAME]: ' eip-pool\n' }, want: { eips: ['eip-pool'] } },
    { name: 'several Eips, in order, each once', given: { [EIP_NAME]: 'b, a,b' }, want: { eips: ['b', 'a'] } },
    { name: 'the annotation', given: { [REQUESTED_ADDRESS]: '10.0.0.3' }, want: { addresses: [`10.0.0.3 by ${REQUESTED_ADDRESS}`] } },
    { name: 'the field', given: {}, ip: 'FD00::0001', want: { addresses: ['fd00::1 by spec.loadBalancerIP'] } },
    {
      name: 'the annotation wins over the field, which may be anything',
      given: { [REQUESTED_ADDRESS]: '10.0.0.3' },
      ip: 'junk',
      want: { addresses: [`10.0.0.3 by ${REQUESTED_ADDRESS}`], ignored: [LOAD_BALANCER_IP] },
    },
    {
      name: 'both say the same',
      given: { [REQUESTED_ADDRESS]: '10.0.0.3' },
      ip: '10.0.0.3',
      want: { addresses: [`10.0.0.3 by ${REQUESTED_ADDRESS}`] },
    },
    {
      name: 'one address of each family, in the order of the list',
      given: { [ADDRESSES]: 'fd00::3, 10.0.0.3' },
      want: { addresses: [`fd00::3 by ${ADDRESSES}`, `10.0.0.3 by ${ADDRESSES}`] },
    },
    {
      name: 'our list wins over all',
      given: { [ADDRESSES]: '10.0.0.4', [REQUESTED_ADDRESS]: '10.0.0.3', [METALLB_IPS]: '10.0.0.2' },
      ip: '10.0.0.1',
      compat: ['metallb'],
      want: { addresses: [`10.0.0.4 by ${ADDRESSES}`], ignored: [REQUESTED_ADDRESS, METALLB_IPS, LOAD_BALANCER_IP] },
    },
    {
      name: 'those of others are not read unless they are named',
      given: { [METALLB_IPS]: 'junk', [KUBE_VIP_IPS]: 'junk', [METALLB_POOL]: '?' },
      want: {},
    },
    {
      name: 'one of the others',
      given: { [METALLB_IPS]: '10.0.0.2', [KUBE_VIP_IPS]: '10.0.0.3' },
      compat: ['kube-vip'],
      want: { addresses: [`10.0.0.3 by ${KUBE_VIP_IPS}`] },
    },
    {
      name: 'both, and MetalLB first',
      given: { [METALLB_OLD_IPS]: '10.0.0.2,fd00::2', [KUBE_VIP_IPS]: '10.0.0.3' },
      compat: ['kube-vip', 'metallb'],
      want: { addresses: [`10.0.0.2 by ${METALLB_OLD_IPS}`, `fd00::2 by ${METALLB_OLD_IPS}`], ignored: [KUBE_VIP_IPS] },
    },
    { name: 'kube-vip asks DHCP', given: { [KUBE_VIP_IPS]: '0.0.0.0' }, compat: ['kube-vip'], want: { ignored: [KUBE_VIP_IPS] } },
    { name: 'the pool of MetalLB', given: { [METALLB_POOL]: 'p' }, compat: ['metallb'], want: { eips: ['p'] } },
    {
      name: 'our pool wins',
      given: { [METALLB_POOL]: 'p', [EIP_NAME]: 'q' },
      compat: ['metallb'],
      want: { eips: ['q'], ignored: [METALLB_POOL] },
    },
    { name: 'a key', given: { [ALLOW_SHARED_IP]: ' k ' }, want: { sharingKey: 'k' } },
    { name: 'the key of MetalLB', given: { [METALLB_SHARED]: 'k' }, compat: ['metallb'], want: { sharingKey: 'k' } },
    { name: 'a protocol is a filter', given: { [PROTOCOL]: 'layer2' }, want: { protocol: 'layer2' } },
    {
      name: 'a named Eip makes the protocol void',
      given: { [EIP_NAME]: 'p', [PROTOCOL]: 'layer2' },
      want: { eips: ['p'], ignored: [PROTOCOL] },
    },
    { name: 'even a wrong one', given: { [EIP_NAME]: 'p', [PROTOCOL]: 'arp' }, want: { eips: ['p'], ignored: [PROTOCOL] } },
  ]
  for (const { name, given, ip, compat, want } of table) t.same(read(given, ip, compat), want, name)
})

t.test('what cannot be read is an error and never "no wish"', async (t) => {
  const table: readonly {
    readonly given: Readonly<Record<string, string>>
    readonly ip?: string
    readonly setting: string
    readonly message: RegExp
  }[] = [
    { given: { [REQUESTED_ADDRESS]: 'not-an-ip' }, setting: REQUESTED_ADDRESS, message: /"not-an-ip" is not an IP address/ },
    { given: { [REQUESTED_ADDRESS]: '10.251.0.161/32' }, setting: REQUESTED_ADDRESS, message: /10\.251\.0\.161\/32/ },
    { given: { [REQUESTED_ADDRESS]: '256.1.1.1' }, setting: REQUESTED_ADDRESS, message: /256/ },
    { given: { [REQUESTED_ADDRESS]: '10.0.0.1,fd00::1' }, setting: REQUESTED_ADDRESS, message: /not an IP address/ },
    { given: { [REQUESTED_ADDRESS]: '1'.repeat(1e6) }, setting: REQUESTED_ADDRESS, message: /^.{0,200}$/ },
    { given: { [REQUESTED_ADDRESS]: 'junk' }, ip: '10.0.0.1', setting: REQUESTED_ADDRESS, message: /junk/ },
    { given: {}, ip: '1.2.3.4-', setting: LOAD_BALANCER_IP, message: /^spec\.loadBalancerIP: / },
    { given: { [ADDRESSES]: '10.0.0.1,10.0.0.2' }, setting: ADDRESSES, message: /"10\.0\.0\.2" is a second IPv4 address/ },
    { given: { [ADDRESSES]: '10.0.0.1,' }, setting: ADDRESSES, message: /"" is not an IP address/ },
    { given: { [EIP_NAME]: 'Not A Name' }, setting: EIP_NAME, message: /not the name of an Eip/ },
    { given: { [EIP_NAME]: 'a,' }, setting: EIP_NAME, message: /"" is not the name/ },
    { given: { [EIP_NAME]: 'a'.repeat(254) }, setting: EIP_NAME, message: /^.{0,200}$/ },
    { given: { [EIP_NAME]: 'a/b' }, setting: EIP_NAME, message: /a\/b/ },
    { given: { [EIP_NAME]: '-a' }, setting: EIP_NAME, message: /-a/ },
    { given: { [EIP_NAME]: Array.from({ length: 17 }, (_, at) => `p${at}`).join(',') }, setting: EIP_NAME, message: /more than 16 Eips/ },
    { given: { [PROTOCOL]: 'arp' }, setting: PROTOCOL, message: /bgp, layer2 or vip/ },
    { given: { [PROTOCOL]: 'Layer2' }, setting: PROTOCOL, message: /Layer2/ },
    { given: { [ADDRESSES]: '1.1,'.repeat(60_000) }, setting: ADDRESSES, message: /^.{1,120} names more than 16 addresses$/ },
    { given: { [ALLOW_SHARED_IP]: 'k'.repeat(129) }, setting: ALLOW_SHARED_IP, message: /longer than 128/ },
  ]
  for (const { given, ip, setting, message } of table) {
    t.match(read(given, ip), { errors: [{ setting, message, value: /^.{0,70}$/ }] }, `${setting} ${String(message)}`)
  }
  const all = read({ [EIP_NAME]: 'A', [REQUESTED_ADDRESS]: 'b', [PROTOCOL]: 'c' })
  t.match(all, { errors: [{ setting: EIP_NAME }, { setting: REQUESTED_ADDRESS }] }, 'one error per setting')
})

t.test('the strongest source that is there decides, whatever others say', async (t) => {
  const texts = fc.constantFrom(undefined, '10.0.0.1', '10.0.0.2')
  const anyCompat = fc.subarray([...COMPAT_NAMES])
  const result = fc.check(
    fc.property(fc.array(texts, { minLength: ADDRESS_SOURCES.length, maxLength: ADDRESS_SOURCES.length }), anyCompat, (values, compat) => {
      const said = ADDRESS_SOURCES.map((source, at) => ({ ...source, text: values[at] }))
      const annotations = Object.fromEntries(
        said.flatMap(({ setting, text }) => (setting === LOAD_BALANCER_IP || text === undefined ? [] : [[setting, text]])),
      )
      const counting = said.filter(({ text, compat: other }) => text !== undefined && (other === undefined || compat.includes(other)))
      const [first, ...weaker] = counting
      const got = read(annotations, said.at(-1)?.text, compat) as { addresses?: string[]; ignored?: string[] }
      const wantIgnored = weaker.filter(({ text }) => text !== first?.text).map(({ setting }) => setting)
      return (
        got.addresses?.[0] === (first && `${first.text} by ${first.setting}`) &&
        JSON.stringify(got.ignored ?? []) === JSON.stringify(wantIgnored)
      )
    }),
  )
  t.notOk(result.failed, String(fc.defaultReportMessage(result)))
})

t.test('any text is read or refused with a short sentence', async (t) => {
  const settings = [...EIP_SOURCES, ...ADDRESS_SOURCES, ...SHARING_SOURCES].map(({ setting }) => setting)
  const result = fc.check(
    fc.property(fc.dictionary(fc.constantFrom(...settings, PROTOCOL), fc.string({ maxLength: 300 })), (annotations) => {
      const got = read(annotations, annotations[LOAD_BALANCER_IP], COMPAT_NAMES)
      return !('errors' in got) || got.errors.every(({ message, setting }) => message.startsWith(setting) && message.length < 400)
    }),
  )
  t.notOk(result.failed, String(fc.defaultReportMessage(result)))
})
