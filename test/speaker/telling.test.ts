import t from 'tap'
import { addressKey } from '../../src/speaker/layer2/address-key.ts'
import type { AddressWord } from '../../src/speaker/membership/message.ts'
import { createTelling } from '../../src/speaker/telling.ts'
import { createManualClock, settle } from '../support/manual-clock.ts'
import { ipOf } from './support/objects.ts'

const A = '10.0.0.1'
const B = '10.0.0.2'
const word = (text: string, epoch = 2): AddressWord => ({ address: addressKey(ipOf(text)), epoch, state: 'held', recorded: false })

function telling() {
  const clock = createManualClock()
  const sent: string[] = []
  const own = new Map([A, B].map((name) => [name, word(name)]))
  let serve: () => void = () => undefined
  const { tell } = createTelling({
    words: { own: (name) => own.get(name) },
    clock,
    send: (upsert, remove) => sent.push(`${upsert.map(({ address, epoch }) => `${address}@${epoch}`).join()} -${remove.length}`),
    served: () =>
      new Promise((resolve) => {
        serve = resolve
      }),
  })
  return { clock, sent, own, tell, serves: () => serve() }
}
const [a, b] = [A, B].map((text) => addressKey(ipOf(text)))

t.test('a crash is told at once, a planned move when the new owner answers', async (t) => {
  const { sent, tell, serves } = telling()
  tell({ upsert: [word(A), word(B)], remove: [] }, new Map([[addressKey(ipOf(B)), B]]))
  t.same(sent, [`${a}@2 -0`])
  serves()
  await settle()
  t.same(sent.at(-1), `${b}@2 -0`)
})

t.test('what was said or taken back meanwhile counts', async (t) => {
  const { sent, own, tell, serves } = telling()
  tell({ upsert: [word(A), word(B)], remove: [] }, new Map([A, B].map((name) => [addressKey(ipOf(name)), name])))
  t.same(sent, [])
  own.delete(A)
  own.set(B, word(B, 3))
  serves()
  await settle()
  t.same(sent, [`${b}@3 -0`])
})

t.test('a wire that is not served is not waited for long', async (t) => {
  const { clock, sent, tell, serves } = telling()
  tell({ upsert: [word(A)], remove: [1] }, new Map([[addressKey(ipOf(A)), A]]))
  t.same(sent, [' -1'])
  await clock.advance(200)
  t.same(sent.at(-1), `${a}@2 -0`)
  serves()
  await settle()
  t.equal(sent.length, 2, 'once')
})
