import { mkdirSync, writeFileSync } from 'node:fs'
import { must, run, until } from '../command.ts'
import { birdConfig } from './bird-config.ts'
import { parseBirdRestarting, parseBirdRoutes, parseBirdSession } from './bird-tables.ts'
import { createDaemon, endOf } from './daemon.ts'
import { runRouter } from './program.ts'
import type { Router, RouterPlace } from './router.ts'
import type { RouterSpec } from './spec.ts'

const START_LIMIT_MS = 20_000
/** BIRD goes on with what it had when it cannot read the new configuration, and birdc says so with exit code 0. */
const TAKEN = /Reconfigur(ed|ation in progress)/

/** BIRD: its protocol `kernel` puts routes into the kernel of the namespace, equal ones as one with several next hops. Resolves when it answers. */
export function startBird({ spec: first, folder, namespace }: RouterPlace): Promise<Router> {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const [config, socket, log] = [`${folder}/bird.conf`, `${folder}/bird.ctl`, `${folder}/bird.log`]
  const argv = ['bird', '-f', '-c', config, '-s', socket, '-P', `${folder}/bird.pid`]
  const daemon = createDaemon('bird', { namespace, folder, argv })
  const client = ['birdc', '-s', socket]
  const ask = (...words: string[]) => must('birdc', [...client, ...words])
  const write = (spec: RouterSpec) => writeFileSync(config, birdConfig(spec, log))
  const program = {
    kind: 'bird' as const,
    version: birdVersion,
    async start(spec: RouterSpec) {
      write(spec)
      daemon.start()
      const up = async () => ((await run([...client, 'show', 'status'])).stdout.includes('Daemon is up') ? true : undefined)
      await until('bird', up, { timeoutMs: START_LIMIT_MS, everyMs: 50, log: `${folder}/bird.out` })
    },
    stop: daemon.stop,
    signal: daemon.signal,
    async load(next: RouterSpec) {
      write(next)
      const answer = await ask('configure')
      if (!TAKEN.test(answer)) throw new Error(`BIRD does not take it: ${answer}`)
      return true
    },
    async routes(family: 'IPv4' | 'IPv6') {
      const text = await ask('show', 'route', 'all', 'table', family === 'IPv4' ? 'master4' : 'master6')
      return parseBirdRoutes(text, parseBirdRestarting(await ask('show', 'protocols', 'all')))
    },
    // Behind an interface there is a session for each who called; the one that is up counts.
    session: async ({ name }: { name: string }) => parseBirdSession(await ask('show', 'protocols', 'all'), name),
    reset: async ({ name }: { name: string }) => void (await ask('restart', `"${name}*"`)),
    log: () => endOf(log),
  }
  return runRouter(program, first)
}

async function birdVersion(): Promise<string> {
  const { stdout, stderr } = await run(['bird', '--version'])
  return `${stdout}${stderr}`.trim().replace(/^BIRD version /, 'BIRD ')
}
