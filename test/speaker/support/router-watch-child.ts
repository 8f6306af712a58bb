/**
 * Watches the router behind an interface, in the network namespace that it runs in: each change as one JSON line, and the answer to each line of
 * standard input, which asks for the problem. Usage: node router-watch-child.ts INTERFACE
 */
import { createInterface } from 'node:readline'
import { formatIp } from '../../../src/addr/ip.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { openLibc } from '../../../src/speaker/io/libc.ts'
import { watchRouter } from '../../../src/speaker/io/router-watch.ts'

const [name = ''] = process.argv.slice(2)
const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const startMs = performance.now()
const watch = watchRouter({
  libc: openLibc(),
  clock: systemClock,
  logger: silentLogger,
  random: Math.random,
  interface: name,
  onRouter: (router) =>
    print({ router: router === undefined ? 'none' : formatIp(router.ip), scope: router?.scope, afterMs: performance.now() - startMs }),
})
createInterface({ input: process.stdin })
  .on('line', (line) => print({ answer: line, problem: watch.problem() ?? 'none' }))
  .on('close', () => {
    watch.close()
    watch.close()
  })
print({ ready: true })
