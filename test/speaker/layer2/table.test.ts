import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { AddressKey } from '../../../src/speaker/layer2/address-key.ts'
import { createLayer2Counters } from '../../../src/speaker/layer2/counters.ts'
import { createSlots } from '../../../src/speaker/layer2/slots.ts'
import { EMPTY_TABLE, type Table, type TableLine, tableChange } from '../../../src/speaker/layer2/table.ts'

const ETH0 = { family: 'IPv4' as const, index: 2, name: 'eth0', mac: Uint8Array.of(2, 0, 0, 0, 0, 1) }
const line = (address: AddressKey, burst = '1', interfaceIndex = 2): TableLine => ({ address, burst, interfaceIndex })
const table = (lines: readonly TableLine[], ports: Table['ports'] = [ETH0]): Table => ({
  ports,
  lines: new Map(lines.map((one) => [one.address, one])),
})

t.test('only what changed is sent', async (t) => {
  const before = table([line(1), line(2), line(3)])
  t.equal(tableChange(before, table([line(3), line(1), line(2)])), undefined, 'the order says nothing')
  t.same(tableChange(before, table([line(1), line(2, '2'), line(4)])), { ports: [ETH0], upsert: [line(2, '2'), line(4)], remove: [3] })
  t.same(tableChange(before, table([line(1), line(2), line(3, '1', 9)])), { ports: [ETH0], upsert: [line(3, '1', 9)], remove: [] })
  const otherMac = { ...ETH0, mac: Uint8Array.of(2, 0, 0, 0, 0, 2) }
  t.same(tableChange(before, table([line(1), line(2), line(3)], [otherMac])), { ports: [otherMac], upsert: [], remove: [] })
  const both = table([line(1), line(2), line(3), line(1n)], [ETH0, { ...ETH0, family: 'IPv6' }])
  t.same(tableChange(before, both), { ports: both.ports, upsert: [line(1n)], remove: [] }, 'the key of IPv6 is no key of IPv4')
  t.same(tableChange(before, EMPTY_TABLE), { ports: [], upsert: [], remove: [1, 2, 3] })
})

t.test('applying the changes in turn gives the last table', async (t) => {
  const lines = fc.uniqueArray(
    fc.record({ address: fc.nat(20), burst: fc.constantFrom('1', '2'), interfaceIndex: fc.constantFrom(2, 3) }, { noNullPrototype: true }),
    { selector: ({ address }) => address },
  )
  fc.assert(
    fc.property(fc.array(lines, { minLength: 1 }), (history) => {
      let before = EMPTY_TABLE
      const held = new Map<AddressKey, TableLine>()
      for (const wanted of history) {
        const after = table(wanted)
        const change = tableChange(before, after)
        for (const address of change?.remove ?? []) held.delete(address)
        for (const one of change?.upsert ?? []) held.set(one.address, one)
        before = after
        assert.deepEqual(held, after.lines)
      }
    }),
    { numRuns: 100 },
  )
  t.pass('100 histories')
})

t.test('counters: a row per address, from zero, reused as late as possible', async (t) => {
  const counters = createLayer2Counters()
  const seenByWorker = createLayer2Counters(counters.memory)
  const slots = createSlots(counters, 2)
  slots.take(10, '0.0.0.10')
  slots.take(11, '0.0.0.11')
  seenByWorker.add(slots.of(10), 'requests')
  seenByWorker.add(slots.of(10), 'requests')
  seenByWorker.add(slots.of(11), 'gratuitous')
  seenByWorker.addGlobal('foreign-claim')
  t.same(counters.ofAddress(slots.of(10)), { requests: 2, responses: 0, gratuitous: 0 })
  t.same(counters.ofAddress(slots.of(11)), { requests: 0, responses: 0, gratuitous: 1 })
  t.equal(counters.global('foreign-claim'), 1)
  t.equal(counters.global('heartbeat'), 0)
  t.throws(() => slots.take(12, '0.0.0.12'), RangeError)
  slots.take(10, '0.0.0.10')
  t.equal(counters.ofAddress(slots.of(10)).requests, 2, 'taking again changes nothing')
  slots.free(10)
  slots.free(10)
  t.throws(() => slots.of(10), RangeError)
  slots.take(12, '0.0.0.12')
  t.same(counters.ofAddress(slots.of(12)), { requests: 0, responses: 0, gratuitous: 0 })
  t.same(
    [...slots.entries()].map(([text]) => text),
    ['0.0.0.11', '0.0.0.12'],
  )
})
