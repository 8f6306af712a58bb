/** What can be said about addresses, chapter by chapter, to a webhook and an allocator on a real API server: docs/features.md names these tests. */
import t from 'tap'
import { startAllocationLab } from '../support/allocation-lab.ts'
import { createChapter } from './features/chapter.ts'
import { compatChapter } from './features/compat.ts'
import { dualStackChapter } from './features/dual-stack.ts'
import { poolsChapter } from './features/pools.ts'
import { requestsChapter } from './features/requests.ts'
import { sharingChapter } from './features/sharing.ts'
import { stickinessChapter } from './features/stickiness.ts'

t.setTimeout(590_000)
const lab = await startAllocationLab()
t.teardown(() => lab.close())
await lab.admission('on')
t.afterEach((t) => {
  if (!t.passing())
    t.comment(
      lab
        .allocator()
        .lines.slice(-30)
        .map((line) => JSON.stringify(line))
        .join('\n'),
    )
})
const chapter = createChapter(t, lab)
poolsChapter(chapter)
requestsChapter(chapter)
sharingChapter(chapter)
dualStackChapter(chapter)
stickinessChapter(chapter)
compatChapter(chapter)

t.test('at the end nobody holds anything, and no address was ever shown by two that do not share it', async (t) => {
  t.same(lab.witness.claims(), [])
  t.same(
    lab.witness.doubles.filter((text) => !/\/(shares|joins)-/.test(text)),
    [],
  )
})
