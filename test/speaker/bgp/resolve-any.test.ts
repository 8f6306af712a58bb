import fc from 'fast-check'
import t from 'tap'
import { formatIp } from '../../../src/addr/ip.ts'
import { resolveBgp } from '../../../src/speaker/bgp/resolve.ts'
import type { BgpFacts, ResolvedBgp } from '../../../src/speaker/bgp/resolve-facts.ts'
import type { BgpSettings, PeerSettings } from '../../../src/speaker/bgp/settings.ts'
import { confOf, FACTS, peerOf } from './support/resolve-facts.ts'

const isIn = (value: number | undefined, least: number, most: number): boolean =>
  value !== undefined && Number.isInteger(value) && value >= least && value <= most
const isAs = (value: number): boolean => isIn(value, 1, 2 ** 32 - 1) && value !== 23_456

/** The ranges of the RFCs, checked without the code that made the settings. */
function broken(peer: PeerSettings): readonly string[] {
  const { transport, times, gracefulRestart, bfd } = peer
  const rules: readonly (readonly [string, boolean])[] = [
    ['RFC 7607, 6793: AS', isAs(peer.localAs) && (typeof peer.expectedAs === 'string' || isAs(peer.expectedAs))],
    ['RFC 6286: identifier', isIn(peer.routerId, 1, 2 ** 32 - 1)],
    ['port', isIn(peer.remote.port, 1, 65_535)],
    ['RFC 4271: hold time', times.holdMs === 0 || isIn(times.holdMs / 1000, 3, 65_535)],
    [
      'keepalives below it',
      times.keepaliveMs === undefined || (times.keepaliveMs > 0 && (times.holdMs === 0 || times.keepaliveMs < times.holdMs)),
    ],
    ['retry', times.connectRetryMs > 0 && times.advertisementMs >= 0],
    [
      'TTL',
      isIn(transport.ttl, 1, 255) && (transport.leastTtl === undefined || (isIn(transport.leastTtl, 1, 255) && transport.ttl === 255)),
    ],
    ['MD5 key', transport.password === undefined || isIn(Buffer.byteLength(transport.password), 1, 80)],
    ['device', transport.device === undefined || isIn(transport.device.length, 1, 15)],
    ['families', peer.families.length > 0 && new Set(peer.families.map(({ family }) => family)).size === peer.families.length],
    ['ADD-PATH', peer.families.every(({ addPathSend }) => isIn(addPathSend, 0, 65_535))],
    ['RFC 4724: restart time', gracefulRestart === undefined || isIn(gracefulRestart.restartSec, 0, 4095)],
    ['RFC 9494: stale time', gracefulRestart?.longLivedSec === undefined || isIn(gracefulRestart.longLivedSec, 1, 2 ** 24 - 1)],
    [
      'RFC 5880: intervals',
      bfd === undefined || (isIn(bfd.transmitMs, 10, 60_000) && isIn(bfd.receiveMs, 10, 60_000) && isIn(bfd.detectMultiplier, 2, 255)),
    ],
    [
      'RFC 5880: key',
      bfd?.authentication === undefined ||
        (isIn(bfd.authentication.keyId, 0, 255) && isIn(Buffer.byteLength(bfd.authentication.key), 1, 20)),
    ],
    [
      'RFC 9234: roles are for external peers',
      peer.role === undefined || (peer.expectedAs !== 'internal' && peer.expectedAs !== peer.localAs),
    ],
  ]
  return rules.flatMap(([name, holds]) => (holds ? [] : [name]))
}

const remoteKey = ({ remote }: PeerSettings): string => (remote.kind === 'address' ? formatIp(remote.ip) : remote.name)

function brokenSettings(settings: BgpSettings | undefined): readonly string[] {
  const peers = settings?.peers ?? []
  const names = peers.map(({ name }) => name)
  return [
    ...peers.flatMap(broken),
    ...(new Set(peers.map(remoteKey)).size === peers.length ? [] : ['two peers with one remote']),
    ...(names.join() === [...new Set(names)].sort().join() ? [] : ['not each once, by name']),
    ...(settings === undefined || typeof settings.listen.port === 'string' || isIn(settings.listen.port, 1, 65_535) ? [] : ['listen']),
  ]
}

/** Every peer is either served or said to be not; what is said is a sentence with a cure, and short enough for a status. */
function faults({ peers }: BgpFacts, { settings, problems }: ResolvedBgp): readonly string[] {
  const told = new Set([...(settings?.peers ?? []).map(({ name }) => name), ...problems.map(({ peer }) => peer)])
  const silent = settings === undefined ? [] : peers.filter(({ metadata }) => !told.has(metadata.name))
  const bad = problems.filter(
    ({ message, cure }) => message.length === 0 || message.length > 1024 || cure.length === 0 || cure.length > 1024,
  )
  return [...brokenSettings(settings), ...silent.map(({ metadata }) => `${metadata.name} in silence`), ...bad.map(({ message }) => message)]
}

const number = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 255, 256, 4095, 4096, 23_456, 65_535, 65_536, 4_294_967_295, 4_294_967_296, -1, 1.5),
  fc.integer(),
)
const text = fc.oneof(
  fc.constantFrom(
    '',
    '10.0.0.2',
    '10.0.0.3',
    'fd00::2',
    'fe80::1',
    'eth0',
    'a/b',
    '0',
    '1',
    '3',
    '90',
    '99999',
    'x'.repeat(81),
    'tor',
    'none',
  ),
  fc.string({ maxLength: 20 }),
)
const flag = fc.boolean()
const seconds = fc.constantFrom('', '0', '1', '2', '3', '9', '90', '65535', '65536', '00000000000000000000')
/** Each field is there or not, and one in `junkIn` (0: none) is any JSON. */
function specs(junkIn: number) {
  const some = (value: fc.Arbitrary<unknown>) =>
    junkIn === 0 ? value : fc.oneof({ weight: junkIn, arbitrary: value }, { weight: 1, arbitrary: fc.jsonValue() as fc.Arbitrary<unknown> })
  const within = (min: number, max: number) => (junkIn === 0 ? fc.integer({ min, max }) : number)
  const record = (fields: Readonly<Record<string, fc.Arbitrary<unknown>>>) =>
    fc.record(Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, some(value)])), { requiredKeys: [] })
  const restart = record({
    enabled: flag,
    restartTime: within(0, 5000),
    helperOnly: flag,
    notificationEnabled: flag,
    longlivedEnabled: flag,
    staleRoutesTime: within(0, 4294967295),
  })
  const afi = record({
    family: record({ afi: fc.constantFrom('AFI_IP', 'AFI_IP6', 'AFI_X', ''), safi: fc.constantFrom('SAFI_UNICAST', '') }),
    enabled: flag,
  })
  const peerSpec = record({
    conf: record({
      neighborAddress: text,
      neighborInterface: text,
      peerAs: within(0, 4294967295),
      localAs: within(0, 4294967295),
      dynamicAs: fc.constantFrom('external', 'internal'),
      authPassword: text,
      authPasswordSecretKey: text,
      vrf: text,
      role: fc.constantFrom('customer', 'peer'),
      adminDown: flag,
    }),
    ebgpMultihop: record({ enabled: flag, multihopTtl: within(0, 255) }),
    ttlSecurity: record({ enabled: flag, ttlMin: within(1, 255) }),
    timers: record({
      config: record({ holdTime: seconds, keepaliveInterval: seconds, connectRetry: seconds, minimumAdvertisementInterval: seconds }),
    }),
    transport: record({
      remotePort: within(0, 65535),
      tcpMss: within(0, 65535),
      localAddress: text,
      bindInterface: text,
      passiveMode: flag,
    }),
    gracefulRestart: restart,
    afiSafis: fc.array(record({ config: afi, addPaths: record({ config: record({ sendMax: within(0, 4294967295) }) }) }), { maxLength: 3 }),
    bfd: record({
      receiveInterval: within(10, 60000),
      detectMultiplier: within(2, 255),
      minimumTtl: within(1, 254),
      authentication: record({ type: fc.constantFrom('keyed-sha1'), keyId: within(0, 255), secretKey: fc.constantFrom('bfd', 'none') }),
    }),
    nextHop: fc.constantFrom('auto', 'self', 'nodes'),
  })
  const confSpec = record({
    as: within(0, 4294967295),
    asPerRack: fc.dictionary(text, number, { maxKeys: 3 }),
    routerId: text,
    listenPort: within(-1, 65535),
    listenAddresses: fc.array(text, { maxLength: 3 }),
    families: fc.array(number, { maxLength: 3 }),
    gracefulRestart: restart,
    policy: text,
  })
  return { peerSpec, confSpec }
}

t.test('whatever BgpConf and BgpPeers hold, nothing throws, and what comes of it keeps to the RFCs', async (t) => {
  const { peerSpec, confSpec } = specs(20)
  const conf = fc.oneof(
    confSpec,
    fc.jsonValue(),
    fc.constant({ as: 65_001 }),
    fc.constant({ as: 65_001, gracefulRestart: { enabled: true } }),
  )
  const peerSpecs = fc.array(fc.oneof({ weight: 9, arbitrary: peerSpec }, { weight: 1, arbitrary: fc.jsonValue() }), { maxLength: 5 })
  fc.assert(
    fc.property(conf, peerSpecs, fc.string(), (spec, peers, policyText) => {
      const facts = { ...FACTS, conf: confOf(spec), peers: peers.map((one, at) => peerOf(`p${at}`, one)), policyText }
      t.same(faults(facts, resolveBgp(facts)), [])
    }),
    { numRuns: 2000 },
  )
})

t.test('near to what people write, peers are served', async (t) => {
  let served = 0
  const conf = { neighborAddress: '10.0.0.254', peerAs: 65_000 }
  fc.assert(
    fc.property(specs(0).peerSpec, (spec) => {
      const facts = { ...FACTS, peers: [peerOf('p', { ...spec, conf })] }
      const resolved = resolveBgp(facts)
      t.same(faults(facts, resolved), [])
      served += resolved.settings?.peers.length ?? 0
    }),
    { numRuns: 1000 },
  )
  t.ok(served > 50, `${served} of 1000 were served: the property sees real settings`)
})

t.test('equal facts give equal settings, in any order of the peers', async (t) => {
  const peers = ['a', 'b', 'c'].map((name, at) => peerOf(name, { conf: { neighborAddress: `10.0.1.${at}`, peerAs: 65_000 } }))
  const plain = (facts: BgpFacts) => JSON.stringify(resolveBgp(facts), (_, value) => (typeof value === 'bigint' ? String(value) : value))
  fc.assert(
    fc.property(fc.shuffledSubarray(peers, { minLength: 3 }), (order) => plain({ ...FACTS, peers: order }) === plain({ ...FACTS, peers })),
  )
  t.match(plain({ ...FACTS, peers }), /"name":"a".*"name":"b".*"name":"c"/)
})
