/**
 * Somebody who pretends to be the router: sends segments of a connection that is not his, in the network namespace that he runs in, and says how many.
 * Usage: node spoof-child.ts SOURCE SOURCE-PORT DESTINATION DESTINATION-PORT COUNT
 */
import { setTimeout as delay } from 'node:timers/promises'
import { openLibc, SystemCallError } from '../../../src/speaker/io/libc.ts'
import { serializeSocketAddress } from '../../../src/speaker/io/socket-address.ts'
import { ipOf } from './objects.ts'
import { FLAG, serializeSegment } from './segment.ts'

const [source = '', sourcePort, destination = '', destinationPort, count] = process.argv.slice(2)
const libc = openLibc()
const fd = libc.socket(2, 3, 255)
if (fd < 0) throw new SystemCallError('socket', libc.errno())
const to = serializeSocketAddress({ ip: ipOf(destination), port: 0, scope: undefined })
const flags = [FLAG.rst, FLAG.rst | FLAG.ack, FLAG.syn, FLAG.ack]
let sent = 0
for (; sent < Number(count); sent++) {
  const packet = serializeSegment({
    source,
    sourcePort: Number(sourcePort),
    destination,
    destinationPort: Number(destinationPort),
    // From next door, and from afar.
    ttl: sent % 2 === 0 ? 255 : 254,
    flags: flags[(sent >> 1) % flags.length] ?? 0,
    // All over the space of numbers: some are in the window.
    sequence: Math.floor((sent * 2 ** 32) / Number(count)),
  })
  if (libc.sendto(fd, packet, packet.length, 0, to, to.length) < 0) throw new SystemCallError('sendto', libc.errno())
  if (sent % 200 === 0) await delay(1)
}
console.log(JSON.stringify({ sent }))
