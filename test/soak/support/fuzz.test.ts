/** The short form of `npm run soak -- fuzz`, and that it would see what it looks for. */
import t from 'tap'
import { type FuzzResult, type FuzzTarget, fuzz } from './fuzz.ts'
import { FUZZ_TARGETS } from './fuzz-targets.ts'
import { createMutant, MUTANT_MAX, mutate } from './mutation.ts'
import { createRandom } from './random.ts'

const quiet = () => undefined

/** What each target has to reach, or the inputs prove nothing: its successes, and its deepest refusals. */
const REACHED: Readonly<Record<string, readonly string[]>> = {
  'parseEthernet, parseArp': ['request', 'reply', 'TRUNCATED', 'BAD_FIELD opcode', 'BAD_FIELD address lengths'],
  respondArp: ['reply', 'taken', 'foreign-claim', 'not-ours', 'other-host', 'not-a-request', 'bad-sender', 'rate-limited', 'malformed'],
  parseNeighborMessage: ['solicitation', 'advertisement', 'TRUNCATED', 'BAD_FIELD checksum', 'BAD_FIELD option length', 'BAD_FIELD target'],
  respondNd: ['reply', 'taken', 'foreign-claim', 'not-ours', 'other-host', 'not-a-request', 'malformed'],
  parseMembership: ['heartbeat', 'ping', 'words', 'confirm', 'hello', 'welcome', 'TRUNCATED', 'BAD_FIELD epoch', 'BAD_FIELD IPv4 address'],
  fromStream: ['2 packets', '1 packets', '0 packets', 'BAD_FIELD length'],
  'open, parseMembership': ['opened', 'refused'],
  parseRouterMessage: [
    'router-solicitation',
    'router-advertisement',
    'TRUNCATED',
    'BAD_FIELD type',
    'BAD_FIELD code',
    'BAD_FIELD option length',
  ],
  parseBfd: ['Up', 'Init', 'Down', 'AdminDown', 'TRUNCATED', 'BAD_FIELD length', 'BAD_FIELD authentication length'],
  'a BFD session': ['Up', 'Down', 'stray'],
  'a BFD session with a key': ['stray', 'its digest is wrong: the keys differ', 'its sequence number is old, or far ahead'],
  'BGP messages': [
    'open read',
    'update accept',
    'update treat-as-withdraw',
    'update session-reset',
    'notification read',
    'keepalive read',
    'routeRefresh read',
    'header 1',
    'header 2',
    'header 3',
  ],
}

t.test('a hundred thousand wrong inputs: nothing throws, and every branch was met', async (t) => {
  const result = await fuzz({ targets: FUZZ_TARGETS, executions: 100_000, seed: 1, progress: quiet })
  t.same(result.failures, [])
  t.equal(result.throws, 0)
  t.ok(result.passed)
  t.same(
    FUZZ_TARGETS.map(({ name }) => name),
    Object.keys(REACHED),
  )
  for (const [target, outcomes] of Object.entries(REACHED)) {
    const met = result.outcomes[target] ?? {}
    t.same(
      outcomes.filter((outcome) => (met[outcome] ?? 0) === 0),
      [],
      `${target}: ${JSON.stringify(met)}`,
    )
  }
})

/** Reads a count and as many bytes, and believes the count. */
const careless: FuzzTarget = {
  name: 'careless',
  seeds: [Uint8Array.of(3, 1, 2, 3)],
  run(bytes, length) {
    const [count = 0] = bytes
    for (let at = 1; at <= count; at++) if (at >= length) throw new Error(`byte ${at} of ${length}`)
    return 'read'
  },
}

t.test('a parser that believes a count is found out, in the same way each time', async (t) => {
  const found = () => fuzz({ targets: [careless], executions: 2000, seed: 7, progress: quiet })
  const timeless = ({ perSecond: _, ...rest }: FuzzResult) => rest
  const first = await found()
  t.equal(first.passed, false)
  t.ok(first.throws > 100)
  t.equal(first.failures.length, 10)
  t.match(first.failures[0], { target: 'careless', input: /^[0-9a-f]*$/, error: /byte \d+ of \d+/ })
  t.equal((first.outcomes['careless']?.['THROWN'] ?? 0) + (first.outcomes['careless']?.['read'] ?? 0), 2000)
  t.same(timeless(await found()), timeless(first))
})

t.test('mutants stay within their room, and most differ from every seed', async (t) => {
  const random = createRandom(3)
  const seeds = [new Uint8Array(MUTANT_MAX).fill(1), Uint8Array.of(9), new Uint8Array(100).fill(2)]
  const originals = seeds.map((seed) => seed.slice())
  const mutant = createMutant(random)
  const texts = new Set(seeds.map((seed) => Buffer.from(seed).toString('latin1')))
  let same = 0
  for (let index = 0; index < 20_000; index++) {
    mutate(random, seeds, mutant)
    if (mutant.length < 0 || mutant.length > MUTANT_MAX) t.fail(`a length of ${mutant.length}`)
    if (texts.has(Buffer.from(mutant.bytes.subarray(0, mutant.length)).toString('latin1'))) same++
  }
  t.ok(same > 500 && same < 4000, `${same} of 20,000 are seeds as they are`)
  t.same(seeds, originals, 'seeds are never written to')
})
