/** Routing policies from a ConfigMap to the table of FRR: what is followed, what a bad text changes (nothing), and what is said meanwhile. */
import t from 'tap'
import { createObject, deleteObject, patchObject } from '../../src/kube/objects.ts'
import { CONFIG_MAPS } from '../../src/kube/resources.ts'
import { buildBgpWorld } from '../speaker/support/bgp-world.ts'
import { OWN } from '../speaker/support/layer2-world.ts'
import { until } from '../support/until.ts'

const REF = { namespace: OWN, name: 'routes' }
const [FIRST, SECOND] = ['192.0.2.1', '192.0.2.2']
const KEEP_IN = `
[[policy-definitions.statements]]
name = "keep-in"
[policy-definitions.statements.conditions.match-prefix-set]
prefix-set = "second"
[policy-definitions.statements.actions]
route-disposition = "reject-route"
`
const text = (statements: string): string => `
[global.apply-policy.config]
export-policy-list = ["out"]
[[defined-sets.prefix-sets]]
prefix-set-name = "second"
[[defined-sets.prefix-sets.prefix-list]]
ip-prefix = "${SECOND}/32"
[[policy-definitions]]
name = "out"
${statements}
[[policy-definitions.statements]]
[policy-definitions.statements.actions.bgp-actions]
set-med = 30
[policy-definitions.statements.actions.bgp-actions.set-as-path-prepend]
as = "last-as"
repeat-n = 2
[policy-definitions.statements.actions.bgp-actions.set-community]
options = "add"
[policy-definitions.statements.actions.bgp-actions.set-community.set-community-method]
communities-list = ["65001:7", "no-export"]
[policy-definitions.statements.actions.bgp-actions.set-large-community]
options = "add"
[policy-definitions.statements.actions.bgp-actions.set-large-community.set-large-community-method]
communities-list = ["65001:1:2"]
`

t.setTimeout(240_000)
const world = await buildBgpWorld()
t.teardown(world.close)
const { api } = world

const write = (policy: string) => patchObject(api, CONFIG_MAPS, REF, { data: { 'gobgp.conf': policy } }, { type: 'merge' })
const problems = async (node = 'n1') => (await world.conf()).status?.nodesConfStatus?.[node]?.problems ?? []
const opens = async () => (await world.session('n1')).opensReceived
const medOf = async (address: string) => (await world.paths(`${address}/32`))[0]?.med

await t.test('a policy sets what the router sees', async (t) => {
  await createObject(api, CONFIG_MAPS, { metadata: REF, data: { 'gobgp.conf': text('') } })
  await world.configure({ policy: 'routes' })
  await world.start('n1')
  await world.claim(FIRST, { protocol: 'bgp' })
  await world.claim(SECOND, { protocol: 'bgp' })
  await world.hasRoute(`${FIRST}/32`, ['n1'])
  await world.hasRoute(`${SECOND}/32`, ['n1'])
  const [path] = await world.paths(`${FIRST}/32`)
  t.match(path, { med: 30, asPath: [65_001, 65_001, 65_001], largeCommunities: ['65001:1:2'] })
  t.same([...(path?.communities ?? [])].sort(), ['65001:7', '65535:65281'])
  t.same(await problems(), [])
})

await t.test('a route that is rejected now is withdrawn, one that is accepted again is told again, and the session stays', async (t) => {
  const before = await opens()
  await write(text(KEEP_IN))
  await world.hasRoute(`${SECOND}/32`, [])
  await world.hasRoute(`${FIRST}/32`, ['n1'])
  await write(text(''))
  await world.hasRoute(`${SECOND}/32`, ['n1'])
  t.equal(await opens(), before)
})

await t.test('a text that cannot be read changes nothing, and its place is on the status', async (t) => {
  const before = await opens()
  await write(text(KEEP_IN))
  await world.hasRoute(`${SECOND}/32`, [])
  await write(text('').replace('set-med = 30', 'set-meed = 31'))
  const said = await until('the problem', async () => {
    const found = await problems()
    return found.length > 0 && found
  })
  t.match(said, [
    {
      code: 'policy-unreadable',
      message: /ConfigMap routes .*bgp-actions\.set-meed is no setting/,
      cure: /the policy before it is followed$/,
    },
  ])
  t.same(await world.paths(`${SECOND}/32`), [], 'what the last good text rejects is still rejected')
  t.equal(await medOf(FIRST), 30)
  await write(text('').replace('set-med = 30', 'set-med = 32'))
  await until('the mended text', async () => (await medOf(FIRST)) === 32)
  await until('nothing is said any more', async () => (await problems()).length === 0)
  t.equal(await opens(), before)
})

await t.test('a ConfigMap that goes leaves its policy in force, and that is said', async (t) => {
  await deleteObject(api, CONFIG_MAPS, REF)
  const said = await until('the problem', async () => {
    const found = await problems()
    return found.length > 0 && found
  })
  t.match(said, [{ code: 'policy-missing' }])
  t.equal(await medOf(FIRST), 32)
})

await t.test('a speaker that starts with a text that cannot be read tells nothing (RFC 8212), until it is mended', async (t) => {
  await createObject(api, CONFIG_MAPS, { metadata: REF, data: { 'gobgp.conf': 'not TOML' } })
  await world.start('n2')
  await world.established(['n2'])
  const said = await until('the problem', async () => {
    const found = await problems('n2')
    return found.length > 0 && found
  })
  t.match(said, [{ code: 'policy-unreadable', cure: /no route is told$/ }])
  await world.hasRoute(`${FIRST}/32`, ['n1'])
  await write(text(''))
  await world.hasRoute(`${FIRST}/32`, ['n1', 'n2'])
})
