/** The sockets that BFD packets leave by, of the loopback of this machine. */
import { readdirSync } from 'node:fs'
import t from 'tap'
import { createBfdSenders } from '../../../src/speaker/io/bfd-sender.ts'
import { openLibc } from '../../../src/speaker/io/libc.ts'
import { specOf } from './support/session-pair.ts'

const sockets = (): number => readdirSync('/proc/self/fd').length

t.test('a thread that ends leaves no socket behind, whether its sessions were ended or not', async (t) => {
  const senders = createBfdSenders(openLibc(), Math.random)
  const before = sockets()
  const open = (host: number) => senders.open(specOf(`127.0.0.${host}`, '127.0.0.1'))
  const [first] = [open(2), open(3), open(4)]
  t.same(senders.problems(), [])
  t.equal(sockets(), before + 3)
  first?.close()
  t.equal(sockets(), before + 2)
  senders.close()
  t.equal(sockets(), before)
  senders.mend()
  t.equal(sockets(), before, 'what is closed is not opened again')
})
