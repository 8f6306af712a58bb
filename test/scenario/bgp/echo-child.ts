/**
 * Answers UDP probes, and HTTP requests with the name of the node, at addresses of Services that the namespace has on its loopback: what
 * kube-proxy and a Pod would do. Arguments: the name of the node, the UDP port, the HTTP port, addresses.
 */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:http'
import process from 'node:process'

const [name = '', udpPort = '', httpPort = '', ...addresses] = process.argv.slice(2)
let open = 2 * addresses.length
const opened = (): void => {
  open--
  if (open === 0) process.stdout.write(`${JSON.stringify({ said: 'ready' })}\n`)
}
for (const address of addresses) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  // The sequence number comes back with the name of who answers.
  socket.on('message', (bytes, { port, address: from }) =>
    socket.send(Buffer.concat([bytes.subarray(0, 4), Buffer.from(name)]), port, from),
  )
  socket.bind(Number(udpPort), address, opened)
  createServer((_, response) => response.end(`${name}\n`)).listen(Number(httpPort), address, opened)
}
