/** FRR's bgpd asked over its own socket: no vtysh is started for each question, so that it can be asked every millisecond. */
import { connect } from 'node:net'

export interface FrrTerminal {
  /** The answer of one command. Rejects when bgpd closes the connection. */
  ask(command: string): Promise<string>
  /** The same, of a command that answers JSON. */
  askJson<T>(command: string): Promise<T>
  close(): void
}

/** The end of an answer: three zeroes and the result of the command. */
const TRAILER = 4

/** `socket` is bgpd.vty of its folder. */
export async function openFrrTerminal(socket: string): Promise<FrrTerminal> {
  const connection = connect(socket)
  let received = Buffer.alloc(0)
  let waiting: { readonly resolve: (answer: string) => void; readonly reject: (error: Error) => void } | undefined
  connection.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    const end = received.length - TRAILER
    if (end < 0 || received.readUIntBE(end, 3) !== 0) return
    const answer = received.subarray(0, end).toString()
    received = Buffer.alloc(0)
    waiting?.resolve(answer)
  })
  const ended = (error?: Error) => waiting?.reject(error ?? new Error('bgpd has closed the connection'))
  connection.on('error', ended).on('close', () => ended())
  const ask = (command: string) =>
    new Promise<string>((resolve, reject) => {
      waiting = { resolve, reject }
      connection.write(`${command}\0`)
    })
  await ask('enable')
  return {
    ask,
    askJson: async <T>(command: string) => JSON.parse(await ask(command)) as T,
    close: () => connection.destroy(),
  }
}
