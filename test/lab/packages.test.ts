import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { withoutDaemons } from '../../lab/peers/packages.ts'

t.test('system daemons are forbidden while packages are installed, and no longer', async (t) => {
  const policy = join(t.testdir(), 'policy-rc.d')
  const during: string[] = []
  const install = async () => void during.push(readFileSync(policy, 'utf8'))
  await withoutDaemons(install, policy)
  t.notOk(existsSync(policy))
  const fail = async () => {
    await install()
    throw new Error('no network')
  }
  await t.rejects(withoutDaemons(fail, policy), /no network/)
  t.notOk(existsSync(policy))
  const [ours = ''] = during
  t.match(ours, /^#!\/bin\/sh\n.*exit 101\n$/s)
  writeFileSync(policy, ours)
  await withoutDaemons(install, policy)
  t.notOk(existsSync(policy), 'what a killed run left behind is taken away')
  t.same(during, [ours, ours, ours])
})

t.test("somebody's own policy stays", async (t) => {
  const policy = join(t.testdir({ 'policy-rc.d': '#!/bin/sh\nexit 0\n' }), 'policy-rc.d')
  await withoutDaemons(async () => undefined, policy)
  t.equal(readFileSync(policy, 'utf8'), '#!/bin/sh\nexit 0\n')
})
