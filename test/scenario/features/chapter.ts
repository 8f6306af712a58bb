/** One feature, one test: with a namespace, a block of addresses and names of Eips of its own, and nothing left behind. */
import type { Test } from 'tap'
import { listObjects } from '../../../src/kube/objects.ts'
import { EIPS } from '../../../src/kube/resources.ts'
import type { AllocationLab } from '../../support/allocation-lab.ts'
import type { Wish } from '../../support/cluster-actions.ts'
import { until } from '../../support/until.ts'

export interface Stage {
  readonly lab: AllocationLab
  readonly namespace: string
  /** The key of a Service of the namespace. */
  key(name: string): string
  /** The name of an Eip. */
  pool(letter: string): string
  /** An IPv4 address of the block; the third number may be 0 to 9. */
  ip(last: number, third?: number): string
  /** An IPv6 address of the block. */
  six(last: number): string
  /** Makes an Eip whose name is that of `pool(letter)`. */
  makePool(letter: string, address: string, spec?: object, meta?: object): Promise<object>
  /** Makes a Service and resolves with the addresses that it shows. */
  given(name: string, wish?: Wish): Promise<string>
  make(name: string, wish?: Wish): Promise<object>
  shows(name: string, addresses: string): Promise<unknown>
  says(name: string, reason: string): Promise<{ readonly message: string; readonly status: string }>
}

export interface Chapter {
  readonly lab: AllocationLab
  feature(title: string, tell: (t: Test, stage: Stage) => Promise<void>): void
}

function stageOf(lab: AllocationLab, number: number): Stage {
  const namespace = `f${number}`
  const key = (name: string) => `${namespace}/${name}`
  const pool = (letter: string) => `${letter}${number}`
  const make = (name: string, wish?: Wish) => lab.makeService(key(name), wish)
  return {
    lab,
    namespace,
    key,
    pool,
    ip: (last, third = 0) => `10.${100 + number}.${third}.${last}`,
    six: (last) => (last === 0 ? `fd00:${100 + number}::` : `fd00:${100 + number}::${last.toString(16)}`),
    makePool: (letter, address, spec, meta) => lab.makeEip(pool(letter), address, spec, meta),
    async given(name, wish) {
      await make(name, wish)
      return lab.addressOf(key(name))
    },
    make,
    shows: (name, addresses) => lab.shows(key(name), addresses),
    says: (name, reason) => lab.says(key(name), reason),
  }
}

async function clean(lab: AllocationLab): Promise<void> {
  for (const { metadata } of lab.witness.services()) {
    if (/^f\d/.test(metadata.namespace ?? '')) await lab.attempt(lab.removeService(`${metadata.namespace}/${metadata.name}`))
  }
  for (const { metadata } of await listObjects<{ metadata: { name: string } }>(lab.world.api, EIPS)) await lab.removeEip(metadata.name)
  await lab.settings()
  await until('nobody holds anything', () => lab.witness.claims().length === 0)
}

export function createChapter(t: Test, lab: AllocationLab): Chapter {
  let number = 0
  return {
    lab,
    feature(title, tell) {
      t.test(title, async (t) => {
        const stage = stageOf(lab, number++)
        await lab.makeNamespace(stage.namespace, { team: 'web' })
        try {
          await tell(t, stage)
        } finally {
          await clean(lab)
        }
      })
    },
  }
}
