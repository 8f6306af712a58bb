/** Random lives of three speakers, from what they hear and read to their lines and patches (test/speaker/model/chain.ts). */
import t from 'tap'
import { createRandom } from '../soak/support/random.ts'
import { type ChainOptions, createChain, happen, look, notice, restart, tell, wrongAfterRepair } from './model/chain.ts'

const STEPS = 150
const LIVES = 60

t.test('when every fault has ended, one node answers for each address, and the claim names it and says so', async (t) => {
  for (let seed = 1; seed <= LIVES; seed++) {
    const random = createRandom(seed)
    const chain = createChain()
    for (let step = 0; step < STEPS; step++) happen(chain, random, 3 + (seed % 8))
    const wrong = wrongAfterRepair(chain)
    if (wrong !== undefined) return void t.fail(`seed ${seed}: ${wrong}`)
  }
  t.pass(`${LIVES} lives`)
})

t.test('a switch is away for a while: every link is down, nobody is heard, and nothing has moved when it is back', async (t) => {
  for (const awayMs of [100, 390, 1000, 60_000]) {
    const chain = createChain()
    t.equal(wrongAfterRepair(chain), undefined)
    const before = JSON.stringify([...chain.claims.values()].map(({ status }) => status?.owner))
    for (const [at, one] of chain.speakers.entries())
      for (const other of chain.speakers.slice(at + 1)) chain.cut.add([one.name, other.name].sort().join())
    for (const speaker of chain.speakers) speaker.isAble = false
    for (let passedMs = 0; passedMs < awayMs; passedMs += 10) {
      chain.world.nowMs += 10
      for (const one of chain.speakers) {
        if (passedMs >= 350) for (const other of chain.speakers) if (other !== one) notice(chain, one, other)
        look(chain, one)
      }
    }
    t.notOk(
      chain.speakers.some(({ ownerships }) => ownerships.lines.size > 0),
      'nobody answers on a dead link',
    )
    t.equal(wrongAfterRepair(chain), undefined)
    t.equal(JSON.stringify([...chain.claims.values()].map(({ status }) => status?.owner)), before, `${awayMs} ms`)
  }
})

/** n3 takes the address of n1 by a false suspicion, tells everybody, and starts anew before it could write it. */
function story(options: ChainOptions): string | undefined {
  const chain = createChain(options)
  const calm = wrongAfterRepair(chain)
  if (calm !== undefined) return `at the start: ${calm}`
  const [n1, n2, n3] = chain.speakers
  const suspect = n3?.peers.get('n1')
  if (n1 === undefined || n2 === undefined || n3 === undefined || suspect === undefined) return 'no such nodes'
  suspect.alive = false
  look(chain, n3)
  if (!n3.ownerships.lines.has('10.251.0.240')) return 'n3 did not take the address'
  tell(chain, n3, n1)
  tell(chain, n3, n2)
  if (n1.ownerships.lines.has('10.251.0.240')) return 'n1 did not give way'
  restart(chain, n3)
  return wrongAfterRepair(chain)
}

t.test('a speaker is not held to what it said before it started anew; it would be seen if it were', async (t) => {
  t.equal(story({}), undefined)
  t.match(story({ remembersFormerLives: true }), /^nobody answers for 10\.251\.0\.240, recorded is n1/)
})
