import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createMembershipSockets } from '../../../src/speaker/io/membership-sockets.ts'
import { createMembershipCounters } from '../../../src/speaker/membership/counters.ts'
import type { Link } from '../../../src/speaker/membership/effect.ts'

const key = new Uint8Array(32).fill(7)
const PORT = randomInt(20_000, 30_000)
const FIRST = { node: 'n1', ip: '127.77.0.1' }
const SECOND = { node: 'n2', ip: '127.77.0.2' }

/** The sockets of one speaker on the loopback interface; `linked` names the peers of the streams that were opened, in order. */
function socketsOf({ node, ip }: typeof FIRST) {
  const linked: string[] = []
  const sockets = createMembershipSockets({
    self: node,
    bind: { address: ip, port: PORT },
    counters: createMembershipCounters(),
    incarnation: () => 1n,
    onPacket: () => undefined,
    onLinked: (peer) => void linked.push(peer),
    onRefused: () => undefined,
    onFailure: () => undefined,
  })
  sockets.keys({ seal: key, accept: [key] })
  return { sockets, linked }
}

const linkTo = ({ node, ip }: typeof FIRST, opens: boolean): readonly Link[] => [{ node, ip, incarnation: 1n, opens }]

async function until(holds: () => boolean): Promise<boolean> {
  for (let left = 500; left > 0 && !holds(); left--) await sleep(10)
  return holds()
}

t.test('sockets that were lost and opened again have their streams again, though nothing else has changed', async (t) => {
  const [first, second] = [socketsOf(FIRST), socketsOf(SECOND)]
  t.teardown(() => Promise.all([first.sockets.close(), second.sockets.close()]))
  await second.sockets.open()
  second.sockets.links(linkTo(FIRST, false))
  first.sockets.links(linkTo(SECOND, true))
  await first.sockets.open()
  t.ok(await until(() => first.linked.length === 1 && second.linked.length === 1), 'streams that were wanted before the sockets were open')
  await first.sockets.close()
  await first.sockets.open()
  t.ok(await until(() => first.linked.length === 2 && second.linked.length === 2))
  t.same(first.linked, ['n2', 'n2'])
  t.same(second.linked, ['n1', 'n1'])
})
