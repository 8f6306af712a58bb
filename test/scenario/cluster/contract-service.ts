import {
  ADDRESS_KEY,
  address,
  addressOf,
  apply,
  type Chapter,
  DEFAULT_EIP,
  EIP_KEY,
  eip,
  events,
  eventually,
  get,
  loadBalancer,
  OPT_IN_KEY,
  run,
  type Suite,
  service,
  tryApply,
} from './suite.ts'

const NS = 'choice'
const OPT_IN = { [OPT_IN_KEY]: 'openelb' }

/** Waits until an Event of the Service contains `words`, and asserts that it has no address. */
async function pending(
  t: Parameters<Chapter>[0],
  suite: Suite,
  name: string,
  reason: string,
  words: string,
  namespace = NS,
): Promise<void> {
  const texts = await eventually(`the event ${reason} on ${name}`, 20, async () => {
    const all = await events(suite, namespace, 'Service', name)
    return all.some((text) => text.startsWith(`Warning ${reason} `)) && all
  })
  t.ok(
    texts.some((text) => text.includes(words)),
    `${name}: ${words} in ${texts.join(' | ')}`,
  )
  const seen = await service(suite, namespace, name)
  t.equal(addressOf(seen), undefined, `${name} has no address`)
  t.equal(seen?.metadata.labels?.[EIP_KEY], undefined, `${name} has no label`)
  t.match(seen?.status.conditions, [{ type: 'openelb.io/Allocated', status: 'False' }], `${name} says why on its condition`)
}

/** Sections 3.1, 3.3 and 3.6 of the observed contract; p1 = .150-.152, p0 = default .160/30. Numbers are its cases. */
export const contractService: Chapter = async (t, suite) => {
  const ip = (host: number): string => `${suite.segment}.${host}`
  await run(suite, 'create', 'namespace', NS)
  await apply(suite, eip('p1', { address: `${ip(150)}-${ip(152)}` }))
  await apply(suite, eip('p0', { address: `${ip(160)}/30` }, DEFAULT_EIP))

  await t.test('3.1 address choice', async (t) => {
    const cases = [
      { name: 's21', annotations: { ...OPT_IN, [EIP_KEY]: 'p1' }, want: 150, label: 'p1' },
      { name: 's22', annotations: { ...OPT_IN, [EIP_KEY]: 'p1', [ADDRESS_KEY]: ip(152) }, want: 152, label: 'p1' },
      { name: 's23', annotations: { ...OPT_IN, [EIP_KEY]: 'p1' }, spec: { loadBalancerIP: ip(151) }, want: 151, label: 'p1' },
      { name: 's24', annotations: { ...OPT_IN, [ADDRESS_KEY]: ip(163) }, spec: { loadBalancerIP: ip(162) }, want: 163, label: 'p0' },
      { name: 's32', annotations: OPT_IN, want: 160, label: 'p0' },
      {
        name: 's35',
        annotations: { ...OPT_IN, [EIP_KEY]: 'p0', 'protocol.openelb.kubesphere.io/v1alpha1': 'layer2' },
        want: 161,
        label: 'p0',
      },
    ]
    for (const { name, annotations, spec, want, label } of cases) {
      await apply(suite, loadBalancer(name, NS, annotations, spec))
      t.equal(await address(suite, NS, name), ip(want), name)
      const seen = await service(suite, NS, name)
      t.equal(seen?.metadata.labels?.[EIP_KEY], label, `${name}: label`)
      t.strictSame(seen?.status.loadBalancer.ingress, [{ ip: ip(want), ipMode: 'VIP' }], `${name}: ingress as the API server completes it`)
      const said = await eventually(`AssignIP on ${name}`, 10, async () => {
        const all = await events(suite, NS, 'Service', name)
        return all.some((text) => text === `Normal AssignIP success to assign ip: ${ip(want)}`) && all
      })
      t.equal(said.filter((text) => text.includes(' AssignIP ')).length, 1, `${name}: one AssignIP`)
      t.notOk(
        said.some((text) => text.startsWith('Warning') && !text.includes('SetBalancer')),
        `${name}: no race warnings: ${said.join(' | ')}`,
      )
    }
  })
  await t.test('3.1 what stays pending says why; what can never be is refused', async (t) => {
    await apply(suite, loadBalancer('s27', NS, { ...OPT_IN, [ADDRESS_KEY]: ip(200) }))
    await pending(
      t,
      suite,
      's27',
      'ConstructRequest',
      `failed to construct allocate request: no available eip was found containing the ip:[${ip(200)}]`,
    )
    await apply(suite, loadBalancer('s29', NS, { ...OPT_IN, [EIP_KEY]: 'nosuch' }))
    await pending(t, suite, 's29', 'AssignIPFailed', 'Eip.network.kubesphere.io "nosuch" not found')
    await apply(suite, loadBalancer('s30', NS, { ...OPT_IN, [EIP_KEY]: 'p1' }))
    await pending(t, suite, 's30', 'AssignIPFailed', 'no avliable eip, err:no suitable ip to allocate')
    const outside = await tryApply(suite, loadBalancer('s26', NS, { ...OPT_IN, [EIP_KEY]: 'p1', [ADDRESS_KEY]: ip(200) }))
    t.match(outside.stderr, new RegExp(`the specified ip:${ip(200)} is beyond the range of eip\\[p1:`), 's26 is refused at once')
    const garbage = await tryApply(suite, loadBalancer('s28', NS, { ...OPT_IN, [EIP_KEY]: 'p1', [ADDRESS_KEY]: 'not-an-ip' }))
    t.match(garbage.stderr, /not-an-ip/, 's28 is refused, never taken as "any address"')
  })
  await t.test('3.1 what is not ours stays untouched', async (t) => {
    await apply(suite, loadBalancer('s33', NS, { [OPT_IN_KEY]: 'other', [EIP_KEY]: 'p0' }))
    await apply(suite, loadBalancer('s36', NS, { ...OPT_IN, [EIP_KEY]: 'p0' }, { loadBalancerClass: 'example.com/other' }))
    await apply(suite, loadBalancer('s31', NS, {}))
    t.equal(await address(suite, NS, 's31'), ip(162), '31: a bare Service is adopted by the default Eip (the behaviour of 0.5)')
    const bare = await service(suite, NS, 's31')
    t.match(bare?.metadata.annotations, { [OPT_IN_KEY]: 'openelb', [EIP_KEY]: 'p0', 'protocol.openelb.kubesphere.io/v1alpha1': 'bgp' })
    for (const name of ['s33', 's36']) {
      const seen = await service(suite, NS, name)
      t.strictSame([addressOf(seen), seen?.metadata.labels, seen?.status.conditions], [undefined, undefined, undefined], name)
      t.strictSame(await events(suite, NS, 'Service', name), [], `${name}: no events`)
    }
  })
  await t.test('3.1 waiting Services wake when what they wait for comes', async (t) => {
    await apply(suite, eip('p200', { address: ip(200) }))
    t.equal(await address(suite, NS, 's27', 5), ip(200), '38: an Eip with the requested address')
    await run(suite, 'delete', 'svc', 's21', '-n', NS)
    t.equal(await address(suite, NS, 's30', 5), ip(150), '30: a freed address')
    await apply(suite, eip('nosuch', { address: ip(201) }))
    t.equal(await address(suite, NS, 's29', 5), ip(201), '29: the named Eip')
  })
  await t.test('3.1 disabled pools', async (t) => {
    await apply(suite, eip('p0', { address: `${ip(160)}/30`, disable: true }, DEFAULT_EIP))
    await apply(suite, loadBalancer('s39', NS, { ...OPT_IN, [EIP_KEY]: 'p0' }))
    await pending(t, suite, 's39', 'AssignIPFailed', 'no avliable eip, err:eip:p0 is disabled')
    await apply(suite, loadBalancer('s40', NS, OPT_IN))
    await pending(t, suite, 's40', 'ConstructRequest', 'failed to construct allocate request: no available default eip found')
    t.equal(addressOf(await service(suite, NS, 's32')), ip(160), 'a holder keeps its address (the original moved it)')
    await run(suite, 'delete', 'svc', 's31', 's35', '-n', NS)
    await apply(suite, eip('p0', { address: `${ip(160)}/30` }, DEFAULT_EIP))
    const woken = await Promise.all([address(suite, NS, 's39', 5), address(suite, NS, 's40', 5)])
    t.same(woken.sort(), [ip(161), ip(162)], 'both wake when it is enabled again')
  })
  await changes(t, suite, ip)
  await binding(t, suite, ip)
}

/** 3.3: what a change of a Service does to its address. */
async function changes(t: Parameters<Chapter>[0], suite: Suite, ip: (host: number) => string): Promise<void> {
  await t.test('3.3 changes', async (t) => {
    await run(suite, 'delete', 'svc', 's23', '-n', NS)
    await run(suite, 'annotate', 'svc', 's22', '-n', NS, '--overwrite', `${ADDRESS_KEY}=${ip(151)}`)
    await eventually('22 to move to .151', 10, async () => addressOf(await service(suite, NS, 's22')) === ip(151))
    await eventually('.152 to be free', 10, async () => (await get(suite, 'addressclaim', ip(152))) === undefined)
    await apply(suite, loadBalancer('s-filler', NS, { ...OPT_IN, [EIP_KEY]: 'p1' }))
    t.equal(await address(suite, NS, 's-filler'), ip(152))

    await run(suite, 'annotate', 'svc', 's32', '-n', NS, '--overwrite', `${EIP_KEY}=p1`)
    await eventually('the reason', 10, async () =>
      (await service(suite, NS, 's32'))?.status.conditions?.some(({ message }) => message.includes('no suitable ip')),
    )
    t.equal(addressOf(await service(suite, NS, 's32')), ip(160), 'a move into a full pool keeps the old address (the original lost it)')
    await run(suite, 'annotate', 'svc', 's32', '-n', NS, '--overwrite', `${EIP_KEY}=p0`)

    await run(suite, 'patch', 'svc', 's39', '-n', NS, '--type=merge', '-p', '{"spec":{"type":"ClusterIP"}}')
    await run(suite, 'annotate', 'svc', 's40', '-n', NS, `${OPT_IN_KEY}-`)
    for (const name of ['s39', 's40']) {
      const seen = await eventually(`${name} to be released`, 10, async () => {
        const now = await service(suite, NS, name)
        return addressOf(now) === undefined && now
      })
      t.equal(seen.metadata.labels?.[EIP_KEY], undefined, `${name}: no label`)
      t.equal(seen.metadata.finalizers, undefined, `${name}: no finalizer`)
      t.ok(
        (await events(suite, NS, 'Service', name)).some((text) => text.startsWith('Normal ReleaseIP success to release ip: ')),
        `${name}: ReleaseIP`,
      )
    }
    await run(suite, 'annotate', 'svc', 's32', '-n', NS, `${OPT_IN_KEY}-`, `${EIP_KEY}-`, 'protocol.openelb.kubesphere.io/v1alpha1-')
    await eventually(
      '32 to be released though all annotations went (the original leaked it)',
      10,
      async () => addressOf(await service(suite, NS, 's32')) === undefined,
    )
    const started = Date.now()
    await run(suite, 'delete', 'svc', '--all', '-n', NS, '--timeout=20s')
    t.ok(Date.now() - started < 20_000, 'no deletion hangs')
    await eventually(
      'the ledger to be empty',
      15,
      async () => ((await get<{ items: unknown[] }>(suite, 'addressclaims'))?.items.length ?? 0) === 0,
    )
    const unused = await eventually('the unused form', 10, async () => {
      const status = (await get<{ status: Record<string, unknown> }>(suite, 'eip', 'p1'))?.status
      return status?.['used'] === undefined && status
    })
    t.notOk('usage' in unused || 'occupied' in unused, 'used, usage and occupied are gone')
  })
}

/** 3.6: namespaces, selector, priority. */
async function binding(t: Parameters<Chapter>[0], suite: Suite, ip: (host: number) => string): Promise<void> {
  await t.test('3.6 namespaces, selector, priority', async (t) => {
    await run(suite, 'delete', 'eip', '--all')
    for (const namespace of ['ns-a', 'ns-b', 'ns-other']) await run(suite, 'create', 'namespace', namespace)
    await run(suite, 'label', 'namespace', 'ns-a', 'team=a')
    await run(suite, 'label', 'namespace', 'ns-b', 'team=b')
    await apply(suite, eip('by-name', { address: `${ip(150)}/31`, namespaces: ['ns-a'], priority: 20 }))
    await apply(suite, eip('by-label', { address: `${ip(152)}/31`, namespaceSelector: { team: 'a' }, priority: 10 }))
    await apply(suite, eip('by-label-nomatch', { address: ip(154), namespaceSelector: { team: 'x' }, priority: 1 }))
    await apply(suite, eip('by-label-b', { address: `${ip(156)}/31`, namespaceSelector: { team: 'b' } }))
    await apply(suite, eip('dflt', { address: `${ip(160)}/30` }, DEFAULT_EIP))

    await apply(suite, loadBalancer('a1', 'ns-a', OPT_IN))
    t.equal(await address(suite, 'ns-a', 'a1'), ip(152), 'the better priority of the two that match')
    await apply(suite, loadBalancer('b1', 'ns-b', OPT_IN))
    t.equal(await address(suite, 'ns-b', 'b1'), ip(156))
    await apply(suite, loadBalancer('o1', 'ns-other', OPT_IN))
    t.equal(await address(suite, 'ns-other', 'o1'), ip(160), 'no bound pool: the default')
    await apply(suite, loadBalancer('o2', 'ns-other', { ...OPT_IN, [EIP_KEY]: 'by-name' }))
    t.equal(await address(suite, 'ns-other', 'o2'), ip(150), 'an explicit Eip ignores the binding')
    await apply(suite, loadBalancer('o3', 'ns-other', { ...OPT_IN, [ADDRESS_KEY]: ip(154) }))
    t.equal(await address(suite, 'ns-other', 'o3'), ip(154), 'so does an explicit address')

    for (const name of ['a2', 'a3']) await apply(suite, loadBalancer(name, 'ns-a', OPT_IN))
    t.equal(await address(suite, 'ns-a', 'a2'), ip(153))
    t.equal(await address(suite, 'ns-a', 'a3'), ip(151), 'the next pool when the better one is full')
    await apply(suite, loadBalancer('a4', 'ns-a', OPT_IN))
    await pending(t, suite, 'a4', 'AssignIPFailed', 'no suitable ip to allocate', 'ns-a')

    for (const name of ['a1', 'a2', 'a3']) {
      const said = (await events(suite, 'ns-a', 'Service', name)).filter((text) => / AssignIP | ReleaseIP /.test(text))
      t.equal(said.length, 1, `${name} never flaps: ${said.join(' | ')}`)
    }
    await run(suite, 'annotate', 'eip', 'by-name', 'touched=yes')
    await run(suite, 'patch', 'eip', 'by-name', '--type=merge', '-p', '{"spec":{"priority":1}}')
    await new Promise((resolve) => setTimeout(resolve, 2000))
    t.equal(addressOf(await service(suite, 'ns-a', 'a1')), ip(152), 'a better pool never moves a holder (the original hops)')
    await run(suite, 'delete', 'namespace', 'ns-a', 'ns-b', 'ns-other', '--timeout=60s')
    await run(suite, 'delete', 'eip', '--all')
  })
}
