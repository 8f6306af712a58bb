/** GoBGP applies a policy to routes of its own; what it would tell a peer is read from its table. */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

export interface GivenRoute {
  readonly prefix: string
  readonly nextHop: string
  readonly med?: number
  readonly localPref?: number
  readonly communities?: readonly string[]
  readonly large?: readonly string[]
}

export interface PolicyCase {
  readonly name: string
  readonly isExternal: boolean
  readonly policy: string
}

/** What a peer is told of a prefix; texts are sorted, each once: GoBGP repeats a community that is added again, which means nothing. */
export interface ToldRoute {
  readonly nextHop: string
  readonly asPath: readonly number[]
  readonly med: number | undefined
  readonly localPref: number | undefined
  readonly communities: readonly string[]
  readonly large: readonly string[]
  readonly extended: readonly string[]
}

export const LOCAL_AS = 65_001
const PEER_AS = 65_002
export const PEER_ADDRESS = '127.0.0.1'
const run = promisify(execFile)
const PEER_PORT = 50_100

/** Why this machine cannot run it; undefined when it can. */
export function obstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, for a network namespace'
  try {
    execFileSync('gobgpd', ['--version'])
    return undefined
  } catch {
    return 'needs gobgpd (Debian package gobgpd)'
  }
}

const families = `
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
`
const neighbour = (own: string, address: string, as: number, passive: boolean): string => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${as}
  [neighbors.timers.config]
    connect-retry = 1
  [neighbors.transport.config]
    local-address = "${own}"
    passive-mode = ${passive}
${families}`
const router = (address: string, as: number): string => `
[global.config]
  as = ${as}
  router-id = "10.9.${address.split('.').slice(2).join('.')}"
  local-address-list = ["${address}"]
`

/** The peer tells nobody what the others told it: a case must have its own routes alone. */
const SILENT = `
[global.apply-policy.config]
  default-export-policy = "reject-route"
`

const ownAs = ({ isExternal }: PolicyCase): number => (isExternal ? LOCAL_AS : PEER_AS)
const ownAddress = (at: number): string => `127.0.1.${at + 1}`

interface Attribute {
  readonly type: number
  readonly nexthop?: string
  readonly metric?: number
  readonly value?: unknown
  readonly communities?: readonly number[]
  readonly as_paths?: readonly { readonly asns: readonly number[] }[]
}

const sortedOnce = (texts: readonly string[]): readonly string[] => [...new Set(texts)].sort()

/** GoBGP prints an AS of four bytes as two numbers. */
const undotted = (text: string): string =>
  text.replace(/^(\d+)\.(\d+):(\d+)$/, (_, high, low, local) => `${Number(high) * 65_536 + Number(low)}:${local}`)

interface GobgpPath {
  readonly attrs: readonly Attribute[]
}

function toldRoute(attributes: readonly Attribute[]): ToldRoute {
  const of = (type: number) => attributes.find((attribute) => attribute.type === type)
  const extended = (of(16)?.value ?? []) as readonly { readonly subtype: number; readonly value: string }[]
  const large = (of(32)?.value ?? []) as readonly { readonly ASN: number; readonly LocalData1: number; readonly LocalData2: number }[]
  return {
    nextHop: (of(14) ?? of(3))?.nexthop ?? '',
    asPath: (of(2)?.as_paths ?? []).flatMap(({ asns }) => asns),
    med: of(4)?.metric,
    localPref: of(5)?.value as number | undefined,
    communities: sortedOnce((of(8)?.communities ?? []).map((value) => `${Math.floor(value / 65_536)}:${value % 65_536}`)),
    large: sortedOnce(large.map(({ ASN, LocalData1, LocalData2 }) => `${ASN}:${LocalData1}:${LocalData2}`)),
    extended: sortedOnce(extended.map(({ subtype, value }) => `${subtype === 2 ? 'rt' : 'ro'}:${undotted(value)}`)),
  }
}

/** One namespace with one GoBGP as the peer, and one per case that speaks to it, each with the same routes. */
export async function judgeByGobgp(
  cases: readonly PolicyCase[],
  routes: readonly GivenRoute[],
): Promise<readonly ReadonlyMap<string, ToldRoute>[]> {
  const netns = `bgppol${process.pid}`
  const folder = mkdtempSync(join(tmpdir(), 'policy-'))
  const children: ReturnType<typeof spawn>[] = []
  const inside = (...command: readonly string[]) => run('ip', ['netns', 'exec', netns, ...command], { maxBuffer: 1e7 })
  const start = (name: string, port: number, text: string): void => {
    const file = join(folder, `${name}.toml`)
    writeFileSync(file, text)
    const flags = ['gobgpd', '-f', file, '--api-hosts', `127.0.0.1:${port}`, '--pprof-disable']
    children.push(spawn('ip', ['netns', 'exec', netns, ...flags], { stdio: ['ignore', 'ignore', 'inherit'] }))
  }
  const gobgp = async (at: number, ...words: readonly string[]): Promise<string> =>
    (await inside('gobgp', '-p', String(PEER_PORT + 1 + at), ...words)).stdout
  /** What is told now of both families, as JSON without ages. */
  const tables = async (at: number): Promise<string> => {
    const read = async (family: string) => (await gobgp(at, '-j', 'neighbor', PEER_ADDRESS, 'adj-out', '-a', family)) || '{}'
    const both = [await read('ipv4'), await read('ipv6')].map((text): unknown => JSON.parse(text))
    return JSON.stringify(both, (key, value) => (key === 'age' ? undefined : value))
  }
  const judge = async (at: number): Promise<ReadonlyMap<string, ToldRoute>> => {
    for (let tries = 0; tries < 120; tries++) {
      const seen = await gobgp(at, '-j', 'neighbor', PEER_ADDRESS).catch(() => '')
      if (/"session_state": ?6/.test(seen)) break
      await sleep(250)
    }
    for (const route of routes) await gobgp(at, ...addWords(route))
    // A table is what it is when it was read twice alike: GoBGP's policies are at work on it while it is read.
    let [before, now] = ['', await tables(at)]
    for (let tries = 0; tries < 20 && now !== before; tries++) {
      await sleep(250)
      ;[before, now] = [now, await tables(at)]
    }
    const found = new Map<string, ToldRoute>()
    for (const table of JSON.parse(now) as readonly Readonly<Record<string, readonly GobgpPath[]>>[]) {
      for (const [prefix, [path]] of Object.entries(table)) if (path !== undefined) found.set(prefix, toldRoute(path.attrs))
    }
    return found
  }
  try {
    await run('ip', ['netns', 'add', netns])
    await inside('ip', 'link', 'set', 'lo', 'up')
    const callers = cases.map((one, at) => neighbour(PEER_ADDRESS, ownAddress(at), ownAs(one), true))
    start('peer', PEER_PORT, router(PEER_ADDRESS, PEER_AS) + SILENT + callers.join(''))
    for (const [at, one] of cases.entries()) {
      const own = ownAddress(at)
      start(`case${at}`, PEER_PORT + 1 + at, router(own, ownAs(one)) + neighbour(own, PEER_ADDRESS, PEER_AS, false) + one.policy)
    }
    return await Promise.all(cases.map((_, at) => judge(at)))
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await run('ip', ['netns', 'del', netns]).catch(() => undefined)
    rmSync(folder, { recursive: true, force: true })
  }
}

function addWords({ prefix, nextHop, med, localPref, communities = [], large = [] }: GivenRoute): readonly string[] {
  return [
    ...['global', 'rib', 'add', '-a', prefix.includes(':') ? 'ipv6' : 'ipv4', prefix, 'nexthop', nextHop],
    ...(med === undefined ? [] : ['med', String(med)]),
    ...(localPref === undefined ? [] : ['local-pref', String(localPref)]),
    ...(communities.length === 0 ? [] : ['community', communities.join(',')]),
    ...(large.length === 0 ? [] : ['large-community', large.join(',')]),
  ]
}
