import t from 'tap'
import { createAdvertisementInterval } from '../../../../src/speaker/bgp/rib-out/advertisement-interval.ts'
import { createLineTable } from '../../../../src/speaker/bgp/rib-out/line-table.ts'
import { createRibOut } from '../../../../src/speaker/bgp/rib-out/rib-out.ts'
import { AFI, SAFI_UNICAST } from '../../../../src/wire/bgp/iana.ts'
import { type Clock, pull } from './support/pulling.ts'
import { createReceiver } from './support/receiver.ts'
import { attributes, line, peer, SECOND, SELF, terms } from './support/samples.ts'

t.test('held from one announcement to the end of its interval, each for itself', async (t) => {
  const interval = createAdvertisementInterval()
  interval.set(100)
  t.equal(interval.hold('a', 0), false, 'nothing was told')
  interval.told('a', 0)
  interval.told('b', 10)
  interval.told('a', 20)
  t.equal(interval.waitMs(30), undefined, 'nothing is held')
  t.equal(interval.hold('a', 30), true)
  t.equal(interval.waitMs(30), 90)
  t.equal(interval.hold('b', 30), true)
  t.equal(interval.waitMs(30), 80)
  t.same(interval.due(109), [])
  t.same(interval.due(110), ['b'])
  t.equal(interval.isHeld('b'), false)
  interval.drop('a')
  t.equal(interval.waitMs(110), undefined)
  t.same(interval.due(120), [])
  t.equal(interval.hold('a', 120), false)
  interval.told('a', 120)
  interval.hold('a', 121)
  t.same(interval.clear(), ['a'])
  t.equal(interval.hold('a', 122), false)
  interval.set(0)
  interval.told('a', 130)
  t.equal(interval.hold('a', 130), false)
})

const settings = (advertisementMs: number) => peer({ times: { ...peer().times, advertisementMs } })
const request = { afi: AFI.IPv4, safi: SAFI_UNICAST, subtype: 'request' } as const

function open(advertisementMs: number, session = terms({ families: { IPv4: { pathIds: false, extendedNextHop: false } } })) {
  const table = createLineTable()
  const ribOut = createRibOut(settings(advertisementMs), table)
  const receiver = createReceiver(session)
  const clock: Clock = { nowMs: 0 }
  ribOut.established(session, 0)
  return {
    ribOut,
    receiver,
    clock,
    announce: (...all: Parameters<typeof line>[]) => ribOut.changed(table.follow(all.map((args) => line(...args)))),
    pull: () => pull(ribOut, receiver, clock),
    heard: () => receiver.log.splice(0),
  }
}
const TEXT = '198.18.0.1/32'
const med = (value: number) => ({ attributes: attributes({ med: value }) })

t.test('a refresh is whole, though a change of the moment before waits', async (t) => {
  const { announce, pull: take, heard, ribOut, receiver } = open(1000)
  announce([TEXT])
  take()
  announce([TEXT, med(1)])
  take()
  t.same(heard(), [`+${TEXT}`, 'EoR IPv4'])
  t.equal(ribOut.counts().pending, 1)
  ribOut.refresh(request)
  take()
  t.same(heard(), ['BoRR IPv4', `+${TEXT}`, 'EoRR IPv4'])
  t.match(receiver.table.get(TEXT), '"med":1')
  t.same([ribOut.counts().pending, ribOut.waitMs(0)], [0, undefined])
  announce([TEXT, med(1)])
  t.equal(take(), 0, 'once retold it is told')
})

t.test('what changes while its second path waits to be told again is told within the refresh', async (t) => {
  const session = terms({ families: { IPv4: { pathIds: true, extendedNextHop: false } } })
  const { announce, clock, heard, ribOut, receiver, pull: take } = open(1000, session)
  const both = { nextHops: [SELF, SECOND] }
  announce([TEXT, both])
  take()
  clock.nowMs = 5000
  heard()
  ribOut.refresh(request)
  pull(ribOut, receiver, clock, 2)
  t.equal(heard().length, 2, 'BoRR and one of two paths')
  announce([TEXT, { ...both, ...med(1) }])
  take()
  t.equal(receiver.log.at(-1), 'EoRR IPv4')
  t.equal(receiver.table.size, 2, 'no path was forgotten at EoRR')
  for (const words of receiver.table.values()) t.match(words, '"med":1')
})

t.test('another interval counts at once, for what waits too', async (t) => {
  const { announce, pull: take, clock, ribOut, receiver } = open(1000)
  announce([TEXT])
  take()
  announce([TEXT, med(1)])
  t.equal(take(), 0)
  t.equal(ribOut.waitMs(0), 1000)
  ribOut.configure(settings(0))
  t.equal(take(), 1)
  t.match(receiver.table.get(TEXT), '"med":1')
  ribOut.configure(settings(1000))
  announce([TEXT, med(2)])
  t.equal(take(), 1, 'nothing was remembered while there was none')
  announce([TEXT, med(3)])
  t.equal(take(), 0)
  clock.nowMs = 1000
  t.equal(take(), 1)
})

t.test('withdrawn and back within the interval: gone at once, back when it is over', async (t) => {
  const { announce, pull: take, clock, heard, ribOut } = open(1000)
  announce([TEXT])
  take()
  heard()
  announce()
  take()
  announce([TEXT])
  take()
  t.same(heard(), [`-${TEXT}`])
  t.equal(ribOut.waitMs(400), 600)
  clock.nowMs = 1000
  take()
  t.same(heard(), [`+${TEXT}`])
})
