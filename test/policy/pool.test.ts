import t from 'tap'
import type { EipObject } from '../../src/api/eip.ts'
import { toPool } from '../../src/policy/pool.ts'
import { toOtherEip } from '../../src/policy/validate-eip.ts'
import { eipObject, pool } from '../support/policy-objects.ts'

t.test('an Eip becomes a pool', async (t) => {
  const full = toPool(
    eipObject(
      'p',
      {
        address: '10.0.0.81/29',
        protocol: 'layer2',
        interface: 'eth0',
        priority: 100,
        namespaces: ['test'],
        namespaceSelector: { a: 'b' },
        usingKnownIPs: true,
        disable: true,
      },
      { annotations: { 'eip.openelb.kubesphere.io/is-default-eip': 'TRUE' }, deleting: true },
    ),
  )
  t.match(full, {
    ok: true,
    value: {
      name: 'p',
      range: { family: 'IPv4', first: 167772240n, last: 167772247n },
      protocol: 'layer2',
      interface: 'eth0',
      priority: 100,
      namespaces: ['test'],
      namespaceSelector: { matchLabels: { a: 'b' } },
      disabled: true,
      deleting: true,
      isDefault: true,
    },
  })
  const bare = pool(
    'p',
    { address: 'fd00::/64', namespaceSelector: {} },
    { annotations: { 'eip.openelb.kubesphere.io/is-default-eip': 'yes' } },
  )
  t.equal(bare.protocol, 'bgp', 'no protocol means bgp')
  t.notOk(bare.isDefault, 'only true makes a default')
  t.notOk('namespaceSelector' in bare, 'an empty selector is none')
  t.same([bare.priority, bare.namespaces, bare.disabled, bare.deleting], [0, [], false, false])
  const error = (spec: Parameters<typeof eipObject>[1]) => {
    const read = toPool(eipObject('p', spec))
    return read.ok ? 'ok' : `${read.error.code} ${read.error.message}`
  }
  t.equal(error('10.0.0.1-'), 'BAD_ADDRESS invalid eip address format')
  for (const protocol of ['layer2', 'vip'] as const) {
    t.equal(error({ address: '10.0.0.1', protocol }), 'INTERFACE_REQUIRED if protocol is layer2 or vip, interface should not be empty')
    t.equal(
      error({ address: '10.0.0.1', protocol, interface: '' }),
      'INTERFACE_REQUIRED if protocol is layer2 or vip, interface should not be empty',
    )
  }
})

t.test('the fields that OpenELB does not have', async (t) => {
  const full = pool('p', {
    address: '10.0.0.0/30',
    addresses: ['fd00::/126'],
    exclude: ['10.0.0.1'],
    avoidBuggyIPs: true,
    autoAssign: false,
    serviceSelector: { matchLabels: { tier: 'web' } },
    namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'Exists' }], plain: 'label' } as never,
    enforceNamespaces: true,
    order: 'hash',
    quota: { perNamespace: 0 },
    reservations: [{ address: 'FD00::0003', namespace: 'shop', name: 'web' }],
    onShrink: 'evict',
  })
  t.match(full, {
    avoidBuggyIPs: true,
    autoAssign: false,
    serviceSelector: { matchLabels: { tier: 'web' } },
    namespaceSelector: { matchLabels: { plain: 'label' }, matchExpressions: [{ key: 'team', operator: 'Exists' }] },
    enforceNamespaces: true,
    order: 'hash',
    quotaPerNamespace: 0,
    onShrink: 'evict',
  })
  t.equal(full.ranges.length, 2)
  t.same([...full.reservations], [['fd00::3', { namespace: 'shop', name: 'web' }]], 'by canonical text')
  const bare = pool('p', '10.0.0.1')
  t.match(bare, { avoidBuggyIPs: false, autoAssign: true, enforceNamespaces: false, order: 'first', onShrink: 'keep' })
  for (const absent of ['serviceSelector', 'namespaceSelector', 'quotaPerNamespace']) t.notOk(absent in bare, absent)
})

t.test('an Eip of OpenELB without a spec is no pool', async (t) => {
  const { spec: _spec, ...bare } = eipObject('p', '10.0.0.1')
  t.match(toPool(bare as EipObject), { ok: false, error: { code: 'BAD_ADDRESS' } })
  t.same(toOtherEip(bare as EipObject), { name: 'p', ranges: [], isDefault: false })
})

t.test('a field that cannot be read is named', async (t) => {
  const bad: readonly (readonly [object, string])[] = [
    [{ addresses: ['10.0.1.0/24', 'x'] }, 'BAD_RANGE spec.addresses[1] is not valid'],
    [{ addresses: ['10.0.1.1-fd00::1'] }, 'BAD_RANGE spec.addresses[0] is not valid'],
    [{ exclude: ['10.0.0.9-10.0.0.1'] }, 'BAD_RANGE spec.exclude[0] is not valid'],
    [{ reservations: [{ address: '10.0.0.0/31', namespace: 'a', name: 'b' }] }, 'BAD_RANGE spec.reservations[0].address is not valid'],
    [{ namespaceSelector: { a: 1 } }, 'BAD_SELECTOR spec.namespaceSelector is not valid'],
    [{ serviceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } }, 'BAD_SELECTOR spec.serviceSelector is not valid'],
  ]
  for (const [more, want] of bad) {
    const read = toPool(eipObject('p', { address: '10.0.0.1', ...more }))
    t.equal(read.ok ? 'ok' : `${read.error.code} ${read.error.message}`, want)
    t.ok(!read.ok && read.error.cure.length > 10, 'with a cure')
  }
})
