/** The announcer's thread on a wire of its own: fence, foreign claims, probes, storms and take-overs, as other hosts see them. */
import { spawnSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { ipToBytes } from '../../../src/addr/ip.ts'
import { parseMac } from '../../../src/addr/mac.ts'
import { addressKey } from '../../../src/speaker/layer2/address-key.ts'
import { announcementFrames } from '../../../src/speaker/layer2/gratuitous.ts'
import { probeFrame } from '../../../src/speaker/layer2/probe.ts'
import { type ArpHost, answering, BROADCAST, startArpHost } from '../support/arp-host.ts'
import { type NdHost, said, startNdHost } from '../support/nd-host.ts'
import { ipOf } from '../support/objects.ts'
import { startResponder } from '../support/responder-host.ts'
import { noWire, startWire } from '../support/wire.ts'

const refused = noWire()
if (refused !== undefined) t.plan(0, refused)
else await all()

function macBytes(text: string): Uint8Array {
  const mac = parseMac(text)
  if (!mac.ok) throw new Error(text)
  return mac.value
}

async function all(): Promise<void> {
  t.setTimeout(120_000)
  const wire = await startWire(3)
  t.teardown(() => wire.close())
  const [asker, owner, other] = wire.hosts
  if (asker === undefined || owner === undefined || other === undefined) throw new Error('three hosts')
  const arp = await startArpHost(asker)
  const nd = await startNdHost(asker, 'fd00:9::1')
  // Its client only sends what it is told to: the frames of a stranger.
  const stranger = await startArpHost(other)
  t.teardown(() => Promise.all([arp.close(), nd.close(), stranger.close()]))
  const strangerMac = macBytes(other.mac)

  const families: readonly {
    readonly family: string
    readonly ip: string
    readonly free: string
    readonly host: string
    ask(ip: string): Promise<readonly unknown[]>
  }[] = [
    { family: 'IPv4', ip: '10.9.0.100', free: '10.9.0.200', host: other.ip, ask: async (ip) => answering(await arp.ask(ip)) },
    { family: 'IPv6', ip: 'fd00:9::100', free: 'fd00:9::200', host: 'fd00:9::3', ask: async (ip) => said(await nd.ask(ip)) },
  ]
  const announcements = (ip: string): number => unasked(arp, nd, ip)

  for (const { family, ip, free, host, ask } of families) {
    await t.test(`${family}: while the fence is closed nothing is said; when it opens what is due is sent`, async (t) => {
      const responder = await startResponder(owner, { flags: ['--fence'] })
      t.teardown(() => responder.close())
      await responder.tell({ announce: [{ ip }] }, 'announced')
      t.same(await ask(ip), [])
      t.equal(announcements(ip), 0)
      const { fenced = 0, requests, responses, heartbeat: before = 0 } = await responder.counts(ip)
      t.ok(fenced >= 1, `${fenced} frames kept back`)
      t.ok((requests ?? 0) >= 1)
      t.equal(responses, 0)
      await delay(500)
      const { heartbeat: after = 0 } = await responder.counts(ip)
      t.ok(after - before < 250, `${after - before} turns in 0.5 s: it waits and does not spin`)
      await responder.tell({ fence: 'open' }, 'fenced')
      await delay(100)
      t.equal(announcements(ip), family === 'IPv4' ? 2 : 1)
      t.same(await ask(ip), [owner.mac])
      await responder.tell({ fence: 'closed' }, 'fenced')
      t.same(await ask(ip), [])
      await responder.tell({ fence: 'open' }, 'fenced')
      t.same(await ask(ip), [owner.mac])
      t.match(await responder.tell({ observe: ip }, 'observed'), { answered: { to: asker.mac } })
    })

    await t.test(`${family}: a process that was paused for longer than its fence says nothing when it goes on`, async (t) => {
      const responder = await startResponder(owner, { flags: ['--fence'] })
      t.teardown(() => responder.close())
      await responder.tell({ announce: [{ ip }] }, 'announced')
      await responder.tell({ lease: 5000 }, 'leased')
      t.same(await ask(ip), [owner.mac])
      await responder.tell({ lease: 300 }, 'leased')
      process.kill(responder.pid, 'SIGSTOP')
      const before = announcements(ip)
      for (let turn = 0; turn < 5; turn++) t.same(await ask(ip), [])
      process.kill(responder.pid, 'SIGCONT')
      await delay(1500) // an announcement was due meanwhile
      t.same(await ask(ip), [])
      t.equal(announcements(ip), before)
      const { fenced = 0 } = await responder.counts(ip)
      t.ok(fenced >= 6, `${fenced} questions kept back`)
      await responder.tell({ fence: 'open' }, 'fenced')
      t.same(await ask(ip), [owner.mac])
    })

    await t.test(`${family}: the owner's own kernel gets no answer from the wire, and its question is nobody's claim`, async (t) => {
      const responder = await startResponder(owner)
      t.teardown(() => responder.close())
      await responder.tell({ announce: [{ ip }] }, 'announced')
      // In a cluster kube-proxy's rules on the node take such a packet before it comes to that.
      spawnSync('nsenter', [...owner.enter.slice(1), 'bash', '-c', `echo > /dev/udp/${ip}/9`])
      await delay(300)
      t.match(owner.configure('neigh', 'show', ip, 'dev', 'eth0'), /INCOMPLETE|FAILED/)
      t.match(await responder.counts(ip), { requests: 0, responses: 0, 'foreign-claim': 0 })
      owner.configure('neigh', 'flush', 'dev', 'eth0')
    })

    await t.test(`${family}: a foreign claim is told, defended once, and there is no war`, async (t) => {
      const responder = await startResponder(owner)
      t.teardown(() => responder.close())
      await responder.tell({ announce: [{ ip }] }, 'announced')
      await delay(2500) // its own announcements are over, but for the last of IPv4
      const before = announcements(ip)
      const claim = announcementFrames(strangerMac, addressKey(ipOf(ip)))
      for (let turn = 0; turn < 20; turn++) {
        for (const frame of claim) await stranger.send(frame)
        await delay(50)
      }
      await delay(300)
      const mine = announcements(ip) - before - 20 * claim.length
      const frames = claim.length
      t.ok(mine >= frames && mine <= 2 * frames, `${mine} frames: one defence, and at most one announcement that was planned`)
      const told = responder.lines.filter(({ foreign }) => foreign === ip)
      t.ok(told.length >= 1 && told.length <= 3, `${told.length} messages`)
      t.match(told[0], { mac: other.mac, count: 1 })
      t.match(await responder.tell({ observe: ip }, 'observed'), { claimedBy: other.mac })
      t.equal((await responder.counts(ip))['foreign-claim'], 20 * frames)
    })

    await t.test(`${family}: two that answer for one address: frames are few`, async (t) => {
      const [one, two] = await Promise.all([startResponder(owner), startResponder(other)])
      t.teardown(() => Promise.all([one.close(), two.close()]))
      const before = announcements(ip)
      await one.tell({ announce: [{ ip }] }, 'announced')
      await delay(200)
      await two.tell({ announce: [{ ip }] }, 'announced')
      await delay(5000)
      const frames = announcements(ip) - before
      // Each: four pairs (or three frames) of its own, one defence at once. The next defences come 10 s after the first.
      t.ok(frames <= 2 * (family === 'IPv4' ? 2 * 5 : 4), `${frames} frames`)
      t.match(await one.tell({ observe: ip }, 'observed'), { claimedBy: other.mac })
      t.match(await two.tell({ observe: ip }, 'observed'), { claimedBy: owner.mac })
    })

    await t.test(`${family}: a probe finds who has the address, and that nobody has it`, async (t) => {
      const responder = await startResponder(owner)
      t.teardown(() => responder.close())
      t.match(await responder.tell({ probe: host }, 'probed'), { takenBy: other.mac })
      const { takenBy, tookMs } = await responder.tell({ probe: free }, 'probed')
      t.equal(takenBy, null)
      t.ok(Number(tookMs) >= 800 && Number(tookMs) < 2500, `${tookMs} ms`)
      t.match(await responder.tell({ health: true }, 'healthy'), { healthy: true })
    })

    await t.test(`${family}: two that probe for one address at once both hold back`, async (t) => {
      const responder = await startResponder(owner)
      t.teardown(() => responder.close())
      const result = responder.tell({ probe: free }, 'probed')
      for (let turn = 0; turn < 10; turn++) {
        await stranger.send(probeFrame(strangerMac, addressKey(ipOf(free))))
        await delay(100)
      }
      t.match(await result, { takenBy: other.mac })
    })
  }

  await t.test('a probe works on an interface without addresses, can be ended, and fails where there is none', async (t) => {
    other.configure('addr', 'flush', 'dev', 'eth0')
    const responder = await startResponder(other)
    t.teardown(() => responder.close())
    t.match(await responder.tell({ probe: asker.ip }, 'probed'), { takenBy: asker.mac })
    t.match(await responder.tell({ probe: '10.9.0.201', abortAfterMs: 100 }, 'probed'), { error: /timeout/i })
    const gone = { index: 999_999, name: 'gone0', mac: strangerMac }
    t.match(await responder.tell({ probe: '10.9.0.201', on: gone }, 'probed'), { error: 'bind: ENODEV' })
    other.configure('addr', 'add', `${other.ip}/16`, 'dev', 'eth0')
    other.configure('addr', 'add', 'fd00:9::3/64', 'dev', 'eth0', 'nodad')
  })
}

/** Frames that say unasked who has an address, whoever sent them. */
function unasked(arp: ArpHost, nd: NdHost, ip: string): number {
  if (ipToBytes(ipOf(ip)).length === 16) return nd.unsolicited(ip).length
  return arp.frames.filter(({ senderIp, targetIp, destination }) => senderIp === ip && targetIp === ip && destination === BROADCAST).length
}
