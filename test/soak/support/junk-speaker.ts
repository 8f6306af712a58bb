/**
 * The threads of a speaker without its cluster, run inside a network namespace: membership with one peer, and the layer 2 Worker for the
 * addresses that are named, behind membership's fence. Prints one JSON line a second; ends with its standard input.
 * Usage: node junk-speaker.ts INTERFACE SELF OWN-IP PEER PEER-IP [ADDRESS...]
 */
import process from 'node:process'
import { systemClock } from '../../../src/runtime/clock.ts'
import { createLogger } from '../../../src/runtime/logger.ts'
import { interfacesOf } from '../../../src/speaker/host.ts'
import { openLibc } from '../../../src/speaker/io/libc.ts'
import { openNetlink } from '../../../src/speaker/io/netlink.ts'
import { addressKey } from '../../../src/speaker/layer2/address-key.ts'
import { createLayer2Announcer } from '../../../src/speaker/layer2/announcer.ts'
import { IGNORE_REASONS } from '../../../src/speaker/layer2/response.ts'
import { REJECTIONS } from '../../../src/speaker/membership/effect.ts'
import { createMembership } from '../../../src/speaker/membership/membership.ts'
import { deriveKey } from '../../../src/speaker/membership/seal.ts'
import { TIMING_PROFILES } from '../../../src/speaker/membership/timing.ts'
import { ipOf } from '../../speaker/support/objects.ts'
import type { JunkSpeakerLine } from './junk-lines.ts'

const [name = '', self = '', ownIp = '', peer = '', peerIp = '', ...addresses] = process.argv.slice(2)
const libc = openLibc()
const netlink = openNetlink(libc)
const found = interfacesOf(netlink.ask({ kind: 'get-links' })).find((one) => one.name === name)
netlink.close()
if (found?.mac === undefined) throw new Error(`no interface ${name}`)
const carrier = { index: found.index, name, mac: found.mac }

const warnings: string[] = []
const logger = createLogger({ format: 'json', level: 'warn', write: (line) => void warnings.push(line.trim()) })
const random = Math.random
const membership = createMembership({
  self,
  timing: TIMING_PROFILES.default,
  bind: { address: ownIp, port: 7946 },
  clock: systemClock,
  logger,
  random,
  onFacts: () => undefined,
  onWords: () => undefined,
  onResumed: (pause) => void announcer.settled().then(() => membership.reconciled(pause)),
})
const announcer = createLayer2Announcer({ libc, clock: systemClock, logger, random, fence: membership.fence.memory })
announcer.announce(addresses.map((text) => ({ text, address: addressKey(ipOf(text)), interface: carrier, burst: '1' })))
membership.peers([{ node: peer, ip: peerIp }])
const key = deriveKey(Buffer.from('junk'))
membership.keys({ seal: key, accept: [key] })
membership.state({ serving: true, leaving: false })

const counts = <Name extends string>(names: readonly Name[], of: (name: Name) => number): Record<string, number> =>
  Object.fromEntries(names.map((each) => [each, of(each)] as const).filter(([, count]) => count > 0))

setInterval(() => {
  const health = announcer.health()
  const line: JunkSpeakerLine = {
    rssMiB: process.memoryUsage.rss() / 2 ** 20,
    peer: membership.facts().members.get(peer)?.alive === true,
    problems: [...health.problems, ...membership.health().problems],
    warnings: warnings.splice(0),
    ignored: counts(IGNORE_REASONS, announcer.counters.global),
    rejected: counts(REJECTIONS, membership.counters.rejected),
  }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}, 1000)

process.stdin.resume()
process.stdin.on('end', () => {
  void Promise.all([announcer.close(), membership.close()]).then(() => process.exit(0))
})
