/** BFD on behalf of BGP: our engine with FRR and with BIRD, which run BFD for their side of the session. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { Router } from '../../../lab/peers/router.ts'
import { PLAIN_NEIGHBOUR, type RouterSpec } from '../../../lab/peers/spec.ts'
import { startRouter } from '../../../lab/peers/start.ts'
import { until } from '../../support/until.ts'
import type { BgpAnswer, BgpCommand } from '../support/bgp-child.ts'
import { startLines } from '../support/process-lines.ts'
import { type BfdWire, lacking, startBfdWire } from './support/bfd-wire.ts'

const CHILD = fileURLToPath(new URL('../support/bgp-child.ts', import.meta.url))
const ROUTE = '192.0.2.1/32'
const BFD = { transmitMs: 100, receiveMs: 100, detectMultiplier: 3 } as const

const specOf = ({ node }: BfdWire): RouterSpec => ({
  ...{ as: 65_000, routerId: '10.66.0.1', port: 179, originates: [] },
  neighbours: [
    {
      ...PLAIN_NEIGHBOUR,
      ...{ name: 'node', remote: { address: node.ipv4 }, as: 65_001, passive: true, gracefulRestartSec: 60, holdSec: 30 },
      bfd: { intervalMs: 100, multiplier: 3 },
    },
  ],
})

function startEngine({ node, router }: BfdWire) {
  const child = startLines<BgpAnswer>([...node.enter, process.execPath, CHILD, 'node-1'], 'stdout')
  const tell = (command: BgpCommand) => void child.child.stdin?.write(`${JSON.stringify(command)}\n`)
  const gracefulRestart = { restartSec: 60, longLivedSec: undefined, notification: true } as const
  tell({ configure: { peers: [{ remote: router.ipv4, families: ['IPv4'], holdMs: 30_000, gracefulRestart, bfd: BFD }] } })
  tell({ announce: [{ prefix: ROUTE }] })
  let asked = 0
  return {
    tell,
    /** What it says of the peer now. */
    async peer() {
      const tag = ++asked
      tell({ peers: true, tag })
      const answer = await child.next('the peers', (line) => line.tag === tag)
      return answer.peers?.[0]
    },
    stop: () => child.stop('SIGKILL'),
  }
}

type Engine = ReturnType<typeof startEngine>

async function allUp(engine: Engine, router: Router): Promise<void> {
  await until('BGP and BFD are up', async () => {
    const peer = await engine.peer()
    return peer?.state === 'Established' && peer.bfd?.state === 'Up'
  })
  await until('the route is there', async () => (await pathsOf(router)).length === 1)
}

const pathsOf = async (router: Router) => (await router.routes('IPv4')).find(({ prefix }) => prefix === ROUTE)?.paths ?? []

const skip = lacking('frr')
t.test('with FRR', { skip, timeout: 240_000 }, async (t) => {
  const wire = await startBfdWire()
  const folder = `${wire.router.folder}/frr`
  const router = await startRouter('frr', { namespace: wire.router.namespace, folder, spec: specOf(wire) })
  const engine = startEngine(wire)
  t.teardown(async () => {
    await engine.stop()
    await router.stop()
    await wire.close()
  })
  await allUp(engine, router)
  await t.test('a silence of BFD ends BGP with Cease, BFD Down (RFC 9384)', (t) => silence(t, engine, router, folder))
  await t.test('a restart: the routes stay, though BFD ends too', (t) => restart(t, engine, router))
})

t.test('with BIRD', { skip: lacking('bird'), timeout: 240_000 }, async (t) => {
  const wire = await startBfdWire()
  const folder = `${wire.router.folder}/bird`
  const router = await startRouter('bird', { namespace: wire.router.namespace, folder, spec: specOf(wire) })
  const engine = startEngine(wire)
  t.teardown(async () => {
    await engine.stop()
    await router.stop()
    await wire.close()
  })
  await allUp(engine, router)
  await t.test('a restart: the routes stay, though BFD ends too', (t) => restart(t, engine, router))
})

/** Its bfdd is stopped, so that FRR itself sees nothing: what ends BGP is our word. */
async function silence(t: Test, engine: Engine, router: Router, folder: string): Promise<void> {
  const bfdd = Number(readFileSync(`${folder}/bfdd.pid`, 'utf8'))
  process.kill(bfdd, 'SIGSTOP')
  try {
    const words = /NOTIFICATION.*: received from neighbor \S+ 6\/10 \(Cease\/BFD Down\)/
    await until('FRR has our word', () => words.test(readFileSync(`${folder}/bgpd.out`, 'utf8')))
    const peer = await engine.peer()
    t.match(peer?.lastError, { code: 'bfd' })
    t.match(peer?.notifications, [{ direction: 'sent', count: 1 }])
  } finally {
    process.kill(bfdd, 'SIGCONT')
  }
  await allUp(engine, router)
}

async function restart(t: Test, engine: Engine, router: Router): Promise<void> {
  engine.tell({ close: 'restart' })
  await until('the session is down', async () => !(await router.session('node')).established)
  // Longer than BFD takes to say goodbye, and than the router takes to miss it.
  const seen: number[] = []
  for (let round = 0; round < 20; round++) {
    seen.push((await pathsOf(router)).length)
    await sleep(100)
  }
  t.same(new Set(seen), new Set([1]))
}
