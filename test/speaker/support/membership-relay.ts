/**
 * Stands between the speakers of one namespace and delays what they send: this kernel may lack netem. Every speaker I has the address
 * 127.80.0.I, and J is for it at 127.80.I.J; what comes there leaves for J from 127.80.J.I, which is where I is for J. UDP only: a TCP
 * connection to the relay is refused. Arguments: the port, the number of speakers. On standard input: the delay in ms, one a line.
 */
import { createSocket } from 'node:dgram'
import process from 'node:process'
import { createInterface } from 'node:readline'

const [port = 0, count = 0] = process.argv.slice(2).map(Number)
let delayMs = 0
const sockets = new Map<string, ReturnType<typeof createSocket>>()
for (let one = 1; one <= count; one++) {
  for (let two = 1; two <= count; two++) {
    if (one === two) continue
    const socket = createSocket('udp4')
    sockets.set(`${one} ${two}`, socket)
    socket.bind(port, `127.80.${one}.${two}`)
    socket.on('message', (bytes) => {
      setTimeout(() => sockets.get(`${two} ${one}`)?.send(bytes, port, `127.80.0.${two}`, () => undefined), delayMs)
    })
  }
}
createInterface({ input: process.stdin }).on('line', (line) => {
  delayMs = Number(line)
})
process.stdout.write('{"ready":true}\n')
