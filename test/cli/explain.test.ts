import t from 'tap'
import { readWish, toHolder } from '../../src/allocator/request.ts'
import type { KubernetesObject } from '../../src/api/core-objects.ts'
import { ADDRESSES, ALLOW_SHARED_IP, EIP_NAME, OPT_IN, PROTOCOL, REQUESTED_ADDRESS } from '../../src/api/service-annotations.ts'
import { wakeText } from '../../src/cli/explain/words.ts'
import { explain } from '../../src/cli/verbs/explain.ts'
import type { EventObject } from '../../src/cli/workload-objects.ts'
import type { Wake } from '../../src/policy/refusal.ts'
import { fakeCluster, runVerb } from './support/fake-cluster.ts'
import { claim, condition, configMap, eip, meta, node, OWN, service, THEN } from './support/objects.ts'

const namespace = (name: string, labels: Readonly<Record<string, string>> = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { ...meta(name), labels },
})
const SPACES = [namespace('default'), namespace('team', { tier: 'gold' })]
const opted = (annotations: Readonly<Record<string, string>> = {}) => ({ annotations: { [OPT_IN]: 'openelb', ...annotations } })

async function tell(about: string, objects: readonly KubernetesObject[], argv: readonly string[] = ['service']) {
  return runVerb(explain, [...argv, about], fakeCluster({ objects: [...SPACES, ...objects] }))
}

t.test('a Service that has what it asks for: from the owner to the wire', async (t) => {
  const held = claim('10.0.0.2', 'web', {
    owner: 'n2',
    conditions: [condition('Announced', 'True', 'Announced', 'n2 answers')],
  })
  const past = {
    ...held,
    status: { ...held.status, history: [{ node: 'n1', epoch: 2, from: THEN, until: THEN, reason: 'n1 was drained' }] },
  }
  const event = (name: string, fields: Partial<EventObject>): EventObject => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { ...meta(name, 'default') },
    ...fields,
  })
  const objects = [
    eip('pool', '10.0.0.0/29', { isDefault: true }),
    eip('other', '10.1.0.0/29'),
    past,
    service('web', { shows: ['10.0.0.2'] }),
    event('b', { type: 'Normal', reason: 'AssignIP', message: 'second', lastTimestamp: '2026-11-21T00:00:30Z', count: 3 }),
    event('a', { type: 'Normal', reason: 'AssignIP', message: 'first', eventTime: '2026-11-21T00:00:10Z' }),
  ]
  const { out, code } = await tell('default/web', objects)
  t.equal(code, 0)
  t.equal(
    out,
    `Service:     default/web, LoadBalancer, created 24h ago
Owner:       OpenELB, by the annotation lb.kubesphere.io/v1alpha1
Request:     any address
Eips:        no Eip is bound to the Service, so the default one serves it
             + pool: 7 of 8 addresses free
             - other is bound to nobody and is not the default Eip
Address:     10.0.0.2 of Eip pool: the lowest one that was free when it was given
Allocated:   True, Allocated: 10.0.0.2 of Eip pool
Announced:   10.0.0.2 (layer2) by n2 on eth0, for 24h, epoch 3
             Announced=True Announced: n2 answers
             before by n1, until ${THEN}: n1 was drained
Events:      50s ago Normal AssignIP: first
             30s ago (3 times) Normal AssignIP: second
`,
  )
  const json = JSON.parse((await runVerb(explain, ['svc', 'default/web', '-ojson'], fakeCluster({ objects }))).out)
  t.match(json, { about: { kind: 'Service', name: 'web' }, explanation: [{ label: 'Service' }, { label: 'Owner' }] })
})

t.test('a Service that waits: the words of its condition, the cure, and what wakes it', async (t) => {
  const objects = [eip('pool', '10.0.0.2'), claim('10.0.0.2', 'a'), service('a', { shows: ['10.0.0.2'], ...opted({ [EIP_NAME]: 'pool' }) })]
  const wishes = opted({ [EIP_NAME]: 'pool' })
  const unsaid = await tell('default/w', [...objects, service('w', wishes)])
  t.match(
    unsaid.out,
    /^Allocated: +the allocator has not spoken yet\nBy now: +PoolExhausted: no avliable eip, err:no suitable ip to allocate: every address of pool is taken/m,
  )
  const message = /By now: +PoolExhausted: (.*)/.exec(unsaid.out)?.[1] ?? ''
  const { out } = await tell('default/w', [...objects, service('w', { ...wishes, waits: ['PoolExhausted', message] })])
  t.match(out, /^Allocated: +False, PoolExhausted: no avliable eip/m)
  t.notMatch(out, /By now/, 'said once')
  t.match(
    out,
    /^Cure: +every address of pool is taken or kept back \(spec\.exclude, spec\.reservations\); add a range \(spec\.addresses\), delete a Service that holds one, or create another Eip$/m,
  )
  t.match(out, /^Waits for: +Eip pool to be created or changed\n +an address of Eip pool to be released\n.*the Service itself to change$/ms)
  t.match(out, /\+ pool: full: all 1 addresses are held/)
  const keyed = await tell('default/w', [...objects, service('w', opted({ [EIP_NAME]: 'pool', [ALLOW_SHARED_IP]: 'k' }))])
  t.match(keyed.out, /a Service with the same key of sharing to get an address\n +the Service itself to change$/m)
})

t.test('a Service of two families and an Eip of one', async (t) => {
  const both = service('web', {
    ...opted({ [EIP_NAME]: 'pool' }),
    spec: { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' },
  })
  const { out } = await tell('default/web', [eip('pool', '10.0.0.0/29'), both])
  t.match(out, /Request: +Eip pool, RequireDualStack\nEips: +the Service names pool\n +\+ pool: 8 of 8 addresses free, none of IPv6\n/)
  t.match(out, /By now: +DualStackIncomplete: no IPv6 address/)
})

t.test('whose Service it is', async (t) => {
  const pool = eip('pool', '10.0.0.0/29')
  const table: readonly [Parameters<typeof service>[1], RegExp][] = [
    [{ annotations: {}, spec: { type: 'ClusterIP' } }, /not OpenELB: its type is not LoadBalancer/],
    [
      { annotations: {}, spec: { loadBalancerClass: 'example.com/x' } },
      /not OpenELB: spec\.loadBalancerClass names another implementation/,
    ],
    [{ annotations: { [OPT_IN]: 'none' } }, /not OpenELB: an annotation opts out/],
    [{ annotations: {} }, /not OpenELB: it does not opt in, and there is no default Eip/],
    [{ annotations: {}, spec: { loadBalancerClass: 'openelb.io/openelb' } }, /OpenELB, by spec\.loadBalancerClass/],
    [{ annotations: { [OPT_IN]: 'none' }, shows: ['10.0.0.1'] }, /not OpenELB any more: it opted out/],
  ]
  for (const [options, want] of table) t.match((await tell('default/web', [pool, service('web', options)])).out, want)
  const adopted = await tell('default/web', [eip('pool', '10.0.0.0/29', { isDefault: true }), service('web', { annotations: {} })])
  t.match(adopted.out, /OpenELB, by the default Eip pool, which adopts/)
  t.match(adopted.out, /^Next: +10\.0\.0\.0 of Eip pool: it is the next free one of the Eip$/m)
  const outgrown = [
    pool,
    configMap('openelb-config', OWN, { adopt: 'class' }),
    claim('10.0.0.1', 'web'),
    service('web', { shows: ['10.0.0.1'] }),
  ]
  t.match((await tell('default/web', outgrown)).out, /OpenELB, because it holds an address of ours/)
})

t.test('what it asks for, and what of that is not followed', async (t) => {
  const pool = eip('pool', '10.0.0.0/29')
  const asks = async (annotations: Readonly<Record<string, string>>, spec = {}) =>
    (await tell('default/web', [pool, service('web', { ...opted(annotations), spec })])).out
  t.match(await asks({ [EIP_NAME]: 'pool, b', [ALLOW_SHARED_IP]: 'k' }), /Request: +Eip pool, then b, sharing by the key "k"\n/)
  t.match(
    await asks({ [REQUESTED_ADDRESS]: '10.0.0.3' }, { loadBalancerIP: '10.0.0.4' }),
    /the address 10\.0\.0\.3 \(eip\.openelb.*\)\n +spec\.loadBalancerIP is ignored because/,
  )
  t.match(await asks({ [PROTOCOL]: 'bgp' }, { ipFamilyPolicy: 'PreferDualStack' }), /protocol bgp, PreferDualStack\n/)
  t.match(await asks({ [REQUESTED_ADDRESS]: 'nonsense' }), /Request: +invalid: .*nonsense/)
  t.notMatch(await asks({ [EIP_NAME]: 'pool', [PROTOCOL]: 'layer2' }), /is ignored/, 'what the webhook writes itself')
  t.match(await asks({ [EIP_NAME]: 'pool', [PROTOCOL]: 'bgp' }), /protocol.* is ignored/)
})

t.test('every Eip that does not serve it says why', async (t) => {
  const pools = [
    eip('a-bound', '10.1.0.0/30', { namespaces: ['team'], priority: 2 }),
    eip('b-bound', '10.2.0.0/30', { namespaceSelector: { tier: 'gold' }, priority: 1 }),
    eip('default', '10.3.0.0/30', { isDefault: true }),
    eip('else', '10.4.0.0/30', { namespaces: ['x'] }),
    eip('disabled', '10.5.0.0/30', { disable: true }),
    eip('twin', '10.1.0.2', { created: '2026-11-20T12:00:00Z' }),
    eip('broken', 'nonsense'),
    eip('manual', '10.6.0.0/30', { namespaces: ['team'], autoAssign: false }),
    eip('v6', 'fd00::/126', { namespaces: ['team'], priority: 9 }),
  ]
  const of = service('web', { namespace: 'team', spec: { ipFamilies: ['IPv4'] } })
  const { out } = await tell('team/web', [...pools, of])
  t.match(
    out,
    /Eips: +Eips that are bound to the Service serve it, by lower priority and then by name\n +\+ b-bound: priority 1, 4 of 4 addresses free\n +\+ a-bound: priority 2, 4 of 4/,
  )
  for (const line of [
    '- default is the default Eip, which counts only for Services that no Eip is bound to',
    '- else is bound to x',
    '- disabled is disabled (spec.disable)',
    '- twin shares addresses with the older Eip a-bound',
    '- broken cannot be used: invalid eip address format',
    '- manual has autoAssign false',
    '- v6 has IPv6 addresses, and the Service serves IPv4',
  ])
    t.ok(out.includes(line), `${line}\n${out}`)
  t.match(out, /^Next: +10\.2\.0\.0 of Eip b-bound/m)
  const named = await tell('team/web', [...pools, service('web', { namespace: 'team', ...opted({ [EIP_NAME]: 'else,nowhere' }) })])
  t.match(named.out, /the Service names else, nowhere\n +\+ else: priority 0, 4 of 4 addresses free\n +- nowhere does not exist\n/)
  t.match(named.out, /- default is not named by the Service/)
  const asked = await tell('team/web', [...pools, service('web', { namespace: 'team', ...opted({ [REQUESTED_ADDRESS]: '10.4.0.1' }) })])
  t.match(asked.out, /asks for an address, so the Eip that has it serves it\n +\+ else:/)
  t.match(asked.out, /- default does not have 10\.4\.0\.1/)
})

t.test('many Eips are told by their reasons', async (t) => {
  const many = Array.from({ length: 12 }, (_, at) => eip(`p${at}`, `10.1.${at}.0/30`))
  const { out } = await tell('default/web', [
    ...many,
    eip('here', '10.2.0.0/30'),
    eip('off', '10.3.0.0/30', { disable: true }),
    service('web', opted({ [EIP_NAME]: 'here' })),
  ])
  t.match(
    out,
    /the Service names here\n +\+ here: 4 of 4 addresses free\n +- off is disabled \(spec\.disable\)\n +- p0, p1, p10, p11, p2 and 7 more: each is not named by the Service\n/,
  )
})

t.test('fences, quotas, protocols and reservations', async (t) => {
  const tenant = service('web', { namespace: 'team' })
  const other = (name: string) => ({
    ...claim('10.1.0.1', name),
    spec: { ...claim('10.1.0.1', name).spec, eip: 'quota', holders: [{ namespace: 'team', name, uid: 'x', ports: [] }] },
  })
  const pools = [
    eip('fence', '10.2.0.0/30', { namespaces: ['x'], enforceNamespaces: true, isDefault: true }),
    eip('quota', '10.1.0.0/30', { namespaces: ['team'], quota: { perNamespace: 1 } }),
    eip('bgp', '10.3.0.0/30', { namespaces: ['team'], protocol: 'bgp' }),
  ]
  const { out } = await tell('team/web', [...pools, other('z'), tenant])
  t.match(out, /- fence is fenced \(spec\.enforceNamespaces\) for x/)
  t.match(out, /- quota is used up for this namespace: .*spec\.quota\.perNamespace/)
  const layer2 = await tell('team/web', [...pools, service('web', { namespace: 'team', ...opted({ [PROTOCOL]: 'layer2' }) })])
  t.match(layer2.out, /- bgp announces by bgp, and the Service asks for layer2/)
  const kept = eip('kept', '10.9.0.0/30', { reservations: [{ address: '10.9.0.3', namespace: 'team', name: 'web' }] })
  const promised = await tell('team/web', [kept, ...pools, tenant])
  t.match(
    promised.out,
    /an address is reserved for the Service; without it, Eips that are bound to the Service serve it, .*\n +\+ kept: 4 of 4 addresses free\n +\+ bgp: priority 0/,
  )
  t.match(promised.out, /Next: +10\.9\.0\.3 of Eip kept: the Eip reserves it for the Service/)
  const held = { ...claim('10.9.0.3', 'web', { eip: 'kept' }) }
  t.match(
    (
      await tell('default/web', [
        eip('kept', '10.9.0.0/30', { reservations: [{ address: '10.9.0.3', namespace: 'default', name: 'web' }] }),
        held,
        service('web', { shows: ['10.9.0.3'] }),
      ])
    ).out,
    /Address: +10\.9\.0\.3 of Eip kept: reserved for the Service/,
  )
})

t.test('why this address', async (t) => {
  const why = async (options: Parameters<typeof eip>[2], annotations = {}, holders: readonly string[] = ['web']) => {
    const objects = [
      eip('pool', '10.0.0.0/29', { isDefault: true, ...options }),
      claim('10.0.0.2', holders),
      service('web', { shows: ['10.0.0.2'], ...opted(annotations) }),
    ]
    return /Address: +10\.0\.0\.2 of Eip pool: (.*)/.exec(
      (
        await tell('default/web', [
          ...objects,
          ...holders.filter((name) => name !== 'web').map((name) => service(name, { shows: ['10.0.0.2'] })),
        ])
      ).out,
    )?.[1]
  }
  t.match(await why({ order: 'last' }), /the highest one/)
  t.match(await why({ order: 'hash' }), /the name of the Service leads to/)
  t.match(await why({ order: 'least-recently-released' }), /free for the longest time/)
  t.match(await why({}, { [REQUESTED_ADDRESS]: '10.0.0.2' }), /^asked for by eip\.openelb\.kubesphere\.io\/v1alpha1$/)
  t.match(await why({}, {}, ['web', 'b']), /^shared with default\/b$/)
  t.match(await why({}, { [REQUESTED_ADDRESS]: '10.0.0.2' }, ['web', 'b']), /^asked for by .*, shared with default\/b$/)
  t.match(await why({ exclude: ['10.0.0.2'] }), /the Eip gives it no more, and it stays until the Service releases it/)
  const orphaned = await tell('default/web', [claim('10.0.0.2', 'web'), service('web', { shows: ['10.0.0.2'] })])
  t.match(orphaned.out, /of Eip pool: given earlier; the Eip is gone, and the address stays/)
})

const readWishOf = (of: ReturnType<typeof service>) => {
  const wish = readWish(of, [])
  return wish.ok ? wish.value.sharing : undefined
}

t.test('what comes next, where the allocator is not there yet', async (t) => {
  const shared = opted({ [ALLOW_SHARED_IP]: 'k', [EIP_NAME]: 'pool', [ADDRESSES]: '10.0.0.2' })
  const pool = eip('pool', '10.0.0.0/29')
  const sharing = toHolder(service('a', shared), readWishOf(service('a', shared))).sharing
  const { spec, ...rest } = claim('10.0.0.2', 'a')
  const holders = spec.holders.map((holder) => ({
    ...holder,
    ports: [{ protocol: 'TCP' as const, port: 443 }],
    ...(sharing !== undefined && { sharing }),
  }))
  const beside = { ...rest, spec: { ...spec, holders } }
  const joining = await tell('default/b', [pool, beside, service('a', { shows: ['10.0.0.2'], ...shared }), service('b', shared)])
  t.match(joining.out, /^Next: +10\.0\.0\.2, beside default\/a: the Service asks for it$/m)
  const moving = [
    pool,
    claim('10.0.0.1', 'web'),
    claim('10.0.0.2', 'web'),
    service('web', { shows: ['10.0.0.2'], ...opted({ [REQUESTED_ADDRESS]: '10.0.0.2' }) }),
  ]
  t.match((await tell('default/web', moving)).out, /^Next: +lets go of 10\.0\.0\.1$/m)
  const stranger = service('web', { namespace: 'unknown', ...opted() })
  t.match(
    (await tell('unknown/web', [eip('pool', '10.0.0.0/29', { isDefault: true }), stranger])).out,
    /^Next: +its Namespace has to be known first$/m,
  )
})

t.test('an address: who has it, who holds it, what keeps it back', async (t) => {
  const objects = [
    eip('pool', '10.0.0.0/28', {
      exclude: ['10.0.0.5'],
      avoidBuggyIPs: true,
      reservations: [{ address: '10.0.0.6', namespace: 'x', name: 'y' }],
      status: { setAside: [{ address: '10.0.0.7', until: '2026-11-21T00:05:00Z', message: 'seen aa' }], conditions: [] },
    }),
    eip('late', '10.0.0.9', { created: '2026-11-20T12:00:00Z' }),
    eip('off', '10.7.0.0/30', { disable: true }),
    claim('10.0.0.2', 'web', { owner: 'n1' }),
    claim('10.9.9.9', 'web'),
    service('web', { shows: ['10.0.0.2'] }),
    node('n1', '10.0.0.8'),
    configMap('openelb-config', OWN, { exclude: '10.0.0.4' }),
  ]
  const of = async (address: string) => (await tell(address, objects, ['address'])).out
  t.match(
    await of('10.0.0.2'),
    /Eip: +pool, layer2\nHeld by: +default\/web, TCP\/80\nClaimed: +24h ago, in the name of Eip pool\nShown by: +default\/web\nAnnounced: +10\.0\.0\.2 \(layer2\) by n1/,
  )
  t.match(await of('10.0.0.3'), /Held by: +nobody: it is free$/m)
  t.match(await of('10.0.0.4'), /Held by: +nobody\nKept back: +from everybody, by the setting exclude/)
  t.match(await of('10.0.0.5'), /Kept back: +from everybody, by spec\.exclude of Eip pool/)
  t.match(await of('10.0.0.0'), /Kept back: +from everybody, by spec\.avoidBuggyIPs of Eip pool/)
  t.match(await of('10.0.0.6'), /Kept back: +for x\/y, by spec\.reservations of Eip pool/)
  t.match(await of('10.0.0.7'), /Kept back: +somebody else on the network uses it: set aside until 2026-11-21T00:05:00/)
  t.match(await of('10.0.0.8'), /Kept back: +it is an address of node n1/)
  t.match(await of('10.0.0.9'), /Eip: +pool, layer2\n +late has it too, and overlaps with the older pool/)
  t.match(await of('10.7.0.1'), /Eip: +off, layer2, disabled\nHeld by: +nobody\n$/)
  t.match(await of('10.9.9.9'), /Eip: +no Eip in use has it\n.*\n.*\nDraining: +no Eip in use gives it any more/)
})

t.test('an Eip: what it gives, to whom, and who waits', async (t) => {
  const full = eip('pool', '10.0.0.2', {
    isDefault: true,
    namespaces: ['team'],
    order: 'hash',
    quota: { perNamespace: 3 },
    exclude: ['10.0.0.9'],
    avoidBuggyIPs: true,
    reservations: [{ address: '10.0.0.2', namespace: 'a', name: 'b' }],
    status: {
      setAside: [{ address: '10.0.0.2', until: 'then', message: 'm' }],
      conditions: [condition('Ready', 'True', 'Active', 'fine')],
    },
  })
  const waiting = Array.from({ length: 12 }, (_, at) => service(`w${at}`, { waits: ['PoolExhausted', 'every address of pool is taken'] }))
  const objects = [full, claim('10.0.0.2', 'a'), claim('10.1.1.1', 'b'), ...waiting]
  const { out } = await tell('pool', objects, ['pool'])
  t.match(
    out,
    /^Eip: +pool, layer2 on eth0\nAddresses: +10\.0\.0\.2\n +without 10\.0\.0\.9\n +without those that end in \.0 or \.255\nRoom: +0 of 1 free, 2 held, 1 of them outside of its ranges\n/,
  )
  t.match(
    out,
    /Serves: +Services of team, priority 0\n +as the default Eip.*\n +Services that ask for it.*\n +IPv4\nGives: +the address that the name of the Service leads to, at most 3 to one namespace\nReserved: +10\.0\.0\.2 for a\/b\nSet aside: +10\.0\.0\.2 until then: m\nConditions: +Ready=True Active: fine\nWaiting: +default\/w0 \(PoolExhausted\)/,
  )
  t.match(out, /and 2 more\n$/)
  const serves = async (options: Parameters<typeof eip>[2], address = '10.0.0.2') =>
    /Serves: +(.*)/.exec((await tell('pool', [eip('pool', address, options)], ['eip'])).out)?.[1]
  t.match(await serves({ disable: true }), /nobody new: it is disabled/)
  t.match(await serves({}, 'nonsense'), /nobody: it cannot be read/)
  t.match(await serves({ enforceNamespaces: true, autoAssign: false }), /and nobody else/)
  const twin = await tell('twin', [full, eip('twin', '10.0.0.2', { created: '2026-11-20T12:00:00Z' })], ['pool'])
  t.match(twin.out, /Serves: +nobody: it overlaps with the older pool/)
  t.match(await tell('absent', objects, ['pool']), { code: 1, err: 'there is no Eip absent' })
})

t.test('words and namespaces', async (t) => {
  const objects = [service('web', { namespace: 'team' })]
  const on = (argv: readonly string[], context = 'default') => runVerb(explain, argv, fakeCluster({ objects, namespace: context }))
  t.match(await on(['service', 'web', '-n', 'team']), { code: 0 })
  t.match(await on(['service', 'web'], 'team'), { code: 0 })
  t.match(await on(['service', 'web']), { code: 1, err: 'there is no Service default/web' })
  for (const argv of [[], ['service'], ['service', 'a/b/c'], ['service', '/b'], ['service', 'a/'], ['service', 'a', 'b'], ['pool', '']]) {
    t.match(await on(argv), { code: 2, err: /write: openelb explain service/ }, argv.join(' '))
  }
  t.match(await on(['sevice', 'x']), { code: 2, err: /explain knows no sevice; did you mean service\?/ })
  t.match(await on(['address', 'x']), { code: 2, err: /x is not an IP address/ })
})

t.test('what may not be read is said', async (t) => {
  const forbidden = ['namespaces', 'nodes', 'configmaps', 'events']
  const objects = [eip('pool', '10.0.0.0/29', { isDefault: true }), service('web')]
  const { out, code } = await runVerb(explain, ['service', 'default/web'], fakeCluster({ objects, forbidden }))
  t.equal(code, 0)
  t.match(
    out,
    /^Unknown: +Namespaces cannot be read, so they count as having no labels\n +Nodes cannot be read.*\n +ConfigMap .*\n +Events cannot be read$/m,
  )
  t.match(out, /^Next: +10\.0\.0\.0 of Eip pool/m, 'the rest is told')
})

t.test('everything that somebody can wait for has words', async (t) => {
  const wakes: readonly Wake[] = [
    { on: 'pool', pool: 'p' },
    { on: 'any-pool' },
    { on: 'address-released', address: '10.0.0.1' },
    { on: 'released-in', pool: 'p' },
    { on: 'released-in', pool: 'p', family: 'IPv6' },
    { on: 'quota', pool: 'p', namespace: 'n' },
    { on: 'service', service: 'a/b' },
    { on: 'node', node: 'n1' },
    { on: 'namespace', namespace: 'n' },
    { on: 'sharers', sharing: 'd1' },
  ]
  t.equal(new Set(wakes.map(wakeText)).size, wakes.length)
  t.equal(wakeText(wakes[4] as Wake), 'an IPv6 address of Eip p to be released')
})
