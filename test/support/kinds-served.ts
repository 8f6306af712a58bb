import type { Cluster } from '../../lab/cluster.ts'
import { until } from './until.ts'

/** Waits until the API server serves every CRD. For a moment after its creation a CRD has no conditions at all, and `kubectl wait` fails at that. */
export async function kindsServed(cluster: Cluster): Promise<void> {
  await until('all CRDs are Established', async () => {
    const { code } = await cluster.tryKubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'])
    return code === 0
  })
}
