import t from 'tap'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import type { ObjectMeta, ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject } from '../../src/api/eip.ts'
import { explainService } from '../../src/cli/explain.ts'
import { formatStatus } from '../../src/cli/status.ts'
import { formatTable } from '../../src/cli/table.ts'

const meta = (name: string, namespace?: string): ObjectMeta => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...(namespace === undefined ? {} : { namespace }),
})
const eip = (name: string, address: string, over: Partial<EipObject> = {}): EipObject => ({
  apiVersion: 'network.kubesphere.io/v1alpha2',
  kind: 'Eip',
  metadata: meta(name),
  spec: { address },
  ...over,
})
const claim = (address: string, service: string): AddressClaimObject => ({
  apiVersion: 'network.kubesphere.io/v1alpha2',
  kind: 'AddressClaim',
  metadata: meta(address),
  spec: {
    address,
    eip: 'pool',
    protocol: 'layer2',
    interface: 'eth0',
    holders: [{ namespace: 'default', name: service, uid: `uid-${service}`, ports: [] }],
  },
  status: { owner: { node: 'n2', interface: 'eth0', epoch: 3, since: '2026-01-01T00:00:00Z' } },
})
const service = (name: string, over: Partial<ServiceObject> = {}): ServiceObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta(name, 'default'),
  spec: { type: 'LoadBalancer' },
  ...over,
})
const waiting: ServiceObject = service('web', {
  status: {
    conditions: [
      {
        type: 'openelb.io/Allocated',
        status: 'False',
        reason: 'PoolExhausted',
        message: 'no room: wait',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  },
})

t.test('formatTable aligns like kubectl and leaves no space at line ends', async (t) => {
  t.equal(
    formatTable(
      ['A', 'LONG'],
      [
        ['xyz', ''],
        ['q', 'w'],
      ],
    ),
    'A     LONG\nxyz\nq     w',
  )
})

t.test('status sorts addresses as numbers and names who waits', async (t) => {
  const text = formatStatus({
    eips: [eip('pool', '10.0.0.2-10.0.0.10')],
    claims: [claim('10.0.0.10', 'b'), claim('10.0.0.2', 'a')],
    services: [waiting, service('fine')],
  })
  t.ok(text.indexOf('\n10.0.0.2 ') < text.indexOf('\n10.0.0.10 '), text)
  t.match(text, /pool\s+10\.0\.0\.2-10\.0\.0\.10\s+bgp\s+0\s+unknown\s+Unknown/)
  t.match(text, /default\/web\s+PoolExhausted\s+no room: wait/)
  t.notMatch(text, /default\/fine/)
})

t.test('status says what is wrong with a pool or an address, and nothing where all is well', async (t) => {
  const condition = (type: string, status: 'True' | 'False', reason: string) => ({
    type,
    status,
    reason,
    message: `of ${reason} `.repeat(30),
    lastTransitionTime: '2026-01-01T00:00:00Z',
  })
  const pool = (name: string, reason: string) => eip(name, '10.0.0.0/24', { status: { conditions: [condition('Ready', 'True', reason)] } })
  const said = (address: string, ...conditions: ReturnType<typeof condition>[]) => ({ ...claim(address, 's'), status: { conditions } })
  const text = formatStatus({
    eips: [pool('well', 'Active'), pool('off', 'Disabled')],
    claims: [
      said('10.0.0.1', condition('Announced', 'True', 'Announced')),
      said('10.0.0.2', condition('Announced', 'False', 'NobodyAnswers')),
      said('10.0.0.3', condition('ProtocolNotServed', 'True', 'ProtocolNotServed')),
    ],
    services: [],
  })
  t.match(text, /^well .* True$/m)
  t.match(text, /^off .* True +Disabled: of Disabled/m)
  t.match(text, /^10\.0\.0\.1 .* layer2$/m)
  t.match(text, /^10\.0\.0\.2 .* NobodyAnswers: of NobodyAnswers/m, 'not "Announced: NobodyAnswers", which reads as if it were')
  t.match(text, /^10\.0\.0\.3 .* ProtocolNotServed: of .{50,140}\.\.\.$/m, 'a long message is cut')
})

t.test('explain walks from the Service to the wire', async (t) => {
  const facts = { eips: [], claims: [], settings: { adopt: 'default-eip' }, ownNamespace: 'openelb-system' } as const
  const opted = service('web', { metadata: { ...meta('web', 'default'), annotations: { 'lb.kubesphere.io/v1alpha1': 'openelb' } } })
  const held = explainService({ ...facts, service: opted, claims: [claim('10.0.0.2', 'web')] })
  t.match(held, /Owner:\s+OpenELB, by the annotation/)
  t.match(held, /Allocated:\s+10\.0\.0\.2 of pool/)
  t.match(held, /Announced:\s+10\.0\.0\.2 \(layer2\) by n2 on eth0, epoch 3/)
  t.match(explainService({ ...facts, service: waiting }), /not OpenELB: .*no default Eip/)
  const foreigner = service('web', { spec: { type: 'ClusterIP', loadBalancerIP: '10.0.0.7' } })
  t.match(
    explainService({ ...facts, service: foreigner }),
    /the address 10\.0\.0\.7 \(spec\.loadBalancerIP\)\nAllocated: +no \(the Service is not ours\)$/,
  )
  t.match(
    explainService({ ...facts, service: { ...waiting, metadata: opted.metadata } }),
    /Allocated:\s+no \(PoolExhausted: no room: wait\)/,
  )
  const foreign = service('web', { spec: { type: 'LoadBalancer', loadBalancerClass: 'example.com/x' } })
  t.match(explainService({ ...facts, service: foreign }), /another implementation/)
})
