import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { address, addressOf, apply, type Chapter, eip, get, loadBalancer, NAMESPACE, OPT_IN_KEY, run, service } from './suite.ts'

/** The original cannot do this: its Jobs have one name, and a Job is immutable. */
export const upgrade: Chapter = async (t, suite) => {
  await t.test('a manifest with another image applies over the old one, and nothing held moves', async (t) => {
    await apply(suite, eip('upgrade', { address: `${suite.segment}.230`, protocol: 'layer2', interface: 'eth0' }))
    const annotations = { [OPT_IN_KEY]: 'openelb', 'eip.openelb.kubesphere.io/v1alpha2': 'upgrade' }
    await apply(suite, loadBalancer('upgrade', 'default', annotations))
    const vip = await address(suite, 'default', 'upgrade')

    const manifest = `${suite.work}/other.yaml`
    await promisify(execFile)(process.execPath, ['deploy/generate.ts', '--output', manifest, '--image', suite.otherImage])
    await run(suite, 'apply', '-f', manifest)
    for (const workload of ['deployment/openelb-admission', 'deployment/openelb-controller', 'daemonset/openelb-speaker']) {
      await run(suite, 'rollout', 'status', '-n', NAMESPACE, workload, '--timeout=120s')
    }
    await run(suite, 'wait', 'job', '-n', NAMESPACE, '--all', '--for=condition=complete', '--timeout=60s')
    const jobs = await get<{ items: unknown[] }>(suite, 'jobs', '-n', NAMESPACE)
    t.equal(jobs?.items.length, 4, 'its Jobs stand beside the old ones')
    t.equal(addressOf(await service(suite, 'default', 'upgrade')), vip)

    await apply(suite, eip('after', { address: `${suite.segment}.231`, protocol: 'layer2', interface: 'eth0' }))
    t.pass('and admission answers')
    await run(suite, 'delete', 'svc', 'upgrade', '-n', 'default', '--timeout=20s')
    await run(suite, 'delete', 'eip', 'upgrade', 'after')
  })
}
