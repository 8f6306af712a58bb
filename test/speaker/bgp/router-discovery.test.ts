import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { formatIp } from '../../../src/addr/ip.ts'
import { discoveryDueMs, NO_ROUTER, type RouterEvent, type RouterView, stepDiscovery } from '../../../src/speaker/bgp/router-discovery.ts'
import { ipOf } from '../support/objects.ts'

type Moment = readonly [ms: number, event: RouterEvent]
const [ONE, TWO] = ['fe80::1', 'fe80::2']
const by = (router: string, lifetimeSec = 0): RouterEvent => ({ kind: 'advertised', ip: ipOf(router), lifetimeSec })
const TICK: RouterEvent = { kind: 'tick' }
const LINK_UP: RouterEvent = { kind: 'link-up' }
const currentOf = ({ current }: RouterView): string => (current === undefined ? 'none' : formatIp(current.ip))

/** After each event: the router, with a question mark when routers are asked. */
function run(moments: readonly Moment[]): string[] {
  let view = NO_ROUTER
  return moments.map(([ms, event]) => {
    const step = stepDiscovery(view, event, ms)
    view = step.view
    return `${currentOf(view)}${step.solicit ? '?' : ''}`
  })
}

const CASES: readonly { readonly what: string; readonly moments: readonly Moment[]; readonly routers: readonly string[] }[] = [
  {
    what: 'the first that is heard',
    moments: [
      [0, TICK],
      [5, by(ONE)],
      [6, TICK],
    ],
    routers: ['none', ONE, ONE],
  },
  {
    what: 'the link comes up: who is there is asked for',
    moments: [
      [0, LINK_UP],
      [5, by(ONE)],
    ],
    routers: ['none?', ONE],
  },
  {
    what: 'three advertisements did not come',
    moments: [
      [0, by(ONE)],
      [20_000, by(ONE)],
      [79_999, TICK],
      [80_000, TICK],
    ],
    routers: [ONE, ONE, ONE, 'none'],
  },
  {
    what: 'never sooner than 30 s, however often it advertises',
    moments: [
      [0, by(ONE)],
      [1000, by(ONE)],
      [30_999, TICK],
      [31_000, TICK],
    ],
    routers: [ONE, ONE, ONE, 'none'],
  },
  {
    what: 'a lifetime holds longer than missed advertisements',
    moments: [
      [0, by(ONE, 1800)],
      [10_000, by(ONE, 1800)],
      [1_809_999, TICK],
      [1_810_000, TICK],
    ],
    routers: [ONE, ONE, ONE, 'none'],
  },
  {
    what: 'one advertisement: as if the next came in ten minutes',
    moments: [
      [0, by(ONE)],
      [1_799_999, TICK],
      [1_800_000, TICK],
    ],
    routers: [ONE, ONE, 'none'],
  },
  {
    what: 'a second router on the link changes nothing while the first advertises',
    moments: [
      [0, by(ONE)],
      [1, by(TWO)],
      [10_000, by(ONE)],
      [10_001, by(TWO)],
      [20_000, by(ONE)],
      [20_001, by(TWO)],
    ],
    routers: [ONE, ONE, ONE, ONE, ONE, ONE],
  },
  {
    what: 'another router in its place: the first is asked for, and gone when it does not answer',
    moments: [
      [0, by(ONE)],
      [10_000, by(ONE)],
      [26_000, by(TWO)],
      [29_999, TICK],
      [30_000, TICK],
    ],
    routers: [ONE, ONE, `${ONE}?`, ONE, TWO],
  },
  {
    what: 'the first answers, and stays',
    moments: [
      [0, by(ONE)],
      [10_000, by(ONE)],
      [26_000, by(TWO)],
      [26_100, by(ONE)],
      [30_000, TICK],
      [31_000, by(TWO)],
    ],
    routers: [ONE, ONE, `${ONE}?`, ONE, ONE, ONE],
  },
  {
    what: 'the cable is put into another router',
    moments: [
      [0, by(ONE)],
      [10_000, by(ONE)],
      [11_000, LINK_UP],
      [11_100, by(TWO)],
      [14_999, TICK],
      [15_000, TICK],
    ],
    routers: [ONE, ONE, `${ONE}?`, ONE, ONE, TWO],
  },
  {
    what: 'the cable is put back into the same one, which says nothing for a while',
    moments: [
      [0, by(ONE)],
      [10_000, by(ONE)],
      [11_000, LINK_UP],
      [20_000, TICK],
      [20_100, by(ONE)],
    ],
    routers: [ONE, ONE, `${ONE}?`, ONE, ONE],
  },
  {
    what: 'who was forgotten is the first again',
    moments: [
      [0, by(ONE)],
      [1000, by(ONE)],
      [40_000, TICK],
      [50_000, by(TWO)],
      [51_000, by(ONE)],
    ],
    routers: [ONE, ONE, 'none', TWO, TWO],
  },
]

for (const { what, moments, routers } of CASES) t.test(what, async (t) => t.same(run(moments), routers))

t.test('what is due is what a tick does: just before, nothing; then, something', async () => {
  const event = fc.oneof(
    fc.record({
      kind: fc.constant('advertised' as const),
      ip: fc.constantFrom(ipOf(ONE), ipOf(TWO)),
      lifetimeSec: fc.constantFrom(0, 30, 1800),
    }),
    fc.constant(LINK_UP),
    fc.constant(TICK),
  )
  const life = fc.array(fc.tuple(fc.constantFrom(0, 1, 500, 3000, 4000, 10_000, 31_000, 700_000), event), { maxLength: 30 })
  fc.assert(
    fc.property(life, (moments) => {
      let [view, nowMs] = [NO_ROUTER as RouterView, 0]
      for (const [gapMs, event] of moments) {
        nowMs += gapMs
        view = stepDiscovery(view, event, nowMs).view
        const dueMs = discoveryDueMs(view)
        assert.equal(dueMs === undefined, view.current === undefined)
        if (dueMs === undefined) continue
        if (dueMs > nowMs) assert.deepEqual(stepDiscovery(view, TICK, dueMs - 1).view, view)
        assert.notEqual(currentOf(stepDiscovery(view, TICK, dueMs).view), currentOf(view))
      }
    }),
    { numRuns: 500 },
  )
})
