/** The announcer with its real thread and real sockets, on the loopback interface. Needs root (CAP_NET_RAW) on Linux. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { systemClock } from '../../../src/runtime/clock.ts'
import { createLogger } from '../../../src/runtime/logger.ts'
import { monotonicMs } from '../../../src/speaker/fence.ts'
import { openLibc } from '../../../src/speaker/io/libc.ts'
import { createLayer2Announcer, type Layer2Announcer } from '../../../src/speaker/layer2/announcer.ts'
import type { Layer2Line } from '../../../src/speaker/layer2/table.ts'
import { serializeArp } from '../../../src/wire/arp.ts'
import { BROADCAST_MAC, ETHER_TYPE, serializeEthernet } from '../../../src/wire/ethernet.ts'

const MAC = new Uint8Array(6) // loopback has this one
const ASKER = Uint8Array.of(2, 0, 0, 0, 0, 9)
const lo = { index: 1, name: 'lo', mac: MAC }
/** TEST-NET-3: nobody on the loopback interface uses it. */
const line = (last: number, over: Partial<Layer2Line> = {}): Layer2Line => ({
  text: `203.0.113.${last}`,
  address: ((203 << 24) | (0 << 16) | (113 << 8) | last) >>> 0,
  interface: lo,
  burst: '1',
  ...over,
})

const counters = (announcer: Layer2Announcer, last: number) => {
  const slot = [...announcer.slots()].find(([text]) => text === `203.0.113.${last}`)?.[1]
  return slot === undefined ? undefined : announcer.counters.ofAddress(slot)
}
const gratuitous = (announcer: Layer2Announcer, last: number) => counters(announcer, last)?.gratuitous

const refused = process.platform !== 'linux' ? 'Linux only' : process.getuid?.() !== 0 ? 'needs root' : undefined
if (refused !== undefined) {
  t.plan(0, refused)
} else {
  const logged: string[] = []
  const announcer = createLayer2Announcer({
    libc: openLibc(),
    clock: systemClock,
    logger: createLogger({ format: 'text', level: 'debug', write: (text) => void logged.push(text) }),
    random: () => 0,
  })
  t.teardown(() => announcer.close())

  await t.test('answers what is in the table, and only that', async (t) => {
    announcer.announce([line(1), line(2)])
    await until('two gratuitous pairs', () => gratuitous(announcer, 1) === 1 && gratuitous(announcer, 2) === 1)
    await until('word of its sockets', () => announcer.health().serves)
    t.same(announcer.health(), { problems: [], serves: true, brokenInterfaces: new Set() })
    ask(1)
    ask(1)
    ask(3)
    await until('two requests', () => counters(announcer, 1)?.responses === 2)
    t.equal(counters(announcer, 1)?.requests, 2)
    t.same(counters(announcer, 2), { requests: 0, responses: 0, gratuitous: 1 })
    t.ok(announcer.counters.global('not-ours') >= 1)
  })

  await t.test('a line that goes is no longer answered; a new burst is sent again; what stays is left alone', async (t) => {
    const before = announcer.counters.global('installed')
    announcer.announce([line(2)])
    announcer.announce([line(2)])
    await until('one change', () => announcer.counters.global('installed') === before + 1)
    ask(1)
    ask(2)
    await until('one answer', () => counters(announcer, 2)?.responses === 1)
    t.equal(counters(announcer, 1), undefined)
    const pairs = gratuitous(announcer, 2) ?? 0
    announcer.announce([line(2, { burst: '2' })])
    await until('another pair', () => (gratuitous(announcer, 2) ?? 0) > pairs)
  })

  await t.test('an interface that is gone is a problem, not an end; the others go on', async (t) => {
    announcer.announce([line(2), line(3, { interface: { index: 999_999, name: 'gone0', mac: ASKER } })])
    await until('a problem', () => announcer.health().problems.length > 0)
    t.match(announcer.health().problems, [/^gone0: bind: ENODEV$/])
    const { responses = 0 } = counters(announcer, 2) ?? {}
    ask(2)
    await until('an answer', () => counters(announcer, 2)?.responses === responses + 1)
    announcer.announce([line(2)])
    t.same(announcer.health(), { problems: [], serves: true, brokenInterfaces: new Set() })
  })

  await t.test('a thread that dies is started again with the whole table', async (t) => {
    // No kernel gives such a MAC: serializing it throws inside the thread.
    announcer.announce([line(2), line(4, { interface: { ...lo, mac: new Uint8Array(3) } })])
    const probe = announcer.probe(line(9).address, lo, new AbortController().signal)
    await t.rejects(probe, /the layer 2 thread ended: /)
    t.match(announcer.health().problems, [/^the layer 2 thread is not running: /])
    t.notOk(announcer.health().serves)
    announcer.announce([line(2), line(5)])
    let wasSettled = false
    const settled = announcer.settled().then(() => {
      wasSettled = true
    })
    // From the end of one thread to the first word of the next nothing is taken for granted.
    const installed = announcer.counters.global('installed')
    const early: unknown[] = []
    for (; !wasSettled; await delay(1)) {
      const health = announcer.health()
      const isHonest = health.serves ? announcer.counters.global('installed') > installed : health.brokenInterfaces.has(lo.index)
      if (!isHonest) early.push(health)
    }
    t.same(early, [])
    await settled
    await until('the thread is back', () => gratuitous(announcer, 5) === 1)
    const { responses = 0 } = counters(announcer, 2) ?? {}
    ask(2)
    await until('an answer', () => counters(announcer, 2)?.responses === responses + 1)
    t.ok(logged.some((text) => /the layer 2 thread ended; starting it again/.test(text)))
    // Counters are shared memory, and what is said of sockets is a message.
    await until('word of its sockets', () => announcer.health().serves)
    t.same(announcer.health(), { problems: [], serves: true, brokenInterfaces: new Set() })
  })

  await t.test('what was seen of an address is known, and forgotten with it', async (t) => {
    announcer.announce([line(2)])
    await announcer.settled()
    ask(2)
    const { responses = 0 } = counters(announcer, 2) ?? {}
    await until('an answer', () => (counters(announcer, 2)?.responses ?? 0) >= responses)
    const seen = announcer.observation(line(2).address)
    t.same(seen?.lastAnswer?.toMac, ASKER)
    t.ok((seen?.lastAnswer?.atMs ?? 0) > 0 && (seen?.lastAnswer?.atMs ?? 0) <= monotonicMs())
    t.ok((seen?.lastAnnouncementMs ?? 0) <= monotonicMs())
    t.equal(seen?.lastForeignClaim, undefined)
    t.equal(announcer.observation(line(7).address), undefined)
    announcer.announce([])
    t.equal(announcer.observation(line(2).address), undefined)
    announcer.announce([line(8)])
    t.equal(announcer.observation(line(8).address)?.lastAnswer, undefined, 'a row that is used again is empty')
    announcer.announce([line(2)])
  })

  await t.test('a probe that is aborted, before or after it began, rejects with the reason', async (t) => {
    const reason = new Error('no longer needed')
    await t.rejects(announcer.probe(line(9).address, lo, AbortSignal.abort(reason)), reason)
    const controller = new AbortController()
    const probe = announcer.probe(line(9).address, lo, controller.signal)
    controller.abort(reason)
    await t.rejects(probe, reason)
    t.same((await announcer.probe(line(9).address, lo, new AbortController().signal)).takenBy, undefined)
  })

  await t.test('close is quick, for good and idempotent', async (t) => {
    const beganMs = performance.now()
    await Promise.all([announcer.close(), announcer.close()])
    await announcer.close()
    t.ok(performance.now() - beganMs < 1000, `${Math.round(performance.now() - beganMs)} ms`)
    announcer.announce([line(6)])
    await delay(50)
    t.match(announcer.health().problems, [/not running/])
    await announcer.settled()
    await t.rejects(announcer.probe(line(9).address, lo, new AbortController().signal), /closed/)
  })
}

/** Puts one broadcast request on the loopback interface. */
function ask(last: number): void {
  const libc = openLibc()
  const fd = libc.socket(17, 3, 0)
  const to = new Uint8Array(20)
  const view = new DataView(to.buffer)
  view.setUint16(0, 17, true)
  view.setUint16(2, ETHER_TYPE.arp)
  view.setInt32(4, lo.index, true)
  const targetIp = Uint8Array.of(203, 0, 113, last)
  const payload = serializeArp({
    operation: 'request',
    senderMac: ASKER,
    senderIp: Uint8Array.of(203, 0, 113, 99),
    targetMac: MAC,
    targetIp,
  })
  const frame = serializeEthernet({ destination: BROADCAST_MAC, source: ASKER, etherType: ETHER_TYPE.arp, payload })
  const sent = libc.sendto(fd, frame, frame.length, 0, to, to.length)
  libc.close(fd)
  if (sent !== frame.length) throw new Error(`sendto: ${sent}`)
}

async function until(what: string, check: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000
  while (!check()) {
    if (performance.now() > endMs) throw new Error(`not within 10 s: ${what}`)
    await delay(5)
  }
}
