import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { memberId } from '../../../src/speaker/membership/member-id.ts'
import { createReplayWindows, REPLAY_WINDOW } from '../../../src/speaker/membership/replay.ts'

const begun = (incarnation = 10n) => {
  const windows = createReplayWindows()
  windows.begin('a', incarnation)
  return windows
}

t.test('an incarnation counts once it has begun, and no former one ever again', async (t) => {
  const windows = createReplayWindows()
  t.equal(windows.accept('a', 10n, 1n), 'unknown')
  windows.begin('a', 10n)
  t.equal(windows.accept('a', 10n, 1n), 'fresh')
  t.equal(windows.accept('a', 11n, 1n), 'unknown')
  t.equal(windows.accept('a', 10n, 2n), 'fresh', 'a greater incarnation that has proved nothing changes nothing')
  windows.begin('a', 11n)
  t.equal(windows.accept('a', 10n, 3n), 'former')
  t.equal(windows.accept('a', 11n, 1n), 'fresh')
  windows.begin('a', 10n)
  windows.begin('a', 11n)
  t.equal(windows.accept('a', 10n, 4n), 'former', 'what ended does not begin again')
  t.equal(windows.accept('a', 11n, 1n), 'repeated', 'what has begun keeps its window')
  t.equal(windows.accept('b', 11n, 1n), 'unknown', 'each sender has its own')
})

const cases: readonly { name: string; sequences: readonly bigint[]; want: readonly boolean[] }[] = [
  { name: 'sequence 0 is one like others', sequences: [0n, 0n, 1n], want: [true, false, true] },
  { name: 'the first may be any', sequences: [1n << 63n, 1n << 63n], want: [true, false] },
  { name: 'late ones count once', sequences: [5n, 3n, 4n, 3n, 5n], want: [true, true, true, false, false] },
  { name: 'the last one of the window', sequences: [2000n, 2001n - BigInt(REPLAY_WINDOW)], want: [true, true] },
  { name: 'the first one behind it', sequences: [2000n, 2000n - BigInt(REPLAY_WINDOW)], want: [true, false] },
  { name: 'a step of one window forgets all', sequences: [1n, 1n + BigInt(REPLAY_WINDOW), 1n, 2n], want: [true, true, false, true] },
  { name: 'a leap', sequences: [1n, (1n << 64n) - 1n, 1n, (1n << 64n) - 2n], want: [true, true, false, true] },
]
for (const { name, sequences, want } of cases) {
  t.test(name, async (t) => {
    const windows = begun()
    t.same(
      sequences.map((sequence) => windows.accept('a', 10n, sequence) === 'fresh'),
      want,
    )
  })
}

t.test('in any order: each once, and every one that is not too far behind', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 3000n }), { maxLength: 300, size: 'max' }), (sequences) => {
      const windows = begun()
      const seen = new Set<bigint>()
      let top = -1n
      for (const sequence of sequences) {
        const want = !seen.has(sequence) && sequence > top - BigInt(REPLAY_WINDOW)
        assert.equal(windows.accept('a', 10n, sequence), want ? 'fresh' : 'repeated')
        if (want) seen.add(sequence)
        if (sequence > top) top = sequence
      }
    }),
    { numRuns: 100 },
  )
  t.pass()
})

t.test('the id of a node', async (t) => {
  // `printf node-1 | sha256sum` begins with this.
  t.equal(memberId('node-1'), 0x35971be6e9bb024an)
})
