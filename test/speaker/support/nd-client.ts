/**
 * A host on the wire, run inside a network namespace: prints every solicitation and advertisement that its interface sees, one JSON
 * object a line, and sends the solicitations that it is told to on standard input: {"ask": IP} to the group, {"ask": IP, "to": MAC} by
 * unicast, {"plain": true} without its MAC in an option, {"probe": true} from ::, {"frame": hex} as is.
 * Usage: node nd-client.ts INTERFACE OWN-IP
 */
import { createInterface } from 'node:readline'
import koffi from 'koffi'
import { formatIp, ipFromBytes, ipToBytes } from '../../../src/addr/ip.ts'
import { formatMac, parseMac } from '../../../src/addr/mac.ts'
import { interfacesOf } from '../../../src/speaker/host.ts'
import { openLibc, SystemCallError } from '../../../src/speaker/io/libc.ts'
import { openNetlink } from '../../../src/speaker/io/netlink.ts'
import { ETHER_TYPE, parseEthernet, serializeEthernet } from '../../../src/wire/ethernet.ts'
import { parseNeighborMessage, serializeNeighborMessage, solicitedNodeGroup } from '../../../src/wire/icmpv6-nd.ts'
import { multicastMac } from '../../../src/wire/ipv6.ts'
import { ipOf } from './objects.ts'

const [name = '', ownIpText = ''] = process.argv.slice(2)
const ownIp = ipToBytes(ipOf(ownIpText))
const libc = openLibc()
const netlink = openNetlink(libc)
const own = interfacesOf(netlink.ask({ kind: 'get-links' })).find((one) => one.name === name)
netlink.close()
if (own?.mac === undefined) throw new Error(`no interface ${name}`)
const { index, mac: ownMac } = own
const fd = libc.socket(17, 3 | 0o4000, 0)
const address = new Uint8Array(20)
const view = new DataView(address.buffer)
view.setUint16(0, 17, true)
view.setUint16(2, ETHER_TYPE.ipv6)
view.setInt32(4, index, true)
// Outgoing frames would be seen as well.
libc.setsockopt(fd, 263, 23, new Uint8Array(Int32Array.of(1).buffer), 4)
if (fd < 0 || libc.bind(fd, address, 20) < 0) throw new SystemCallError('raw socket', libc.errno())

const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const textOf = (bytes: Uint8Array) => formatIp(ipFromBytes(bytes))
const buffer = new Uint8Array(2048)

function show(frame: Uint8Array): void {
  const ethernet = parseEthernet(frame)
  const parsed = ethernet.ok ? parseNeighborMessage(ethernet.value.payload) : ethernet
  if (!ethernet.ok || !parsed.ok) return
  const message = parsed.value
  const mac = message.kind === 'solicitation' ? message.sourceMac : message.targetMac
  const flags =
    message.kind === 'solicitation' ? '' : `${message.router ? 'R' : ''}${message.solicited ? 'S' : ''}${message.override ? 'O' : ''}`
  print({
    atMs: Date.now(),
    kind: message.kind,
    toMac: formatMac(ethernet.value.destination),
    fromMac: formatMac(ethernet.value.source),
    source: textOf(message.source),
    destination: textOf(message.destination),
    target: textOf(message.target),
    mac: mac === undefined ? undefined : formatMac(mac),
    flags,
  })
}

// The handle must stay reachable: a collected one stops polling.
const polling = koffi.node.poll(fd, { readable: true }, () => {
  for (let length = libc.recv(fd, buffer, buffer.length, 0); length >= 0; length = libc.recv(fd, buffer, buffer.length, 0)) {
    show(buffer.subarray(0, length))
  }
})

function send(frame: Uint8Array): void {
  if (libc.send(fd, frame, frame.length, 0) < 0) throw new SystemCallError('send', libc.errno())
}

interface Question {
  readonly ask: string
  readonly to?: string
  readonly plain?: boolean
  readonly probe?: boolean
}

function solicitation({ ask, to, plain, probe }: Question): Uint8Array {
  const target = ipToBytes(ipOf(ask))
  const toMac = to === undefined ? undefined : parseMac(to)
  const destination = toMac === undefined ? solicitedNodeGroup(target) : target
  const payload = serializeNeighborMessage({
    kind: 'solicitation',
    source: probe === true ? new Uint8Array(16) : ownIp,
    destination,
    target,
    sourceMac: plain === true || probe === true ? undefined : ownMac,
  })
  const etherDestination = toMac?.ok === true ? toMac.value : multicastMac(destination)
  return serializeEthernet({ destination: etherDestination, source: ownMac, etherType: ETHER_TYPE.ipv6, payload })
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line) as Question | { readonly frame: string }
  send('frame' in command ? new Uint8Array(Buffer.from(command.frame, 'hex')) : solicitation(command))
})
process.stdin.on('end', () => {
  polling.close()
  process.exit(0)
})
print({ ready: true, own: formatMac(ownMac) })
