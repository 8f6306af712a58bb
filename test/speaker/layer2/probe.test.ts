import { readFileSync } from 'node:fs'
import t from 'tap'
import { createProbes, PROBE_NUMBER, probeFrame } from '../../../src/speaker/layer2/probe.ts'
import { parseEthernet } from '../../../src/wire/ethernet.ts'
import { parseNeighborMessage } from '../../../src/wire/icmpv6-nd.ts'

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 9)
const IP = 0x0afb00f1
const ETH0 = 2
const ETH1 = 3

/** Sends what is due until nothing is left, and gives when each frame left. */
function play(probes: ReturnType<typeof createProbes>, fromMs = 0): number[] {
  const sentAt: number[] = []
  for (
    let nowMs = fromMs;
    probes.waitMs(nowMs) !== undefined && nowMs < fromMs + 60_000;
    nowMs += Math.max(probes.waitMs(nowMs) ?? 0, 0.001)
  ) {
    for (const { id } of probes.due(nowMs)) {
      sentAt.push(Math.round(nowMs))
      probes.sent(id, nowMs)
    }
    if (probes.waitMs(nowMs) === 0) break
  }
  return sentAt
}

t.test('three frames within 200 ms and then 200 to 400 ms apart; silence for 400 ms more means free', async (t) => {
  for (const [random, sentAt, endMs] of [
    [0, [0, 200, 400], 800],
    [0.999999, [200, 600, 1000], 1400],
  ] as const) {
    const probes = createProbes(() => random)
    probes.start(1, IP, ETH0, 0)
    t.same(play(probes), sentAt)
    t.same(probes.due(endMs + 1), [])
    t.same(probes.results(), [{ id: 1, address: IP, interfaceIndex: ETH0, takenBy: undefined, error: undefined }])
    t.same(probes.results(), [], 'once')
    t.equal(probes.waitMs(endMs), undefined)
    t.notOk(probes.has(IP, ETH0))
  }
  t.equal(PROBE_NUMBER, 3)
})

t.test('whoever answers has it, at any time up to the end; other interfaces and addresses do not count', async (t) => {
  for (const heardAfter of [0, 1, 2, 3]) {
    const probes = createProbes(() => 0)
    probes.start(1, IP, ETH0, 0)
    for (let sent = 0; sent < heardAfter; sent++) for (const { id } of probes.due(sent * 200)) probes.sent(id, sent * 200)
    probes.heard(IP, ETH1, MAC)
    probes.heard(IP + 1, ETH0, MAC)
    t.same(probes.results(), [])
    const buffer = MAC.slice()
    probes.heard(IP, ETH0, buffer)
    buffer.fill(0)
    t.equal(probes.waitMs(0), 0, 'the result waits')
    t.same(probes.results(), [{ id: 1, address: IP, interfaceIndex: ETH0, takenBy: MAC, error: undefined }])
    t.equal(probes.waitMs(0), undefined)
  }
})

t.test('two that ask for one address get one answer each; one that is ended gets none', async (t) => {
  const probes = createProbes(() => 0)
  probes.start(1, IP, ETH0, 0)
  probes.start(2, IP, ETH0, 0)
  probes.start(3, IP, ETH0, 0)
  t.match(probes.end(3), { id: 3, address: IP, interfaceIndex: ETH0 })
  t.equal(probes.end(3), undefined)
  t.ok(probes.has(IP, ETH0))
  t.notOk(probes.has(IP, ETH1))
  probes.heard(IP, ETH0, MAC)
  t.same(
    probes.results().map(({ id }) => id),
    [1, 2],
  )
  t.notOk(probes.has(IP, ETH0))
})

t.test('a frame that cannot leave ends it: silence would prove nothing', async (t) => {
  const probes = createProbes(() => 0)
  probes.start(1, IP, ETH0, 0)
  for (const { id } of probes.due(0)) probes.failed(id, 'send: ENETDOWN')
  t.match(probes.results(), [{ id: 1, takenBy: undefined, error: 'send: ENETDOWN' }])
  probes.sent(1, 0)
  probes.failed(1, 'again')
  t.same(probes.results(), [])
})

t.test('the ARP probe is that of RFC 5227, byte for byte', async (t) => {
  const { frame } = JSON.parse(readFileSync(new URL('../../vectors/arp/probe.json', import.meta.url), 'utf8')) as { frame: string }
  t.equal(
    Buffer.from(probeFrame(Uint8Array.from(Buffer.from('02005e100001', 'hex')), 0xc000_0209)).toString('hex'),
    frame.replaceAll(' ', ''),
  )
})

t.test('the solicitation is that of duplicate address detection', async (t) => {
  const ethernet = parseEthernet(probeFrame(MAC, 0xfd00_0251_0000_0000_0000_0000_0012_3456n))
  const message = ethernet.ok ? parseNeighborMessage(ethernet.value.payload) : ethernet
  if (!ethernet.ok || !message.ok || message.value.kind !== 'solicitation') return void t.fail('no solicitation')
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  t.equal(hex(ethernet.value.destination), '3333ff123456')
  t.equal(hex(ethernet.value.source), hex(MAC))
  t.equal(hex(message.value.source), '0'.repeat(32))
  t.equal(hex(message.value.destination), 'ff0200000000000000000001ff123456')
  t.equal(hex(message.value.target), 'fd000251000000000000000000123456')
  t.equal(message.value.sourceMac, undefined)
})
