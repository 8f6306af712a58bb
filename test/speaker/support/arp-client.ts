/**
 * A host on the wire, run inside a network namespace: prints every ARP frame that its interface sees, one JSON object a line, and sends
 * the requests that it is told to on standard input: {"ask": IP} by broadcast, {"ask": IP, "to": MAC} by unicast, {"frame": hex} as is.
 * Usage: node arp-client.ts INTERFACE OWN-IP
 */
import { createInterface } from 'node:readline'
import koffi from 'koffi'
import { formatIp, ipFromBytes, ipToBytes, parseIp } from '../../../src/addr/ip.ts'
import { formatMac, parseMac } from '../../../src/addr/mac.ts'
import { interfacesOf } from '../../../src/speaker/host.ts'
import { openLibc, SystemCallError } from '../../../src/speaker/io/libc.ts'
import { openNetlink } from '../../../src/speaker/io/netlink.ts'
import { parseArp, serializeArp } from '../../../src/wire/arp.ts'
import { BROADCAST_MAC, ETHER_TYPE, parseEthernet, serializeEthernet } from '../../../src/wire/ethernet.ts'

const [name = '', ownIpText = ''] = process.argv.slice(2)
const must = <T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  return result.value
}
const ownIp = ipToBytes(must(parseIp(ownIpText)))
const libc = openLibc()
// Not from /sys, which shows the namespace that it was mounted in.
const netlink = openNetlink(libc)
const own = interfacesOf(netlink.ask({ kind: 'get-links' })).find((one) => one.name === name)
netlink.close()
if (own?.mac === undefined) throw new Error(`no interface ${name}`)
const { index, mac: ownMac } = own
const fd = libc.socket(17, 3 | 0o4000, 0)
const address = new Uint8Array(20)
const view = new DataView(address.buffer)
view.setUint16(0, 17, true)
view.setUint16(2, ETHER_TYPE.arp)
view.setInt32(4, index, true)
// Outgoing frames would be seen as well.
libc.setsockopt(fd, 263, 23, new Uint8Array(Int32Array.of(1).buffer), 4)
if (fd < 0 || libc.bind(fd, address, 20) < 0) throw new SystemCallError('raw socket', libc.errno())

const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const buffer = new Uint8Array(2048)
// The handle must stay reachable: a collected one stops polling.
const polling = koffi.node.poll(fd, { readable: true }, () => {
  for (let length = libc.recv(fd, buffer, buffer.length, 0); length >= 0; length = libc.recv(fd, buffer, buffer.length, 0)) {
    const ethernet = parseEthernet(buffer.subarray(0, length))
    const arp = ethernet.ok ? parseArp(ethernet.value.payload) : ethernet
    if (!ethernet.ok || !arp.ok) continue
    const { operation, senderMac, senderIp, targetMac, targetIp } = arp.value
    print({
      atMs: Date.now(),
      destination: formatMac(ethernet.value.destination),
      source: formatMac(ethernet.value.source),
      operation,
      senderMac: formatMac(senderMac),
      senderIp: formatIp(ipFromBytes(senderIp)),
      targetMac: formatMac(targetMac),
      targetIp: formatIp(ipFromBytes(targetIp)),
    })
  }
})

function send(frame: Uint8Array): void {
  if (libc.send(fd, frame, frame.length, 0) < 0) throw new SystemCallError('send', libc.errno())
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line) as { ask: string; to?: string } | { frame: string }
  if ('frame' in command) {
    send(new Uint8Array(Buffer.from(command.frame, 'hex')))
    return
  }
  const destination = command.to === undefined ? BROADCAST_MAC : must(parseMac(command.to))
  const targetIp = ipToBytes(must(parseIp(command.ask)))
  const payload = serializeArp({ operation: 'request', senderMac: ownMac, senderIp: ownIp, targetMac: new Uint8Array(6), targetIp })
  send(serializeEthernet({ destination, source: ownMac, etherType: ETHER_TYPE.arp, payload }))
})
process.stdin.on('end', () => {
  polling.close()
  process.exit(0)
})
print({ ready: true, mac: formatMac(ownMac) })
