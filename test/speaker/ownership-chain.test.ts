/** Random lives of three speakers, from what they hear and read to their lines and patches (test/speaker/model/chain.ts). */
import t from 'tap'
import { createRandom } from '../soak/support/random.ts'
import { type ChainOptions, createChain, happen, look, restart, tell, wrongAfterRepair } from './model/chain.ts'

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
