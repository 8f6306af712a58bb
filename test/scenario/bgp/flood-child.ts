/**
 * Opens TCP connections to port 179 of every address, says nothing on them, and opens another wherever one ends. Arguments: how many are to
 * be open at once per address, the addresses. Prints how many it has opened after each second.
 */
import { connect } from 'node:net'
import process from 'node:process'

const [each = '', ...addresses] = process.argv.slice(2)
/** A moment of rest between two calls, so that the flood is one of connections and not of this process's CPU. */
const REST_MS = 20
let opened = 0

function call(address: string): void {
  const socket = connect({ host: address, port: 179 })
  socket.on('connect', () => opened++)
  socket.on('error', () => undefined)
  socket.on('close', () => setTimeout(call, REST_MS, address))
}
for (const address of addresses) for (let at = 0; at < Number(each); at++) call(address)
setInterval(() => process.stdout.write(`${JSON.stringify({ opened })}\n`), 1000)
