import type { Family } from '../../src/addr/ip.ts'
import type { PeerRoute, PeerSession, Router } from './router.ts'
import type { NeighbourSpec, RouterKind, RouterSpec } from './spec.ts'

/** What each program does in its own way; what all of them have alike is `runRouter`. */
export interface RouterProgram {
  readonly kind: RouterKind
  version(): Promise<string>
  /** Resolves when it answers. `again`: it ran before, with this spec or another. */
  start(spec: RouterSpec, again: boolean): Promise<void>
  stop(signal: NodeJS.Signals): Promise<void>
  /** To the process that speaks BGP. */
  signal(name: NodeJS.Signals): void
  /** Takes another configuration while it runs; false: it cannot, and is started anew. */
  load(next: RouterSpec, previous: RouterSpec): Promise<boolean>
  routes(family: Family): Promise<readonly PeerRoute[]>
  session(neighbour: NeighbourSpec): Promise<PeerSession | undefined>
  reset(neighbour: NeighbourSpec): Promise<void>
  log(): string
}

export async function runRouter(program: RouterProgram, first: RouterSpec): Promise<Router> {
  let spec = first
  const neighbour = (name: string): NeighbourSpec => {
    const found = spec.neighbours.find((one) => one.name === name)
    if (found === undefined) throw new RangeError(`the router has no neighbour ${name}`)
    return found
  }
  const again = async () => {
    await program.stop('SIGTERM')
    await program.start(spec, true)
  }
  await program.start(spec, false)
  return {
    kind: program.kind,
    get spec() {
      return spec
    },
    version: program.version,
    routes: program.routes,
    session: async (name) => (await program.session(neighbour(name))) ?? NO_SESSION,
    reset: (name) => program.reset(neighbour(name)),
    async reconfigure(next) {
      const previous = spec
      spec = next
      if (!(await program.load(next, previous))) await again()
    },
    restart: again,
    kill: () => program.stop('SIGKILL'),
    start: () => program.start(spec, true),
    freeze: () => program.signal('SIGSTOP'),
    thaw: () => program.signal('SIGCONT'),
    stop: () => program.stop('SIGTERM'),
    log: program.log,
  }
}

/** A neighbour behind an interface may not have been seen yet. */
const NO_SESSION: PeerSession = {
  established: false,
  state: 'nobody is there',
  opensReceived: undefined,
  notificationsReceived: undefined,
  ups: undefined,
  holdSec: undefined,
  capabilities: [],
  lastError: undefined,
  bfd: undefined,
}
