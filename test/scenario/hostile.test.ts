/**
 * Hostile tenants: whatever a tenant writes on the Services of its namespace and into their status, it holds no address that its namespace may
 * not have, at no version of any claim; with our webhook and without it. The neighbours notice nothing.
 */
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { LAYER2_NODE } from '../../src/api/service-annotations.ts'
import { startAllocationLab } from '../support/allocation-lab.ts'
import { shownText } from '../support/cluster-actions.ts'
import { until } from '../support/until.ts'
import { ATTACKS, type Attack } from './features/attacks.ts'
import { EVIL, FORBIDDEN, heldByTenant, settleNeighbours, startJudge, VICTIM } from './features/tenant.ts'

t.setTimeout(590_000)
const lab = await startAllocationLab()
t.teardown(() => lab.close())
const tenant = await settleNeighbours(lab)
const judge = await startJudge(lab)
t.teardown(async () => {
  await judge.close()
  tenant.api.close()
})
const pid = lab.allocator().pid

const theirs = () => lab.witness.services().filter(({ metadata }) => metadata.namespace === EVIL)

/** Everything that the API server shows, and every look of the allocator, in one text. */
async function picture(): Promise<string> {
  const { text } = await lab.allocator().page('/metrics')
  const looks = text.split('\n').filter((line) => /^workqueue_(adds|retries)_total/.test(line))
  const versions = [...theirs(), ...lab.witness.claims()].map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`)
  return [...looks, ...versions].join('\n')
}

let honest = 0
/** An honest Service gets its address behind all that the tenant asked for; then nothing moves any more. */
async function calm(): Promise<void> {
  const key = `honest/s${honest++}`
  await lab.makeService(key)
  await lab.addressOf(key)
  await lab.removeService(key)
  await until('the honest one is released', () => lab.witness.claims().every(({ spec }) => spec.holders[0]?.namespace !== 'honest'))
  await until('nothing moves any more', async () => {
    const before = await picture()
    await delay(150)
    return (await picture()) === before
  })
}

async function endure(t: Test, { run, holds: [least, most] }: Attack): Promise<void> {
  await run(tenant, lab.attempt, lab)
  await calm()
  const held = heldByTenant(lab)
  t.ok(held.length >= least && held.length <= most, `it holds ${held.length === 0 ? 'nothing' : held.join(', ')}`)
  t.same(judge.verdicts, [], 'at no version of any claim more than it may have')
  for (const service of theirs()) {
    const { name, uid, annotations } = service.metadata
    const own = lab.witness.claims().filter(({ spec }) => spec.holders.some((holder) => holder.uid === uid))
    if (own.length === 0) continue
    t.same(new Set(shownText(service).split(',')), new Set(own.map(({ spec }) => spec.address)), `${name} shows what it holds`)
    t.equal(annotations?.[LAYER2_NODE], undefined, 'no node answers by the word of a tenant')
  }
}

async function clean(): Promise<void> {
  for (const { metadata } of theirs()) {
    await lab.patchService(`${EVIL}/${metadata.name}`, { metadata: { finalizers: null } })
    await lab.attempt(lab.removeService(`${EVIL}/${metadata.name}`))
  }
  await until('the tenant has nothing', () => theirs().length === 0 && heldByTenant(lab).length === 0)
}

for (const state of ['off', 'on'] as const) {
  t.test(state === 'on' ? 'with the webhook' : 'the webhook is away', async (t) => {
    if (state === 'on') await lab.admission('on')
    for (const attack of ATTACKS) {
      await t.test(attack.title, async (t) => {
        try {
          await endure(t, attack)
        } finally {
          await clean()
        }
      })
    }
  })
}

t.test('the neighbours noticed nothing, and the allocator lives', async (t) => {
  for (const name of ['web', 'dns', 'vault'] as const) t.same(lab.witness.history(`${VICTIM}/${name}`), ['', FORBIDDEN[name]], name)
  t.same(
    lab.witness.doubles.filter((text) => text.includes(VICTIM) && !text.includes(EVIL)),
    [],
    'no double among the neighbours',
  )
  t.equal(lab.allocator().pid, pid)
  t.equal((await lab.allocator().page('/readyz')).status, 200)
  await lab.makeService(`${VICTIM}/checkout`)
  await lab.shows(`${VICTIM}/checkout`, FORBIDDEN.reserved)
})
