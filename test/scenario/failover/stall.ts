/** A main thread that does not come back, in a real process: its debugger runs a loop on it. Nothing in the product knows of this. */
import process from 'node:process'
import type { LabNode } from '../../../lab/cluster.ts'
import type { SpeakerProcess } from '../../speaker/support/speaker-process.ts'

/** Where a debugger listens that SIGUSR1 woke, in the network namespace of its process. */
const PAGES = 'http://127.0.0.1:9229/json/list'
/** Run in that namespace: asks the debugger to run the expression, and ends when the loop has begun. */
const ASK = `
const [, expression] = process.argv
const find = async () => {
  for (let tries = 0; tries < 100; tries++) {
    const pages = await fetch('${PAGES}').then((answer) => answer.json(), () => [])
    if (pages.length > 0) return pages[0].webSocketDebuggerUrl
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('no debugger')
}
const socket = new WebSocket(await find())
socket.addEventListener('open', () => socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } })))
socket.addEventListener('message', () => process.exit(0))
`

/** Resolves shortly before the loop begins, with Date.now() of then. */
export async function stallMain(node: LabNode, speaker: SpeakerProcess, ms: number): Promise<number> {
  speaker.child.kill('SIGUSR1')
  // The answer comes before the loop begins: it starts one turn later.
  const expression = `setTimeout(() => { for (const end = Date.now() + ${ms}; Date.now() < end; ); }, 30); 0`
  const { code, stderr } = await node.exec([process.execPath, '--input-type=module', '-e', ASK, '--', expression])
  if (code !== 0) throw new Error(`the main thread of ${node.name} cannot be stalled: ${stderr}`)
  return Date.now()
}
