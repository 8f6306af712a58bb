/**
 * Answers for one address, or COUNT of them from there on, while its main thread does nothing but count: what a burst of JSON does to a
 * process, for as long as the test wants. Usage: node stalled-responder.ts INTERFACE ADDRESS [COUNT]; prints {"stalled": true} and never
 * comes back.
 */
import { formatIp, parseIp } from '../../../src/addr/ip.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { interfacesOf } from '../../../src/speaker/host.ts'
import { openLibc } from '../../../src/speaker/io/libc.ts'
import { openNetlink } from '../../../src/speaker/io/netlink.ts'
import { addressKey } from '../../../src/speaker/layer2/address-key.ts'
import { createLayer2Announcer } from '../../../src/speaker/layer2/announcer.ts'

const [name = '', text = '', count = '1'] = process.argv.slice(2)
const libc = openLibc()
const found = interfacesOf(openNetlink(libc).ask({ kind: 'get-links' })).find((one) => one.name === name)
const ip = parseIp(text)
if (found?.mac === undefined || !ip.ok) throw new Error('usage: INTERFACE ADDRESS [COUNT]')
const announcer = createLayer2Announcer({ libc, clock: systemClock, logger: silentLogger, random: Math.random })
const carrier = { index: found.index, name, mac: found.mac }
const lines = Array.from({ length: Number(count) }, (_, at) => {
  const one = { family: ip.value.family, value: ip.value.value + BigInt(at) }
  return { text: formatIp(one), address: addressKey(one), interface: carrier, burst: '1' }
})
announcer.announce(lines)
while (announcer.counters.global('installed') === 0) await systemClock.sleep(5)
await systemClock.sleep(100)
process.stdout.write('{"stalled":true}\n')
for (let turn = 0; ; turn++) if (turn < 0) break
