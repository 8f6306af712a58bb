import { type Chapter, eventually, get, NAMESPACE, run, type Suite } from './suite.ts'

interface PodList {
  readonly items: {
    readonly metadata: { readonly name: string }
    readonly spec: { readonly serviceAccountName: string; readonly nodeName: string }
    readonly status: { readonly phase: string; readonly containerStatuses?: { readonly ready: boolean; readonly restartCount: number }[] }
  }[]
}

/** kubectl prints PodDisruptionBudgets as configured each time, so the objects themselves are asked. */
const GENERATIONS = 'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.metadata.generation}{"\\n"}{end}'

export const podsOf = async (suite: Suite): Promise<PodList['items']> => (await get<PodList>(suite, 'pods', '-n', NAMESPACE))?.items ?? []

/** Installs by the manifest, as any user does. */
export const install: Chapter = async (t, suite) => {
  await t.test('kubectl apply -f deploy/openelb.yaml', async (t) => {
    await run(suite, 'apply', '-f', 'deploy/openelb.yaml')
    await run(suite, 'rollout', 'status', '-n', NAMESPACE, 'deployment/openelb-admission', '--timeout=120s')
    await run(suite, 'rollout', 'status', '-n', NAMESPACE, 'deployment/openelb-controller', '--timeout=120s')
    await run(suite, 'rollout', 'status', '-n', NAMESPACE, 'daemonset/openelb-speaker', '--timeout=120s')
    const pods = await eventually('all Pods Running or Completed', 60, async () => {
      const all = await podsOf(suite)
      return all.every(({ status }) => status.phase === 'Succeeded' || status.containerStatuses?.every(({ ready }) => ready)) && all
    })
    const named = (pattern: RegExp, phase: string) =>
      pods.filter(({ metadata, status }) => pattern.test(metadata.name) && status.phase === phase).length
    t.equal(named(/^openelb-admission-create-/, 'Succeeded'), 1, 'the create Job is Completed')
    t.equal(named(/^openelb-admission-patch-/, 'Succeeded'), 1, 'the patch Job is Completed')
    t.equal(named(/^openelb-controller-[0-9a-f]+-\w+$/, 'Running'), 2)
    t.equal(named(/^openelb-speaker-\w+$/, 'Running'), suite.nodes.length, 'a speaker on each node')
    t.equal(pods.filter(({ spec }) => spec.serviceAccountName === 'default').length, 0, 'each Pod has a ServiceAccount of its own kind')
    for (const { metadata, status } of pods) {
      const restarts = status.containerStatuses?.reduce((sum, { restartCount }) => sum + restartCount, 0) ?? 0
      t.ok(restarts === 0 || metadata.name.startsWith('openelb-admission-'), `${metadata.name} never restarted`)
    }
  })
  await t.test('a second apply changes nothing, and keeps the published CA', async (t) => {
    const generations = () => run(suite, 'get', '-f', 'deploy/openelb.yaml', '-o', GENERATIONS)
    const before = await generations()
    await run(suite, 'apply', '-f', 'deploy/openelb.yaml')
    t.equal(await generations(), before, 'no object has another spec')
    const ca = await run(
      suite,
      'get',
      'validatingwebhookconfiguration',
      'openelb-admission',
      '-o',
      'jsonpath={.webhooks[*].clientConfig.caBundle}',
    )
    t.match(ca, /\S/, 'the caBundle is still there')
  })
}
