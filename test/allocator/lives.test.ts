/** Random lives of small clusters with two allocators, each revision judged by the model: the short form of `npm run soak -- allocation`. */
import t from 'tap'
import { live } from '../soak/model/life.ts'

const OPERATIONS = 100_000
const PER_WORLD = 400
/** A busy machine lives fewer of them; these at least. */
const LEAST_WORLDS = 16
const ENOUGH_MS = 70_000

t.test('no address twice, none leaked, none moved without a cause, nobody without one who could have it', async (t) => {
  const startedMs = performance.now()
  const worlds = OPERATIONS / PER_WORLD
  const sum = { worlds: 0, operations: 0, revisions: 0, rests: 0 }
  for (let seed = 1; seed <= worlds; seed++) {
    if (seed > LEAST_WORLDS && performance.now() - startedMs > ENOUGH_MS) break
    const { failure, operations, revisions, rests } = await live({ seed, operations: PER_WORLD })
    if (failure !== undefined) {
      t.fail(`seed ${seed}: ${failure.broken[0]}`, { broken: failure.broken, log: failure.log.slice(-60) })
      t.comment(`npm run soak -- allocation --seed ${seed} --operations ${PER_WORLD} makes the story short`)
      return
    }
    sum.worlds++
    sum.operations += operations
    sum.revisions += revisions
    sum.rests += rests
  }
  t.comment(`${JSON.stringify(sum)} of ${worlds} worlds`)
  t.ok(sum.revisions > sum.operations / 2, 'the worlds were alive')
})

t.test('a seed repeats a life', async (t) => {
  const first = await live({ seed: 77, operations: 120 })
  t.same(await live({ seed: 77, operations: 120 }), first)
})
