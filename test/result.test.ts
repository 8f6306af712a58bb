import t from 'tap'
import { err, ok } from '../src/result.ts'

t.test('ok', async (t) => {
  t.same(ok(1), { ok: true, value: 1 })
})
t.test('err', async (t) => {
  t.same(err(1), { ok: false, error: 1 })
})
