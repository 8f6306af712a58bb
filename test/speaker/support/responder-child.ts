/**
 * The announcer with its thread, told what to do by JSON lines on standard input, in whatever network namespace it runs in; what happens
 * comes out as JSON lines. Usage: node responder-child.ts INTERFACE [--fence]. With --fence it begins with the fence closed.
 */
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { formatIp, type Ip } from '../../../src/addr/ip.ts'
import { formatMac } from '../../../src/addr/mac.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { createFence, monotonicMs } from '../../../src/speaker/fence.ts'
import { interfacesOf } from '../../../src/speaker/host.ts'
import { openLibc } from '../../../src/speaker/io/libc.ts'
import { openNetlink } from '../../../src/speaker/io/netlink.ts'
import { addressKey, ipOfKey } from '../../../src/speaker/layer2/address-key.ts'
import { createLayer2Announcer } from '../../../src/speaker/layer2/announcer.ts'
import type { GlobalCounter } from '../../../src/speaker/layer2/counters.ts'
import { IGNORE_REASONS } from '../../../src/speaker/layer2/response.ts'
import type { TableInterface } from '../../../src/speaker/layer2/table.ts'
import { ipOf } from './objects.ts'

/** One line of standard input; what is asked for is answered by a line that begins with the same word. */
export type Command =
  /** `count` addresses from `ip` on, for each of the ranges; a new `burst` announces anew. */
  | { readonly announce: readonly { readonly ip: string; readonly count?: number }[]; readonly burst?: string }
  | { readonly fence: 'open' | 'closed' }
  /** Opens the fence for so many milliseconds. */
  | { readonly lease: number }
  | { readonly probe: string; readonly on?: TableInterface; readonly abortAfterMs?: number }
  | { readonly observe: string }
  | { readonly count: string }
  | { readonly health: true }
  /** Keeps the main thread busy for good, in bursts of so many milliseconds. */
  | { readonly stall: number }

const [name = '', ...flags] = process.argv.slice(2)
const libc = openLibc()
const netlink = openNetlink(libc)
const found = interfacesOf(netlink.ask({ kind: 'get-links' })).find((one) => one.name === name)
netlink.close()
if (found?.mac === undefined) throw new Error(`no interface ${name}`)
const eth: TableInterface = { index: found.index, name, mac: found.mac }
const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const fence = flags.includes('--fence') ? createFence() : undefined
const announcer = createLayer2Announcer({
  libc,
  clock: systemClock,
  logger: silentLogger,
  random: Math.random,
  ...(fence === undefined ? {} : { fence: fence.memory }),
  onForeignClaim: ({ address, mac, count }) => print({ foreign: formatIp(ipOfKey(address)), mac: formatMac(mac), count }),
})

const range = (first: Ip, count: number) =>
  Array.from({ length: count }, (_, at) => ({ family: first.family, value: first.value + BigInt(at) }))

async function announce({ announce: ranges, burst = '1' }: Extract<Command, { announce: unknown }>): Promise<void> {
  const all = ranges.flatMap(({ ip, count = 1 }) => range(ipOf(ip), count))
  announcer.announce(all.map((one) => ({ text: formatIp(one), address: addressKey(one), interface: eth, burst })))
  await announcer.settled()
  print({ announced: all.length })
}

async function probe({ probe: ip, on = eth, abortAfterMs }: Extract<Command, { probe: unknown }>): Promise<void> {
  const mac = Uint8Array.from(Object.values(on.mac)) // JSON knows no Uint8Array
  const signal = abortAfterMs === undefined ? new AbortController().signal : AbortSignal.timeout(abortAfterMs)
  const beganMs = performance.now()
  try {
    const { takenBy } = await announcer.probe(addressKey(ipOf(ip)), { ...on, mac }, signal)
    print({ probed: ip, takenBy: takenBy === undefined ? null : formatMac(takenBy), tookMs: performance.now() - beganMs })
  } catch (error) {
    print({ probed: ip, error: error instanceof Error ? error.message : String(error), tookMs: performance.now() - beganMs })
  }
}

function count(ip: string): void {
  const slot = [...announcer.slots()].find(([text]) => text === ip)?.[1]
  const globals: readonly GlobalCounter[] = [...IGNORE_REASONS, 'rejected', 'heartbeat']
  const own = slot === undefined ? {} : announcer.counters.ofAddress(slot)
  print({ counted: ip, ...own, ...Object.fromEntries(globals.map((one) => [one, announcer.counters.global(one)])) })
}

function observe(ip: string): void {
  const seen = announcer.observation(addressKey(ipOf(ip)))
  const { lastAnswer, lastAnnouncementMs, lastForeignClaim } = seen ?? {}
  const agoMs = (atMs: number | undefined) => (atMs === undefined ? undefined : monotonicMs() - atMs)
  print({
    observed: ip,
    isKnown: seen !== undefined,
    answered: lastAnswer && { to: formatMac(lastAnswer.toMac), agoMs: agoMs(lastAnswer.atMs) },
    announcedAgoMs: agoMs(lastAnnouncementMs),
    claimedBy: lastForeignClaim && formatMac(lastForeignClaim.mac),
  })
}

/** What a list of ten thousand Services does to a main thread, again and again. */
async function stall(burstMs: number): Promise<void> {
  const text = JSON.stringify(Array.from({ length: 2000 }, (_, at) => ({ name: `service-${at}`, ports: [80, 443], labels: { a: 'b' } })))
  print({ stalled: true })
  for (;;) {
    const endMs = performance.now() + burstMs
    while (performance.now() < endMs) JSON.parse(text)
    await delay(20)
  }
}

async function obey(command: Command): Promise<void> {
  if ('announce' in command) await announce(command)
  else if ('fence' in command) {
    fence?.extend(command.fence === 'open' ? Infinity : 0)
    print({ fenced: command.fence })
  } else if ('lease' in command) {
    fence?.extend(monotonicMs() + command.lease)
    print({ leased: command.lease })
  } else if ('probe' in command) await probe(command)
  else if ('observe' in command) observe(command.observe)
  else if ('count' in command) count(command.count)
  else if ('health' in command) {
    const { problems, serves, brokenInterfaces } = announcer.health()
    print({ healthy: serves && problems.length === 0, problems, broken: [...brokenInterfaces] })
  } else await stall(command.stall)
}

const input = createInterface({ input: process.stdin })
input.on('line', (line) => void obey(JSON.parse(line) as Command))
input.on('close', () => void announcer.close().then(() => process.exit(0)))
await announcer.settled()
print({ ready: true })
