import { address, apply, type Chapter, eip, eventually, get, loadBalancer, OPT_IN_KEY, run, service } from './suite.ts'

/** The original hangs here for ever: its finalizers wait for a controller that is being deleted too. */
export const uninstall: Chapter = async (t, suite) => {
  await t.test('kubectl delete -f with Services and Eips in use', async (t) => {
    await apply(suite, eip('left', { address: `${suite.segment}.180-${suite.segment}.199`, protocol: 'layer2', interface: 'eth0' }))
    const names = Array.from({ length: 10 }, (_, index) => `left-${index}`)
    const annotations = { [OPT_IN_KEY]: 'openelb', 'eip.openelb.kubesphere.io/v1alpha2': 'left' }
    await apply(suite, ...names.map((name) => loadBalancer(name, 'default', annotations)))
    for (const name of names) await address(suite, 'default', name)

    const started = Date.now()
    const deleted = await suite.kubectl(['delete', '-f', 'deploy/openelb.yaml', '--timeout=90s'])
    t.equal(deleted.code, 0, deleted.stderr)
    t.ok(Date.now() - started < 60_000, `ended in ${((Date.now() - started) / 1000).toFixed(1)} s`)

    for (const name of names) {
      const seen = await service(suite, 'default', name)
      t.ok(seen, `${name} stays`)
      t.strictSame(seen?.metadata.finalizers, undefined, `${name}: no finalizer`)
      t.strictSame(seen?.metadata.labels, undefined, `${name}: no label of ours`)
      t.strictSame(seen?.status.conditions, undefined, `${name}: no condition of ours`)
      t.equal(seen?.metadata.annotations?.['layer2.openelb.kubesphere.io/v1alpha1'], undefined, `${name}: no node annotation`)
    }
    for (const kind of [
      'crd',
      'clusterrole',
      'clusterrolebinding',
      'validatingwebhookconfiguration',
      'mutatingwebhookconfiguration',
      'namespace',
      'priorityclass',
    ]) {
      const left = (await run(suite, 'get', kind, '-o', 'name')).split('\n').filter((name) => /openelb|kubesphere/.test(name))
      t.strictSame(left, [], `no ${kind} of ours`)
    }
    await run(suite, 'delete', 'svc', '-n', 'default', ...names, '--timeout=20s')
    t.equal(await get(suite, 'svc', 'left-0', '-n', 'default'), undefined, 'Services can be deleted')
    await eventually('silence on the wire', 10, async () => {
      return (await suite.client('busybox', ['arping', '-c', '1', '-w', '1', '-I', 'eth0', `${suite.segment}.180`])).code !== 0
    })
  })
}
