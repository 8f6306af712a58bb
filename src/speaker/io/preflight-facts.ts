import { readdir, readFile, readlink, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Family } from '../../addr/ip.ts'
import type { Ipv4Settings, NeighbourTable, PreflightFacts, Uplink } from '../preflight.ts'

/** What shall be looked at. */
export interface PreflightSubject {
  /** The interfaces that carry our addresses; empty for those of the default routes, where the first address will probably come to be. */
  readonly uplinks: readonly string[]
  /** The families of the addresses that the cluster announces by layer 2. */
  readonly families: ReadonlySet<Family>
}

const IPVS_INTERFACE = 'kube-ipvs0'
/** A node with more uplinks than these is looked at in part. */
const MOST_UPLINKS = 64

/**
 * Reads /proc and /sys, some ten small files per uplink. What is missing there is undefined or off in the facts: never rejects. `root` is
 * put before the paths.
 */
export async function readPreflightFacts(subject: PreflightSubject, root = ''): Promise<PreflightFacts> {
  const conf = `${root}/proc/sys/net/ipv4/conf`
  const defaultRoutes = defaultRouteInterfaces(await read(`${root}/proc/net/route`))
  const names = (subject.uplinks.length > 0 ? [...new Set(subject.uplinks)] : [...defaultRoutes]).slice(0, MOST_UPLINKS)
  const present = await list(conf)
  const [all, uplinks, neighbours, bridgeCallsIptables] = await Promise.all([
    readIpv4(`${conf}/all`),
    Promise.all(names.filter((name) => present.has(name)).map((name) => readUplink(root, name))),
    Promise.all([readTable(root, 'IPv4'), readTable(root, 'IPv6')]),
    readNumber(`${root}/proc/sys/net/bridge/bridge-nf-call-iptables`),
  ])
  return {
    ipvs: present.has(IPVS_INTERFACE),
    all,
    uplinks,
    defaultRoutes,
    bridgeCallsIptables: bridgeCallsIptables === 1,
    neighbours: neighbours.flatMap((table) => (table === undefined ? [] : [table])),
    families: subject.families,
  }
}

async function readUplink(root: string, name: string): Promise<Uplink> {
  const [ipv4, ipv6Disabled, isBridge, master] = await Promise.all([
    readIpv4(`${root}/proc/sys/net/ipv4/conf/${name}`),
    readNumber(`${root}/proc/sys/net/ipv6/conf/${name}/disable_ipv6`),
    exists(`${root}/sys/class/net/${name}/bridge`),
    readMaster(root, name),
  ])
  // A kernel without any IPv6 has no such file.
  return { name, ipv4, ipv6Disabled: ipv6Disabled !== 0, isBridge, master }
}

async function readIpv4(folder: string): Promise<Ipv4Settings> {
  const [arpIgnore, arpAnnounce, rpFilter, proxyArp, proxyArpPvlan] = await Promise.all(
    ['arp_ignore', 'arp_announce', 'rp_filter', 'proxy_arp', 'proxy_arp_pvlan'].map((name) => readNumber(`${folder}/${name}`)),
  )
  return { arpIgnore, arpAnnounce, rpFilter, proxyArp, proxyArpPvlan }
}

async function readMaster(root: string, name: string): Promise<Uplink['master']> {
  const link = await orUndefined(readlink(`${root}/sys/class/net/${name}/master`))
  if (link === undefined) return undefined
  const master = path.basename(link)
  if (await exists(`${root}/sys/class/net/${master}/bridge`)) return { name: master, kind: 'bridge' }
  return (await exists(`${root}/sys/class/net/${master}/bonding`)) ? { name: master, kind: 'bond' } : undefined
}

const TABLES = {
  IPv4: { statistics: 'arp_cache', sysctl: 'ipv4' },
  IPv6: { statistics: 'ndisc_cache', sysctl: 'ipv6' },
} as const

/** The limit is shown only in the first network namespace, which is that of a speaker on its node's own network. */
async function readTable(root: string, family: Family): Promise<NeighbourTable | undefined> {
  const { statistics, sysctl } = TABLES[family]
  const [text, limit] = await Promise.all([
    read(`${root}/proc/net/stat/${statistics}`),
    readNumber(`${root}/proc/sys/net/${sysctl}/neigh/default/gc_thresh3`),
  ])
  // One line of names, then one line per CPU; the first number, in hex, is the same in each.
  const entries = Number.parseInt(text.split('\n')[1]?.trim().split(/\s+/)[0] ?? '', 16)
  return limit === undefined || Number.isNaN(entries) ? undefined : { family, entries, limit }
}

const DEFAULT = '00000000'

/** Of /proc/net/route: interface, destination, gateway, flags, ..., mask, in hex. */
function defaultRouteInterfaces(text: string): ReadonlySet<string> {
  const rows = text.split('\n').slice(1)
  return new Set(
    rows.flatMap((row) => {
      const [name = '', destination, , , , , , mask] = row.trim().split(/\s+/)
      return destination === DEFAULT && mask === DEFAULT ? [name] : []
    }),
  )
}

async function orUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch {
    return undefined
  }
}

const read = async (file: string): Promise<string> => (await orUndefined(readFile(file, 'utf8'))) ?? ''
const list = async (folder: string): Promise<ReadonlySet<string>> => new Set((await orUndefined(readdir(folder))) ?? [])
const exists = async (file: string): Promise<boolean> => (await orUndefined(stat(file))) !== undefined

async function readNumber(file: string): Promise<number | undefined> {
  const text = (await read(file)).trim()
  return /^-?\d+$/.test(text) ? Number(text) : undefined
}
