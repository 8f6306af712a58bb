import t from 'tap'
import { createRing, MESH_PEERS } from '../../../src/speaker/membership/ring.ts'
import { nodeNames } from '../support/membership-network.ts'

const without = (names: readonly string[], self: string) => names.filter((name) => name !== self)

t.test('up to eight others: everybody to everybody', async (t) => {
  for (let count = 1; count <= MESH_PEERS + 1; count++) {
    const names = nodeNames(count)
    for (const self of names) {
      const ring = createRing(self, without(names, self))
      t.equal(ring.mesh, true)
      t.same([...ring.targets(0)].sort(), without(names, self).sort(), `${self} of ${count}`)
      t.equal(ring.neighboursOf(self).length, Math.min(4, count - 1))
    }
  }
})

t.test('more: seven a heartbeat, the neighbours always, everybody in turn, and everybody gets as many', async (t) => {
  for (const count of [10, 11, 50, 200]) {
    const names = nodeNames(count)
    const rings = new Map(names.map((self) => [self, createRing(self, without(names, self))]))
    const turns = Math.ceil((count - 5) / 3)
    for (const [self, ring] of rings) {
      t.equal(ring.mesh, false)
      const reached = new Set<string>()
      for (let turn = 0; turn < turns; turn++) {
        const targets = ring.targets(turn)
        if (new Set(targets).size !== 7 || targets.includes(self)) t.fail(`${self} sends to ${targets}`)
        if (!ring.neighboursOf(self).every((near) => targets.includes(near))) t.fail(`${self} leaves out a neighbour`)
        for (const target of targets) reached.add(target)
      }
      if (reached.size !== count - 1) t.fail(`${self} of ${count} reaches ${reached.size}`)
    }
    const received = new Map<string, number>()
    for (const ring of rings.values()) for (const target of ring.targets(3)) received.set(target, (received.get(target) ?? 0) + 1)
    t.same([...new Set(received.values())], [7], `${count} nodes`)
  }
})

t.test('neighbours know each other, whoever made the ring', async (t) => {
  const names = nodeNames(50)
  const one = createRing('node-1', without(names, 'node-1'))
  const other = createRing('node-7', without(names, 'node-7').reverse())
  for (const name of names) {
    t.same([...one.neighboursOf(name)].sort(), [...other.neighboursOf(name)].sort())
    for (const near of one.neighboursOf(name)) if (!one.neighboursOf(near).includes(name)) t.fail(`${near} does not know ${name}`)
  }
  t.same(one.neighboursOf('stranger'), [])
})
