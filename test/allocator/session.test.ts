/** One term of leading after the other, over an API server in memory: who is served when, what is remembered, and how much is written. */
import t from 'tap'
import type { Knowledge } from '../../src/allocator/knowledge.ts'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import type { NamespaceObject, ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject } from '../../src/api/eip.ts'
import { ApiError } from '../../src/kube/client.ts'
import { createApi } from '../soak/model/api.ts'
import { beginTerm, createProcess, type Process, type Request } from '../soak/model/process.ts'
import { type EipOptions, eip, NOW, type ServiceOptions, service } from '../support/allocator-objects.ts'
import { createManualClock } from '../support/manual-clock.ts'

const MINUTE_MS = 60_000

/** A cluster in which watches are never late. `refuse` makes requests fail, by what they say. */
function createCluster() {
  const clock = createManualClock(Date.parse(NOW))
  const processes = new Set<ReturnType<typeof createProcess>>()
  const api = createApi((change) => {
    for (const process of processes) {
      process.follow(change)
      process.deliver(change.collection)
    }
  })
  const writes: string[] = []
  let refuse: RegExp | undefined
  const namespace: NamespaceObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { ...eip('default', '10.0.0.1').metadata } }
  api.put('namespaces', 'default', namespace)
  function answer(request: Request): void {
    setImmediate(() => {
      try {
        if (refuse?.test(request.says)) throw new ApiError('refused', { status: 500, reason: 'InternalError' })
        const before = api.revision
        const value = request.perform()
        if (api.revision !== before) writes.push(request.says)
        request.settle?.({ value })
      } catch (error) {
        request.settle?.({ error })
      }
    })
  }
  /** Runs an allocator until nothing happens any more. */
  async function lead(name: string): Promise<Process> {
    const process = createProcess({ name, api, clock: { ...clock, timers: new Set() } })
    processes.add(process)
    beginTerm(process, api, answer, () => new Date(clock.nowMs()).toISOString())
    await quiet()
    return process
  }
  async function resign(process: Process): Promise<void> {
    await process.session?.close()
    process.knowledge.close()
    for (const other of processes) if (other === process) processes.delete(other)
  }
  /** Until nothing was written for a while. */
  async function quiet(): Promise<void> {
    for (let before = -1; before !== api.revision; ) {
      before = api.revision
      for (let turn = 0; turn < 20; turn++) await clock.advance(100)
    }
  }
  return {
    api,
    clock,
    lead,
    resign,
    quiet,
    writes: () => writes.splice(0),
    refuse(says: RegExp | undefined): void {
      refuse = says
    },
    pool: (name: string, address: string, options?: EipOptions) => api.put('eips', name, eip(name, address, options)),
    serve: (name: string, options?: ServiceOptions) => api.put('services', `default/${name}`, service(name, options)),
    remove: (name: string) => api.remove('services', `default/${name}`),
    of: (name: string): ServiceObject | undefined => api.services.get(`default/${name}`),
    shows: (name: string) => api.services.get(`default/${name}`)?.status?.loadBalancer?.ingress?.map(({ ip }) => ip) ?? [],
    /** Each of these with its addresses, or the reason why it has none. */
    looksLike: (names: readonly string[]) =>
      names.map((name) => {
        const { loadBalancer, conditions } = api.services.get(`default/${name}`)?.status ?? {}
        return `${name} ${loadBalancer?.ingress?.map(({ ip }) => ip).join() ?? conditions?.[0]?.reason}`
      }),
    says: (name: string) => api.services.get(`default/${name}`)?.status?.conditions?.[0]?.reason,
    status: (name: string): EipObject['status'] => api.eips.get(name)?.status,
  }
}

/** From now on, the names of Services that were decided about, each once. */
function looksOf({ knowledge }: Process): () => readonly string[] {
  const looked = new Set<string>()
  const { facts } = knowledge
  const spied: Partial<Knowledge> = {
    facts(of, remembered) {
      looked.add(of.metadata.name)
      return facts(of, remembered)
    },
  }
  Object.assign(knowledge, spied)
  return () => {
    const names = [...looked].toSorted()
    looked.clear()
    return names
  }
}

t.test('a restart over a settled cluster writes nothing', async (t) => {
  const { lead, resign, quiet, writes, pool, serve, remove, status, says } = createCluster()
  pool('p', '10.0.0.0/29', { isDefault: true, order: 'least-recently-released', addresses: ['fd00::/126'] })
  for (let at = 0; at < 8; at++) serve(`s${at}`, { ipFamilies: ['IPv4'] })
  const first = await lead('first')
  for (let at = 10; at < 14; at++) serve(`s${at}`, { ipFamilies: ['IPv4'] })
  await quiet()
  remove('s3')
  remove('s10')
  await quiet()
  t.match(status('p'), { usage: 8, conditions: [{ type: 'Ready' }, {}, { type: 'Exhausted', status: 'True' }, {}] })
  t.match([...Array(4).keys()].map((at) => says(`s${at + 10}`)).toSorted(), ['Allocated', 'PoolExhausted', 'PoolExhausted'])
  await resign(first)
  t.ok(writes().length > 24)
  const second = await lead('second')
  t.same(writes(), [])
  await resign(second)
})

t.test('a freed address costs one look, however long the line is', async (t) => {
  const { lead, resign, quiet, writes, pool, serve, remove, status, shows } = createCluster()
  pool('p', '10.0.0.0/31', { isDefault: true })
  for (let at = 0; at < 100; at++) serve(`s${String(at).padStart(2, '0')}`)
  const leader = await lead('leader')
  t.match(status('p')?.conditions?.[2], { status: 'True', message: 'no address is free; 98 Services wait' })
  const looked = looksOf(leader)
  writes()
  remove('s00')
  await quiet()
  t.same(shows('s02'), ['10.0.0.0'], 'the first in line')
  t.same(looked(), ['s02'], 'nobody else was looked at')
  t.same(
    writes()
      .map((line) => line.split(' ')[0])
      .filter((verb) => verb !== 'status'),
    ['delete', 'claim', 'patch'],
  )
  t.match(status('p')?.conditions?.[2], { message: 'no address is free; 97 Services wait' })
  await resign(leader)
})

t.test('a Service that cannot be written keeps nobody from an address, neither at the start nor later', async (t) => {
  const { lead, resign, quiet, clock, refuse, pool, serve, shows, api } = createCluster()
  pool('p', '10.0.0.0/29', { isDefault: true })
  serve('bad', { ingress: ['10.0.0.3'], label: 'p', eip: 'p' })
  for (const name of ['a', 'b', 'c', 'd']) serve(name)
  refuse(/default\/bad/)
  const leader = await lead('leader')
  t.same(['a', 'b', 'c', 'd'].flatMap(shows), ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.4'], 'and nobody got what it shows')
  t.notOk(api.claims.has('10.0.0.3'))
  refuse(undefined)
  await clock.advance(MINUTE_MS)
  await quiet()
  t.ok(api.claims.has('10.0.0.3'))
  await resign(leader)
})

t.test('what an Eip noted for a Service waits for it, also when the first tries fail', async (t) => {
  const { lead, resign, quiet, clock, refuse, pool, serve, shows, api, says } = createCluster()
  const noted = pool('p', '10.0.0.0/31', { isDefault: true })
  api.put('eips', 'p', { ...noted, status: { used: { '10.0.0.0': 'default/old', '10.0.0.1': 'default/gone' } } })
  serve('old', { eip: 'p' })
  for (const name of ['a', 'b']) serve(name)
  refuse(/default\/old/)
  const leader = await lead('leader')
  t.same(['a', 'b'].map(says).toSorted(), ['Allocated', 'PoolExhausted'], 'one address is free after the first pass')
  t.same([...shows('a'), ...shows('b')], ['10.0.0.1'])
  refuse(undefined)
  await clock.advance(MINUTE_MS)
  await quiet()
  t.same(shows('old'), ['10.0.0.0'])
  await resign(leader)
})

const conflictOn = (claim: AddressClaimObject | undefined, lastTransitionTime: string): AddressClaimObject => {
  if (claim === undefined) throw new Error('no such claim')
  const condition = {
    type: 'AddressConflict',
    status: 'True' as const,
    reason: 'Reply',
    message: 'another host answers',
    lastTransitionTime,
  }
  return { ...claim, status: { conditions: [condition] } }
}

t.test('an address that somebody else uses is given to nobody for ten minutes, whoever leads', async (t) => {
  const { api, clock, lead, resign, quiet, pool, serve, remove, shows, says, status } = createCluster()
  pool('p', '10.0.0.0/31', { isDefault: true })
  for (const name of ['a', 'b', 'c']) serve(name)
  const first = await lead('first')
  t.same([shows('a'), shows('b'), says('c')], [['10.0.0.0'], ['10.0.0.1'], 'PoolExhausted'])
  api.put('claims', '10.0.0.0', conflictOn(api.claims.get('10.0.0.0'), new Date(clock.nowMs()).toISOString()))
  await quiet()
  t.same(shows('a'), ['10.0.0.0'], 'what is on show stays')
  remove('a')
  await quiet()
  t.same([shows('c'), says('c')], [[], 'PoolExhausted'])
  t.match(status('p')?.setAside, [{ address: '10.0.0.0', message: 'another host answers' }])
  await resign(first)
  await clock.advance(2 * MINUTE_MS)
  const second = await lead('second')
  t.same(says('c'), 'PoolExhausted', 'the next leader has read it')
  await clock.advance(7 * MINUTE_MS)
  t.same(shows('c'), [])
  await clock.advance(MINUTE_MS)
  await quiet()
  t.same([shows('c'), status('p')?.setAside], [['10.0.0.0'], undefined])
  await resign(second)
})

t.test('least recently released: the order outlives the leader', async (t) => {
  const { lead, resign, quiet, pool, serve, remove, shows, status } = createCluster()
  pool('p', '10.0.0.0/30', { isDefault: true, order: 'least-recently-released' })
  for (const name of ['a', 'b', 'c', 'd']) serve(name)
  const first = await lead('first')
  t.same(['a', 'b', 'c', 'd'].flatMap(shows), ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3'])
  for (const name of ['c', 'a', 'd']) {
    remove(name)
    await quiet()
  }
  t.same(
    status('p')?.released?.map(({ address }) => address),
    ['10.0.0.2', '10.0.0.0', '10.0.0.3'],
  )
  await resign(first)
  const second = await lead('second')
  for (const [name, address] of [
    ['e', '10.0.0.2'],
    ['f', '10.0.0.0'],
    ['g', '10.0.0.3'],
  ] as const) {
    serve(name)
    await quiet()
    t.same(shows(name), [address])
  }
  t.equal(status('p')?.released, undefined)
  await resign(second)
})

t.test('a Service that waits for one family is not called for the other', async (t) => {
  const { lead, resign, quiet, pool, serve, remove, shows } = createCluster()
  pool('four', '10.0.0.0/31', { namespaces: ['default'] })
  pool('six', 'fd00::/127', { namespaces: ['default'] })
  const both = { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' } as const
  for (const name of ['a', 'b']) serve(name, both)
  const leader = await lead('leader')
  const looked = looksOf(leader)
  for (const name of ['x1', 'x2']) serve(name, { ipFamilies: ['IPv4'] })
  for (const name of ['y1', 'y2']) serve(name, { ipFamilies: ['IPv6'] })
  serve('z', both)
  await quiet()
  t.same(['x1', 'x2', 'y1', 'y2', 'z'].flatMap(shows), [], 'two addresses of each family, and two who came first')
  looked()
  serve('b', { ...both, ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' })
  await quiet()
  t.same(shows('y1'), ['fd00::1'])
  t.same(looked(), ['b', 'y1'], 'an IPv6 address is of no use to the others')
  remove('b')
  await quiet()
  t.same(shows('x1'), ['10.0.0.1'])
  t.same(looked(), ['x1'])
  await resign(leader)
})

t.test('a quota holds also when all of a namespace come at once', async (t) => {
  const { lead, resign, quiet, clock, refuse, pool, serve, remove, shows, says, looksLike } = createCluster()
  pool('p', '10.0.0.0/28', { isDefault: true, quota: { perNamespace: 2 } })
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) serve(name)
  const leader = await lead('leader')
  t.same(looksLike(names), ['a 10.0.0.0', 'b 10.0.0.1', 'c QuotaExceeded', 'd QuotaExceeded', 'e QuotaExceeded'])
  remove('a')
  await quiet()
  t.same(names.slice(1).flatMap(shows).length, 2, 'what one gives back the next one gets')
  refuse(/^claim .* for default\/d/)
  remove('b')
  await quiet()
  t.same([says('c'), says('e')], ['Allocated', 'Allocated'], 'd cannot be written, and e takes its place')
  refuse(undefined)
  await clock.advance(MINUTE_MS)
  await quiet()
  t.same(says('d'), 'QuotaExceeded')
  await resign(leader)
})

const onPort = (port: number): ServiceOptions => ({ sharingKey: 'k', ports: [{ protocol: 'TCP', port }] })

t.test('a key: who waits shares the address that another one of the key gets, also where no address is free', async (t) => {
  const { lead, resign, quiet, pool, serve, remove, looksLike } = createCluster()
  pool('p', '10.0.0.0', { isDefault: true })
  serve('first')
  const leader = await lead('leader')
  serve('a', onPort(80))
  serve('b', onPort(81))
  serve('c', onPort(80))
  await quiet()
  t.same(looksLike(['a', 'b', 'c']), ['a PoolExhausted', 'b PoolExhausted', 'c PoolExhausted'])
  remove('first')
  await quiet()
  t.same(looksLike(['a', 'b', 'c']), ['a 10.0.0.0', 'b 10.0.0.0', 'c PoolExhausted'])
  serve('a', onPort(82))
  await quiet()
  t.same(looksLike(['a', 'b', 'c']), ['a 10.0.0.0', 'b 10.0.0.0', 'c 10.0.0.0'], 'the port is free')
  await resign(leader)
})

t.test('a key: a holder that states it later lets in who waits', async (t) => {
  const { lead, resign, quiet, pool, serve, looksLike } = createCluster()
  pool('p', '10.0.0.0', { isDefault: true })
  serve('a', { ports: [{ protocol: 'TCP', port: 80 }] })
  const leader = await lead('leader')
  serve('b', onPort(81))
  await quiet()
  t.same(looksLike(['a', 'b']), ['a 10.0.0.0', 'b PoolExhausted'])
  serve('a', onPort(80))
  await quiet()
  t.same(looksLike(['a', 'b']), ['a 10.0.0.0', 'b 10.0.0.0'])
  await resign(leader)
})

t.test('the end of a conflict on an address that is held wakes who asks for it', async (t) => {
  const { api, clock, lead, resign, quiet, pool, serve, looksLike } = createCluster()
  pool('p', '10.0.0.0/31', { isDefault: true })
  serve('a', { address: '10.0.0.0', ports: [{ protocol: 'TCP', port: 80 }] })
  const leader = await lead('leader')
  const calm = api.claims.get('10.0.0.0')
  if (calm === undefined) throw new Error('a holds it')
  api.put('claims', '10.0.0.0', conflictOn(calm, new Date(clock.nowMs()).toISOString()))
  serve('b', { address: '10.0.0.0', ports: [{ protocol: 'TCP', port: 81 }] })
  await quiet()
  t.same(looksLike(['a', 'b']), ['a 10.0.0.0', 'b AddressConflict'])
  api.put('claims', '10.0.0.0', calm)
  await quiet()
  t.same(looksLike(['a', 'b']), ['a 10.0.0.0', 'b 10.0.0.0'])
  await resign(leader)
})
