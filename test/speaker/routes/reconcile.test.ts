/** When the engine is told what, with an engine that only notes it. */
import t from 'tap'
import type { AddressClaimObject } from '../../../src/api/address-claim.ts'
import type { BgpConfObject } from '../../../src/api/bgp-conf.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import type { BgpEngine } from '../../../src/speaker/bgp/engine.ts'
import type { ResolvedBgp } from '../../../src/speaker/bgp/resolve-facts.ts'
import type { BgpLine } from '../../../src/speaker/bgp/route.ts'
import { createBgpRoutes } from '../../../src/speaker/routes/reconcile.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { bgpClaim, routeFacts } from './support.ts'

const metadata = { name: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' }
const CONF: BgpConfObject = { apiVersion: 'network.kubesphere.io/v1alpha2', kind: 'BgpConf', metadata, spec: { as: 65_001 } }
const RESOLUTION: ResolvedBgp = { settings: undefined, identity: undefined, problems: [], goodPolicyText: undefined }

function world() {
  const clock = createManualClock()
  const heard: string[] = []
  const engine: BgpEngine = {
    configure: () => heard.push('configure'),
    announce: (lines: readonly BgpLine[]) => heard.push(lines.map(({ text }) => text).join(' ')),
    peers: () => [],
    listening: () => ({ port: undefined, problem: undefined }),
    captured: () => [],
    why: () => [],
    lines: () => [],
    health: () => ({ problems: [] }),
    close: async () => undefined,
  }
  const watch: { synced: boolean; conf: () => BgpConfObject | undefined } = { synced: true, conf: () => CONF }
  let facts = routeFacts({})
  const routes = createBgpRoutes({
    watch,
    facts: () => facts,
    resolver: { resolve: () => RESOLUTION },
    openEngine: async () => engine,
    claims: () => ({ add: () => undefined }),
    onLook: () => undefined,
    clock,
    logger: silentLogger,
  })
  const hold = (...claims: readonly AddressClaimObject[]) => {
    facts = { ...facts, claims }
  }
  return { routes, watch, heard, hold, pass: clock.advance }
}

t.test('settings first, then the routes, each set once', async (t) => {
  const { routes, heard, hold, pass } = world()
  hold(bgpClaim('192.0.2.1'))
  routes.start()
  t.notOk(routes.ready(), 'the engine is on its way')
  await pass(10)
  t.same(heard, ['configure', '192.0.2.1/32'])
  t.ok(routes.ready())
  routes.wake()
  await pass(10_000)
  t.same(heard, ['configure', '192.0.2.1/32'])
})

t.test('what changes while a policy is being read is told afterwards', async (t) => {
  const { routes, watch, heard, hold, pass } = world()
  hold(bgpClaim('192.0.2.1'))
  routes.start()
  await pass(10)
  watch.synced = false
  hold(bgpClaim('192.0.2.1'), bgpClaim('192.0.2.2'))
  routes.wake()
  await pass(10)
  t.equal(heard.length, 2, 'not by settings that are not known')
  t.notOk(routes.ready())
  watch.synced = true
  routes.wake()
  await pass(10)
  t.same(heard.slice(2), ['192.0.2.1/32 192.0.2.2/32'])
})
