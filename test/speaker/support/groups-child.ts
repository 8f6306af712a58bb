/**
 * Joins and leaves the groups of addresses on interfaces of every kind, in the network namespace that it runs in, and prints which
 * groups the kernel shows after each step as one JSON object. Run as: unshare --net node groups-child.ts
 */
import { execFileSync } from 'node:child_process'
import { interfacesOf } from '../../../src/speaker/host.ts'
import { type Libc, openLibc } from '../../../src/speaker/io/libc.ts'
import { openNetlink } from '../../../src/speaker/io/netlink.ts'
import { createSolicitedGroups, type SolicitedGroups } from '../../../src/speaker/io/solicited-groups.ts'
import { ipOf } from './objects.ts'

const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8', stdio: 'pipe' })
const libc = openLibc()
const netlink = openNetlink(libc)
const indexOf = (name: string) => interfacesOf(netlink.ask({ kind: 'get-links' })).find((one) => one.name === name)?.index ?? 0
const key = (text: string) => ipOf(text).value

for (const [name = '', peer = ''] of [
  ['v0', 'v1'],
  ['p0', 'p1'],
  ['b0', 'b1'],
]) {
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', peer)
  for (const end of [name, peer]) ip('link', 'set', end, 'up')
}

/** How to make each kind, and which card has to listen in the end. */
const KINDS = [
  { name: 'veth0', card: 'veth0', make: ['add veth0 type veth peer name veth1', 'set veth1 up'] },
  { name: 'br0', card: 'br0', make: ['add br0 type bridge mcast_snooping 1', 'set p0 master br0'] },
  { name: 'mv0', card: 'v0', make: ['add link v0 name mv0 type macvlan mode bridge'] },
  { name: 'v0.10', card: 'v0', make: ['add link v0 name v0.10 type vlan id 10'] },
  { name: 'bond0', card: 'b0', make: ['add bond0 type bond mode active-backup', 'set b0 down', 'set b0 master bond0'] },
]

/** False when this kernel has no such kind. */
function make(lines: readonly string[], name: string): boolean {
  try {
    for (const line of [...lines, `set ${name} up`]) ip('link', ...line.split(' '))
    return true
  } catch (error) {
    if (/Unknown device type/.test(String(error))) return false
    throw error
  }
}

/** Joins and leaves until nothing is due; how many turns it took. */
function settle(groups: SolicitedGroups, nowMs = 0): number {
  let turns = 0
  for (; groups.waitMs(nowMs) === 0; turns++) groups.work(nowMs)
  return turns
}

/** Whether the kernel listens to ff02::1:ff00:<last> there, and the card to its MAC. */
function listens(name: string, last: string, card: string): string {
  const joined = new RegExp(`ff02::1:ff00:${last}\\s`).test(ip('-6', 'maddr', 'show', 'dev', name))
  const filtered = ip('-0', 'maddr', 'show', 'dev', card).includes(`33:33:ff:00:00:${last}`)
  return `${joined ? 'joined' : 'not joined'}, ${filtered ? 'in the filter' : 'not in the filter'}`
}

const kinds: Record<string, object> = {}
for (const [at, { name, card, make: lines }] of KINDS.entries()) {
  if (!make(lines, name)) {
    kinds[name] = { missing: true }
    continue
  }
  const last = `a${at}`
  const groups = createSolicitedGroups(libc, indexOf(name))
  const before = listens(name, last, card)
  groups.add(key(`fd00::${last}`))
  groups.add(key(`fd00:1::${last}`))
  settle(groups)
  const both = listens(name, last, card)
  groups.remove(key(`fd00::${last}`))
  settle(groups)
  const one = listens(name, last, card)
  groups.remove(key(`fd00:1::${last}`))
  settle(groups)
  const none = listens(name, last, card)
  groups.remove(key(`fd00:1::${last}`))
  kinds[name] = { before, both, one, none, error: groups.error ?? 'none' }
  groups.close()
}

const missing = createSolicitedGroups(libc, 999_999)
missing.add(key('fd00::1'))
missing.work(0)
const gone = { error: missing.error, waitsMs: missing.waitMs(100) }
missing.remove(key('fd00::1'))
missing.work(1000)
const forgiven = { error: missing.error ?? 'none', waitsMs: missing.waitMs(100) ?? 'nothing' }

const count = () =>
  ip('-6', 'maddr', 'show', 'dev', 'v0')
    .split('\n')
    .filter((line) => /ff02::1:ff01:/.test(line)).length
let openSockets = 0
const counting: Libc = {
  ...libc,
  socket(...args) {
    openSockets++
    return libc.socket(...args)
  },
  close(fd) {
    openSockets--
    return libc.close(fd)
  },
}
const many = createSolicitedGroups(counting, indexOf('v0'))
const COUNT = 10_000
for (let host = 0; host < COUNT; host++) many.add(key('fd00::1:0') + BigInt(host))
const beganMs = performance.now()
const turns = settle(many)
const tookMs = performance.now() - beganMs
const joined = count()
const sockets = openSockets
many.reset()
const reset = count()
settle(many)
const again = count()
for (let host = 0; host < COUNT; host++) many.remove(key('fd00::1:0') + BigInt(host))
settle(many)
const left = { groups: count(), sockets: openSockets }
many.close()
many.close()
process.stdout.write(JSON.stringify({ kinds, gone, forgiven, many: { turns, joined, sockets, reset, again, left }, tookMs }))
