import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { buildCertificates, type IssuedCertificates, newSerial } from '../../certgen/certificates.ts'
import { serviceHosts } from '../../certgen/hosts.ts'
import { inspect } from '../../certgen/inspection.ts'
import {
  explainReason,
  type PublishedBundle,
  planRenewal,
  type RenewalFacts,
  type RenewalStep,
  renewalTimeMs,
  storeNew,
} from '../../certgen/renewal.ts'
import { DEFAULT_KEY_NAMES, lacksMembershipKey, readStored, type StoredCertificates, writeStored } from '../../certgen/secret.ts'

const NOW = Date.UTC(2026, 10, 21)
const DAY = 24 * 3_600_000
const LIFE = 90 * DAY
const HOSTS = serviceHosts('openelb-system')
// Short keys: these tests are about order, and sign hundreds of certificates.
const key = () => ({
  privateKeyPem: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
})
const KEYS = Array.from({ length: 6 }, key)
let made = 0
function issue(nowMs: number, hosts: readonly string[] = HOSTS): IssuedCertificates {
  const pick = () => KEYS[made++ % KEYS.length] ?? key()
  return buildCertificates({
    hosts,
    nowMs,
    lifetimeMs: LIFE,
    authorityKey: pick(),
    leafKey: pick(),
    authoritySerial: newSerial(),
    leafSerial: newSerial(),
  })
}

const first = issue(NOW)
const second = issue(NOW + 60 * DAY)
const both: StoredCertificates = {
  ca: second.ca + first.ca,
  cert: first.cert,
  key: first.key,
  next: { cert: second.cert, key: second.key },
}
const bundles = (...texts: readonly string[]): PublishedBundle[] =>
  texts.map((ca, at) => ({ configuration: 'ValidatingWebhookConfiguration/x', webhook: `w${at}`, ca }))
const facts = (over: Partial<RenewalFacts>): RenewalFacts => ({
  stored: first,
  published: bundles(first.ca, first.ca),
  hosts: HOSTS,
  nowMs: NOW,
  settleMs: 10_000,
  ...over,
})

const DUE = NOW + 61 * DAY
const table: readonly { readonly name: string; readonly given: Partial<RenewalFacts>; readonly want: Partial<RenewalStep> }[] = [
  { name: 'young and published', given: {}, want: { kind: 'nothing' } },
  { name: 'no configuration in the cluster', given: { published: [] }, want: { kind: 'nothing' } },
  { name: 'a line feed more is the same bundle', given: { published: bundles(`${first.ca}\n`) }, want: { kind: 'nothing' } },
  {
    name: 'one webhook lost its bundle',
    given: { published: bundles(first.ca, '') },
    want: { kind: 'publish-bundle', ca: first.ca, stale: bundles(first.ca, '').slice(1) },
  },
  { name: 'a foreign bundle', given: { published: bundles(second.ca) }, want: { kind: 'publish-bundle' } },
  { name: 'two thirds are over', given: { nowMs: DUE }, want: { kind: 'make-new', serve: 'after-publishing' } },
  { name: 'asked for a renewal ahead', given: { renewBeforeMs: 100 * DAY }, want: { kind: 'make-new', serve: 'after-publishing' } },
  { name: 'asked for a late renewal', given: { nowMs: DUE, renewBeforeMs: DAY }, want: { kind: 'nothing' } },
  { name: 'forced', given: { force: true }, want: { kind: 'make-new', serve: 'after-publishing', reason: { code: 'FORCED' } } },
  { name: 'expired', given: { nowMs: NOW + 91 * DAY }, want: { kind: 'make-new', serve: 'at-once' } },
  { name: 'an empty Secret', given: { stored: { ca: '', cert: '', key: '' } }, want: { kind: 'make-new', serve: 'at-once' } },
  { name: 'garbage', given: { stored: { ...first, cert: 'garbage' } }, want: { kind: 'make-new', serve: 'at-once' } },
  {
    name: 'a new name is wanted: the old names are served meanwhile',
    given: { hosts: ['new.svc'] },
    want: { kind: 'make-new', serve: 'after-publishing' },
  },
  { name: 'waiting pair, bundle not published', given: { stored: both, nowMs: DUE }, want: { kind: 'publish-bundle', ca: both.ca } },
  {
    name: 'waiting pair, published in one of two',
    given: { stored: both, nowMs: DUE, published: bundles(both.ca, first.ca) },
    want: { kind: 'publish-bundle', ca: both.ca },
  },
  {
    name: 'just published',
    given: { stored: both, nowMs: DUE, published: bundles(both.ca) },
    want: { kind: 'wait-for-bundle-published', waitMs: 10_000 },
  },
  {
    name: 'published for a while',
    given: { stored: both, nowMs: DUE, published: bundles(both.ca), publishedForMs: 9_000 },
    want: { kind: 'wait-for-bundle-published', waitMs: 1_000 },
  },
  {
    name: 'settled',
    given: { stored: both, nowMs: DUE, published: bundles(both.ca), publishedForMs: 10_000 },
    want: { kind: 'serve-new-leaf', store: { ca: both.ca, cert: second.cert, key: second.key } },
  },
  {
    name: 'force does not begin a second renewal',
    given: { stored: both, nowMs: DUE, published: bundles(both.ca), force: true },
    want: { kind: 'wait-for-bundle-published' },
  },
  {
    name: 'the old one expired while waiting: nothing is lost by serving at once',
    given: { stored: both, nowMs: NOW + 91 * DAY, published: bundles(first.ca) },
    want: { kind: 'serve-new-leaf' },
  },
  {
    name: 'a broken waiting pair beside a sound one',
    given: { stored: { ...both, next: { cert: 'garbage', key: '' } } },
    want: { kind: 'make-new', serve: 'after-publishing' },
  },
  {
    name: 'half a waiting pair beside nothing',
    given: { stored: { ca: '', cert: '', key: '', next: { cert: second.cert, key: '' } } },
    want: { kind: 'make-new', serve: 'at-once' },
  },
  {
    name: 'the old CA is still alive',
    given: { stored: { ...second, ca: both.ca }, nowMs: NOW + 95 * DAY, published: bundles(both.ca) },
    want: { kind: 'nothing' },
  },
  {
    name: 'the old CA expired',
    given: { stored: { ...second, ca: both.ca }, nowMs: NOW + 100 * DAY, published: bundles(both.ca) },
    want: { kind: 'drop-old-ca', dropped: 1, store: second },
  },
]
for (const { name, given, want } of table)
  t.test(name, async (t) => {
    t.match(planRenewal(facts(given)), want)
  })

t.test('when and what', async (t) => {
  t.equal(renewalTimeMs({ notBeforeMs: 0, notAfterMs: 90 }), 60)
  t.equal(renewalTimeMs({ notBeforeMs: 0, notAfterMs: 90 }, 10), 80)
  const due = planRenewal(facts({ nowMs: DUE }))
  t.match(due.kind === 'make-new' ? explainReason(due.reason) : '', /ends at 2027-02-19/)
  t.equal(explainReason({ code: 'FORCED' }), 'it was asked for')
  t.match(explainReason({ code: 'KEY_MISMATCH' }), /another certificate/)
  const nothing = planRenewal(facts({}))
  t.ok(nothing.kind === 'nothing' && nothing.untilMs > NOW + 59 * DAY && nothing.untilMs < NOW + 61 * DAY)
  const extra = planRenewal(facts({ stored: issue(NOW, [...HOSTS, 'extra.example']), force: true }))
  t.same(extra.kind === 'make-new' ? extra.hosts : [], [...HOSTS, 'extra.example'], 'names that only the old certificate had are kept')
  const stored = storeNew(first, 'at-once', second, NOW + 60 * DAY)
  t.same(stored, { ca: second.ca + first.ca, cert: second.cert, key: second.key }, 'the old CA stays trusted')
})

t.test('a Secret: what is written is read back, foreign keys stay', async (t) => {
  const content = writeStored({ 'tls.crt': 'eA==', 'next-cert': 'eA==' }, first, DEFAULT_KEY_NAMES)
  t.same(Object.keys(content).sort(), ['ca', 'cert', 'key', 'tls.crt'])
  t.same(readStored(content, DEFAULT_KEY_NAMES), { ca: first.ca, cert: first.cert, key: first.key })
  t.same(readStored(writeStored(content, both, DEFAULT_KEY_NAMES), DEFAULT_KEY_NAMES), both)
  t.same(readStored({}, DEFAULT_KEY_NAMES), { ca: '', cert: '', key: '' })
  const named = { ca: 'ca.crt', cert: 'tls.crt', key: 'tls.key' }
  t.same(readStored(writeStored({}, both, named), named), both)
  const base64 = (text: string) => ({ key: Buffer.from(text).toString('base64') })
  t.same(
    [{}, base64(''), base64(' \n'), base64('openelb-speakers'), base64('openelb-speakers\n'), base64('mine')].map(lacksMembershipKey),
    [true, true, true, true, true, false],
  )
})

/** A cluster in memory: the Secret, two configurations, and the certificate that replicas serve. */
interface World {
  stored: StoredCertificates
  published: string[]
  nowMs: number
  seen: { ca: string; sinceMs: number } | undefined
  made: number
}
const SETTLE = DAY

/** One turn of the renewal's shell, its memory included. */
function turn(world: World): RenewalStep {
  const { stored, nowMs } = world
  if (world.published.some((ca) => ca !== stored.ca)) world.seen = undefined
  else if (world.seen?.ca !== stored.ca) world.seen = { ca: stored.ca, sinceMs: nowMs }
  const publishedForMs = world.seen === undefined ? {} : { publishedForMs: nowMs - world.seen.sinceMs }
  const step = planRenewal({ stored, published: bundles(...world.published), hosts: HOSTS, nowMs, settleMs: SETTLE, ...publishedForMs })
  if (step.kind === 'make-new') {
    world.stored = storeNew(stored, step.serve, issue(nowMs), nowMs)
    world.made++
  } else if (step.kind === 'publish-bundle') world.published = world.published.map(() => step.ca)
  else if (step.kind === 'serve-new-leaf' || step.kind === 'drop-old-ca') world.stored = step.store
  return step
}

/** Whether both API servers' view of every configuration trusts what is served now. */
const trusted = ({ stored, published, nowMs }: World) =>
  published.every((ca) => inspect({ ca, cert: stored.cert, key: stored.key }, { hosts: HOSTS, nowMs }).ok)

const ended = ({ stored, nowMs }: World): boolean => new X509Certificate(stored.cert).validToDate.getTime() < nowMs

t.test('running until nothing is left, and then again, is running once', async (t) => {
  const world: World = { stored: { ca: '', cert: '', key: '' }, published: ['', ''], nowMs: NOW, seen: undefined, made: 0 }
  const kinds: string[] = []
  for (let turns = 0; turns < 10; turns++) kinds.push(turn(world).kind)
  t.same(kinds, ['make-new', 'publish-bundle', ...Array.from({ length: 8 }, () => 'nothing')])
  t.equal(world.made, 1)
})

t.test('whatever happens between two writes, what is served is trusted everywhere', async (t) => {
  const event = fc.oneof(
    { weight: 3, arbitrary: fc.constant('turn' as const) },
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 12 }).map((days) => ({ days })) },
    { weight: 1, arbitrary: fc.constant('crash' as const) },
    { weight: 1, arbitrary: fc.constant('other-leader' as const) },
  )
  let renewals = 0
  fc.assert(
    fc.property(fc.array(event, { minLength: 15, maxLength: 40 }), (events) => {
      const world: World = { stored: first, published: [first.ca, first.ca], nowMs: NOW, seen: undefined, made: 0 }
      let otherMemory: World['seen']
      for (const happens of events) {
        if (typeof happens === 'object') world.nowMs += happens.days * DAY
        else if (happens === 'crash') world.seen = undefined
        else if (happens === 'other-leader') [world.seen, otherMemory] = [otherMemory, world.seen]
        // Leaders who change or crash while they wait, and then do not look for days, can let a certificate end: the next look mends it.
        if (!trusted(world) && !ended(world)) return false
        for (let steps = 0; steps < 2; steps++) {
          turn(world)
          if (!trusted(world)) return false
        }
      }
      renewals += world.made
      return (world.stored.ca.match(/BEGIN/g) ?? []).length <= 3
    }),
    { numRuns: 15 },
  )
  t.ok(renewals > 2, `${renewals} renewals happened in these runs`)
})

t.test('a configuration that lost its bundle while a renewal runs gets it back before the new certificate is served', async (t) => {
  const world: World = { stored: both, published: [both.ca, both.ca], nowMs: DUE, seen: undefined, made: 0 }
  t.equal(turn(world).kind, 'wait-for-bundle-published')
  world.published[1] = ''
  world.nowMs += SETTLE
  t.equal(turn(world).kind, 'publish-bundle')
  t.equal(turn(world).kind, 'wait-for-bundle-published', 'the time starts anew')
  world.nowMs += SETTLE
  t.equal(turn(world).kind, 'serve-new-leaf')
  t.ok(trusted(world))
  t.equal(new X509Certificate(world.stored.cert).serialNumber, new X509Certificate(second.cert).serialNumber)
})
