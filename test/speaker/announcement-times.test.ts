import t from 'tap'
import { DEFAULT_ANNOUNCEMENT_TIMES, parseAnnouncementTimes } from '../../src/speaker/announcement-times.ts'
import { PAIR_DELAYS_MS } from '../../src/speaker/layer2/gratuitous.ts'

t.test('times, and perhaps for ever', async (t) => {
  t.same(parseAnnouncementTimes(DEFAULT_ANNOUNCEMENT_TIMES), { ok: true, value: { delaysMs: [...PAIR_DELAYS_MS], repeatMs: undefined } })
  t.same(parseAnnouncementTimes('0, 200ms,every 1m'), { ok: true, value: { delaysMs: [0, 200], repeatMs: 60_000 } })
  t.match(parseAnnouncementTimes('0s'), { ok: true, value: { delaysMs: [0] } })
})

t.test('what is none of this is refused', async (t) => {
  const long = Array.from({ length: 17 }, (_, at) => `${at}s`).join()
  for (const text of ['', '1s', '0s,0s', '0s,2s,1s', '0s,x', '0s,61s', '0s,every 1s', 'every 60s', '0s,every 60s,120s', '0s,-1s', long])
    t.match(parseAnnouncementTimes(text), { ok: false, error: `"${text}"` }, text)
})
