import { type Chapter, DEFAULT_EIP, eip, eventually, get, run, tryApply } from './suite.ts'

interface EipSeen {
  readonly metadata: { readonly finalizers?: string[] }
  readonly spec: { readonly address: string }
  readonly status?: Record<string, unknown>
}

/** The forms of an address and what the status then says (section 1.1 of the observed contract; S is the segment). */
const FORMS = [
  { name: 'e-single', address: 'S.50', first: 'S.50', last: 'S.50', size: 1, v4: true },
  { name: 'e-p32', address: 'S.99/32', first: 'S.99', last: 'S.99', size: 1, v4: true },
  { name: 'e-range', address: 'S.60-S.69', first: 'S.60', last: 'S.69', size: 10, v4: true },
  { name: 'e-p30', address: 'S.72/30', first: 'S.72', last: 'S.75', size: 4, v4: true },
  { name: 'e-hostbits', address: 'S.81/29', first: 'S.80', last: 'S.87', size: 8, v4: true },
  { name: 'e-v6', address: 'fd00:251::50', first: 'fd00:251::50', last: 'fd00:251::50', size: 1 },
  { name: 'e-v6range', address: 'fd00:251::60-fd00:251::6f', first: 'fd00:251::60', last: 'fd00:251::6f', size: 16 },
  { name: 'e-v6p120', address: 'fd00:251::100/120', first: 'fd00:251::100', last: 'fd00:251::1ff', size: 256 },
] as const

/** Wide pools: the original printed nonsense (size absent, occupied, a last address below the first). */
const WIDE = [
  { name: 'e-v6p64', address: 'fd00:252::/64', last: 'fd00:252::ffff:ffff:ffff:ffff', capacity: '18446744073709551616' },
  { name: 'e-v6p63', address: 'fd00:254::/63', last: 'fd00:254:0:1:ffff:ffff:ffff:ffff', capacity: '36893488147419103232' },
] as const

const PREFIX = 'admission webhook "validate.eip.network.kubesphere.io" denied the request: '

/** Section 1.2: what is refused on creation, and by which words (after the webhook's own prefix, before our cure). */
const REFUSED = [
  ...[
    '',
    'xxxx',
    'S.9-S.3',
    'S.1-S.2-S.3',
    'S.1 - S.2',
    'S.1,S.2',
    'S.0/33',
    'S.0/255.255.255.252',
    'S.120-fd00:251::200',
    '256.1.1.1',
    '1.2.3.4-',
  ].map((address) => ({ given: { address }, words: 'invalid eip address format' })),
  { given: { address: 'S.65-S.66' }, words: 'eip address overlap with e-range' },
  { given: { address: 'S.50' }, words: 'eip address overlap with e-single' },
  { given: { address: '0.0.0.0/1' }, words: 'eip address overlap with ' },
  { given: { address: 'S.110', protocol: 'layer2' }, words: 'if protocol is layer2 or vip, interface should not be empty' },
  { given: { address: 'S.110', protocol: 'vip' }, words: 'if protocol is layer2 or vip, interface should not be empty' },
] as const

const ACCEPTED = [
  { address: 'S.110', protocol: 'layer2', interface: 'nosuch0' },
  { address: 'S.111', protocol: 'layer2', interface: 'can_reach:S.1' },
  { address: 'S.112', protocol: 'bgp', interface: 'eth0' },
  { address: 'S.113', priority: -5 },
  { address: 'S.114', usingKnownIPs: true },
] as const

export const contractEip: Chapter = async (t, suite) => {
  const at = (text: string): string => text.replaceAll('S.', `${suite.segment}.`)
  const located = (spec: object): Record<string, unknown> => JSON.parse(at(JSON.stringify(spec))) as Record<string, unknown>
  const statusOf = (name: string) => eventually(`a status of ${name}`, 10, async () => (await get<EipSeen>(suite, 'eip', name))?.status)

  for (const form of FORMS) {
    await t.test(`1.1 ${form.address}`, async (t) => {
      const applied = await tryApply(suite, eip(form.name, { address: at(form.address) }))
      t.equal(applied.code, 0, applied.stderr)
      const status = await statusOf(form.name)
      const want = { firstIP: at(form.first), lastIP: at(form.last), poolSize: form.size, ...('v4' in form ? { v4: true } : {}) }
      const { ready, conditions, capacity, observedGeneration: _, ...rest } = status
      t.strictSame(rest, want, 'exactly the fields of an unused pool')
      t.equal(ready, true)
      t.equal(capacity, String(form.size))
      t.match(conditions, [{ type: 'Ready', status: 'True' }])
      const seen = await get<EipSeen>(suite, 'eip', form.name)
      t.equal(seen?.spec.address, at(form.address), 'the spec stays as written')
      t.equal(seen?.metadata.finalizers, undefined)
    })
  }
  for (const wide of WIDE) {
    await t.test(`1.1 ${wide.address}: an honest size`, async (t) => {
      t.equal((await tryApply(suite, eip(wide.name, { address: wide.address }))).code, 0)
      t.match(await statusOf(wide.name), { lastIP: wide.last, poolSize: Number.MAX_SAFE_INTEGER, capacity: wide.capacity, ready: true })
    })
  }
  await t.test('1.1 kubectl get eip prints an empty USAGE for an unused pool', async (t) => {
    const lines = (await run(suite, 'get', 'eip', 'e-range')).split('\n')
    t.match(lines[0], /^NAME\s+CIDR\s+USAGE\s+TOTAL$/)
    t.match(lines[1], new RegExp(`^e-range\\s+${at('S.60-S.69')}\\s+10$`))
  })
  await t.test('1.2 refusals carry the words of the original and a cure', async (t) => {
    for (const { given, words } of REFUSED) {
      const refused = await tryApply(suite, eip('e-refused', located(given)))
      t.not(refused.code, 0, JSON.stringify(given))
      t.ok(refused.stderr.includes(`${PREFIX}${words}`), `${JSON.stringify(given)}: ${refused.stderr.trim()}`)
    }
    const arp = await tryApply(suite, eip('e-refused', { address: at('S.110'), protocol: 'arp' }))
    t.match(arp.stderr, /spec\.protocol: Unsupported value: "arp": supported values: "bgp", "layer2", "vip"/)
  })
  await t.test('1.2 what the original lets pass, passes', async (t) => {
    for (const [index, given] of ACCEPTED.entries()) {
      const applied = await tryApply(suite, eip(`e-ok-${index}`, located(given)))
      t.equal(applied.code, 0, `${JSON.stringify(given)}: ${applied.stderr}`)
    }
    for (const value of ['yes', 'false']) {
      const annotated = await tryApply(suite, eip('e-ok-0', located(ACCEPTED[0]), { 'eip.openelb.kubesphere.io/is-default-eip': value }))
      t.equal(annotated.code, 0, `annotation value ${value}`)
    }
  })
  await t.test('1.2 and 1.3: a second default, a changed address, a lost interface', async (t) => {
    t.equal((await tryApply(suite, eip('e-default', { address: at('S.120') }, DEFAULT_EIP))).code, 0)
    const refuse = async (object: ReturnType<typeof eip>, words: string) => {
      const { code, stderr } = await tryApply(suite, object)
      t.ok(code !== 0 && stderr.includes(PREFIX + words), `${words}: ${stderr.trim()}`)
    }
    await refuse(eip('e-default-2', { address: at('S.121') }, DEFAULT_EIP), 'already exists a default EIP')
    await refuse(
      eip('e-default-2', { address: at('S.121') }, { 'eip.openelb.kubesphere.io/is-default-eip': 'TRUE' }),
      'already exists a default EIP',
    )
    await refuse(eip('e-single', { address: at('S.50') }, DEFAULT_EIP), 'already exists a default EIP')
    await refuse(eip('e-single', { address: at('S.51') }), 'the address field is not allowed to be modified')
    await refuse(eip('e-single', { address: at('S.50/32') }), 'the address field is not allowed to be modified')
    await refuse(
      eip('e-single', { address: at('S.50'), protocol: 'layer2' }),
      'if protocol is layer2 or vip, interface should not be empty',
    )
    const moved = await tryApply(
      suite,
      eip('e-single', { address: at('S.50'), protocol: 'layer2', interface: 'eth0', disable: true, priority: 3 }),
    )
    t.equal(moved.code, 0, moved.stderr)
  })
  await t.test('1.3 DELETE is never refused', async (t) => {
    const deleted = await suite.kubectl(['delete', 'eip', '--all', '--timeout=20s'])
    t.equal(deleted.code, 0, deleted.stderr)
  })
}
