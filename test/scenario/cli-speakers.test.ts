/** What people do with running speakers by the command line: look, explain, move, diagnose. Three nodes, a real API server, real wire. */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { type CommandResult, run } from '../../lab/command.ts'
import { parseMac } from '../../src/addr/mac.ts'
import { MOVE } from '../../src/api/claim-annotations.ts'
import { conflictOf } from '../../src/api/condition.ts'
import { readReport } from '../../src/cli/speakers/report-schema.ts'
import { createObject, deleteObject, patchObject } from '../../src/kube/objects.ts'
import { EIPS, NODES as NODE_OBJECTS, PODS } from '../../src/kube/resources.ts'
import { serializeArp } from '../../src/wire/arp.ts'
import { ETHER_TYPE, serializeEthernet } from '../../src/wire/ethernet.ts'
import { buildWorld, OWN } from '../speaker/support/layer2-world.ts'
import { type SpeakerProcess, startSpeaker } from '../speaker/support/speaker-process.ts'
import { until } from '../support/until.ts'

const BIN = fileURLToPath(new URL('../../bin', import.meta.url))
const NODES = ['n1', 'n2', 'n3']
const V4 = '10.251.0.240'
const V6 = 'fd00:251::240'
const MORE = ['10.251.0.241', '10.251.0.242', 'fd00:251::241']
const CLAIMED = '10.251.0.242'
const ALL = [V4, V6, ...MORE]
/** A machine that is far too busy. */
const TIMEOUT_MS = 60_000

t.setTimeout(420_000)
const world = await buildWorld()
const { cluster, client, macs, api } = world
const speakers = new Map<string, SpeakerProcess>()
t.teardown(async () => {
  for (const speaker of speakers.values()) await speaker.stop('SIGKILL')
  await world.close()
})
const start = async (node: string, env: Readonly<Record<string, string>> = {}) =>
  void speakers.set(node, await startSpeaker(cluster.node(node), world.kubeconfig, ['--enable-layer2'], env))
const speakerOn = (node: string): SpeakerProcess => {
  const speaker = speakers.get(node)
  if (speaker === undefined) throw new Error(`no speaker on ${node}`)
  return speaker
}
const openelb = (words: string): Promise<CommandResult> =>
  run([`${BIN}/openelb`, ...words.split(' ')], { env: { KUBECONFIG: cluster.kubeconfig, NO_COLOR: '1' }, timeoutMs: TIMEOUT_MS })
const ownerOf = async (address: string): Promise<string> => (await world.read(address)).status?.owner?.node ?? ''
const others = (node: string): readonly string[] => NODES.filter((each) => each !== node)
const macOf = (node: string): string => macs.get(node) ?? ''
const lines = (text: string, check: string): readonly string[] =>
  text.split('\n').filter((line) => new RegExp(`^\\w+ +${check} `).test(line))

await t.test('three speakers own five addresses, and each reports', async (t) => {
  // Found at the first look, when the speaker starts.
  await cluster.node('n3').exec(['sysctl', '-qw', 'net.ipv4.conf.eth0.proxy_arp=1'])
  for (const node of NODES) await cluster.node(node).exec(['sysctl', '-qw', 'net.ipv4.conf.eth0.rp_filter=0'])
  await Promise.all(NODES.map((node) => start(node)))
  const spec = { address: '10.251.0.240-10.251.0.249', protocol: 'layer2', interface: 'eth0' }
  await createObject(api, EIPS, { metadata: { name: 'pool' }, spec })
  for (const address of ALL) await world.claim(address)
  for (const address of ALL) await world.until('somebody owns it', address, ({ status }) => status?.owner !== undefined)
  let answered = 0
  for (const node of NODES) {
    const { status, text } = await speakerOn(node).page('/report')
    const report = readReport(JSON.parse(text))
    t.match(report, { node, membership: { settled: true, quorum: 'majority' } }, `${status}`)
    t.same(
      report?.membership?.members.map((member) => [member.node, member.alive, member.serving]),
      NODES.map((each) => [each, true, true]),
    )
    answered += report?.addresses.length ?? 0
  }
  t.equal(answered, ALL.length, 'each address once')
  t.match((await speakerOn('n3').page('/metrics')).text, 'openelb_preflight_problem{check="proxy-arp",severity="error"} 1')
})

await t.test('status has a line for each node', async (t) => {
  const { stdout } = await openelb('status')
  const table = /Layer 2\n[^\n]*\n((?:n\d .*\n)+)/.exec(stdout)?.[1]?.trimEnd().split('\n') ?? []
  t.equal(table.length, 3, stdout)
  for (const [at, line] of table.entries()) t.match(line, new RegExp(`^n${at + 1} +(\\d) +\\1 +2/2 +majority +[01]( |$)`))
  t.match(table[2], /proxy_arp is on for eth0/)
})

await t.test('explain tells the last answer, who is next, and who hears whom', async (t) => {
  const owner = await ownerOf(V4)
  await client.answeredBy(V4, macOf(owner))
  // The report is made anew four times a second at most.
  await until('the answer is in the report', async () => (await openelb(`explain address ${V4}`)).stdout.includes(client.mac))
  const { stdout } = await openelb(`explain address ${V4}`)
  t.comment(stdout)
  t.match(stdout, new RegExp(`^On the wire: ${owner} answers with ${macOf(owner)} on eth0, announced \\d+m?\\d*s ago$`, 'm'))
  t.match(stdout, new RegExp(`the last answer went to ${client.mac} \\d+s ago; \\d+ of \\d+ questions answered$`, 'm'))
  t.match(stdout, new RegExp(`^Nodes: +\\+ ${owner} owns it\\n +\\+ n\\d is the next in the queue, then n\\d$`, 'm'))
  t.match(stdout, /^Members: +n1 hears 3 of 3 speakers, itself included: a majority$/m)
})

await t.test('doctor: kernels, who hears whom, who answers for what', async (t) => {
  const well = (await openelb('doctor')).stdout
  t.match(lines(well, 'speakers'), [/^OK +speakers +3 reports read$/])
  t.match(lines(well, 'nodes'), [/^FAIL +nodes +n3: proxy_arp is on for eth0: /], 'n3 alone')
  t.match(well, /-> sysctl -w net\.ipv4\.conf\.eth0\.proxy_arp=0/)
  t.match(lines(well, 'membership'), [/^OK +membership +3 speakers hear one another$/])
  t.match(lines(well, 'owners'), [new RegExp(`^OK +owners +${ALL.length} answered, each by the node that is recorded$`)])
})

await t.test('doctor: another host claims an address', async (t) => {
  const stranger = '02:00:5e:00:00:99'
  const bytes = (text: string): Uint8Array => {
    const mac = parseMac(text)
    if (!mac.ok) throw new TypeError(text)
    return mac.value
  }
  const ip = Uint8Array.from(CLAIMED.split('.').map(Number))
  const arp = serializeArp({ operation: 'request', senderMac: bytes(stranger), senderIp: ip, targetMac: new Uint8Array(6), targetIp: ip })
  const broadcast = bytes('ff:ff:ff:ff:ff:ff')
  await client.send(serializeEthernet({ destination: broadcast, source: bytes(stranger), etherType: ETHER_TYPE.arp, payload: arp }))
  const owner = await ownerOf(CLAIMED)
  await until('it is in the report', async () => (await speakerOn(owner).page('/report')).text.includes(stranger))
  const told = (await openelb('doctor')).stdout
  t.match(lines(told, 'owners'), [
    new RegExp(`^WARN +owners +${stranger} said that it has ${CLAIMED}, once, last \\d+s ago; seen by ${owner}$`),
  ])
  t.match((await openelb(`explain address ${CLAIMED}`)).stdout, new RegExp(`${stranger} said that it has the address, once, last`))
})

await t.test('an address is moved by hand, in both families, and the wire follows', async (t) => {
  for (const address of [V4, V6]) {
    const from = await ownerOf(address)
    const [to = ''] = others(from)
    const epoch = (await world.read(address)).status?.owner?.epoch ?? 0
    const { code, stdout, stderr } = await openelb(`move ${address} --to ${to} -o json`)
    t.equal(code, 0, stderr)
    const [line] = (JSON.parse(stdout) as { items: { tookMs: number }[] }).items
    t.match(line, { address, before: from, after: to, epochBefore: epoch, epochAfter: epoch + 1, result: 'moved' })
    t.comment(`moved ${address} from ${from} to ${to} in ${line?.tookMs} ms`)
    const claim = await world.read(address)
    t.equal(claim.metadata.annotations?.[MOVE], undefined, 'the wish is taken away')
    t.match(claim.status?.history?.at(-1), { node: from, reason: /^Moved: / })
    if (address === V4) {
      await client.answeredBy(V4, macOf(to))
      t.ok(
        client.gratuitous(V4).some(({ senderMac }) => senderMac === macOf(to)),
        'it was announced',
      )
    }
  }
  const from = await ownerOf(V4)
  const [, to = ''] = others(from)
  const told = await openelb(`move ${V4} --to ${to}`)
  t.comment(told.stderr + told.stdout)
  t.match(told, {
    code: 0,
    stderr: `asking ${to} to take ${V4} from ${from}\n`,
    stdout: new RegExp(`${V4} .* ${from} +${to} +\\d+ -> \\d+ +\\d+ ms +moved\n`),
  })
})

await t.test('a move is no conflict: the former owner does not insist', async (t) => {
  for (const address of [V4, V6]) {
    const claim = await world.read(address)
    t.equal(conflictOf(claim), undefined, address)
    const owner = claim.status?.owner?.node ?? ''
    const line = readReport(JSON.parse((await speakerOn(owner).page('/report')).text))?.addresses.find((each) => each.address === address)
    t.equal(line?.foreignClaims, undefined, `${owner} heard nobody else claim ${address}`)
  }
  const told = client.gratuitous(V4).map(({ senderMac }) => senderMac)
  t.equal(told.at(-1), macOf(await ownerOf(V4)), 'the last word is that of the owner')
})

await t.test('what may not move is refused, and nothing is written', async (t) => {
  const owner = await ownerOf(V4)
  const [idle = ''] = others(owner)
  const before = (await world.read(V4)).metadata.resourceVersion
  t.match(await openelb(`move ${V4} --to ${owner}`), { code: 1, stderr: `openelb: ${owner} owns ${V4} already\n` })
  t.match(await openelb(`move ${V4} --to n9`), { code: 1, stderr: /^openelb: there is no node n9; did you mean n\d\?\n$/ })
  t.match(await openelb(`move 10.251.0.99 --to ${idle}`), { code: 1, stderr: 'openelb: nobody holds 10.251.0.99\n' })
  const excluded = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' }
  await patchObject(api, NODE_OBJECTS, { name: idle }, { metadata: { labels: excluded } }, { type: 'merge' })
  t.match(await openelb(`move ${V4} --to ${idle}`), {
    code: 1,
    stderr: new RegExp(`^openelb: ${idle} may not own ${V4}: the node carries the label `),
  })
  const none = Object.fromEntries(Object.keys(excluded).map((key) => [key, null]))
  await patchObject(api, NODE_OBJECTS, { name: idle }, { metadata: { labels: none } }, { type: 'merge' })
  const { metadata, status } = await world.read(V4)
  t.same([metadata.resourceVersion, status?.owner?.node], [before, owner])
})

await t.test('all that a node has goes to the others, before it is drained', async (t) => {
  const from = await ownerOf(V4)
  await openelb(`move ${V6} --to ${from}`)
  const { code, stdout } = await openelb(`move --all --from ${from}`)
  t.equal(code, 0, stdout)
  t.match(stdout, V4)
  t.match(stdout, V6)
  for (const address of ALL) t.not(await ownerOf(address), from, address)
  t.match(await openelb(`move --all --from ${from}`), { code: 0, stdout: '', stderr: `${from} owns no address.\n` })
})

await t.test('a speaker that is gone: the move to it is refused, and doctor says who does not hear it', async (t) => {
  await speakerOn('n3').stop('SIGKILL')
  for (const address of ALL)
    await world.until('a living node owns it', address, ({ status }) => status?.owner !== undefined && status.owner.node !== 'n3')
  t.match(await openelb(`move ${V4} --to n3`), {
    code: 1,
    stderr: `openelb: n3 may not own ${V4}: the speaker on the node is not heard by the other speakers\n`,
  })
  const told = (await openelb('doctor')).stdout
  t.match(lines(told, 'speakers'), [/^WARN +speakers +n3: its speaker cannot be asked through the API server/])
  t.match(lines(told, 'membership'), [/^WARN +membership +n3 is not heard by n1, n2, and does not answer here either$/])
  t.match((await openelb(`explain address ${V4}`)).stdout, /^ +n3 is not heard \((ended|silent), for \d+m?\d*s\)$/m)
})

await t.test('doctor: a speaker with another key, and one without', async (t) => {
  await start('n3', { MEMBER_LIST_SECRET: 'the key of another cluster' })
  await until('n3 has given up to wait for the others', async () => {
    const report = readReport(JSON.parse((await speakerOn('n3').page('/report')).text))
    return report?.membership?.members.every(({ node, fault }) => node === 'n3' || fault === 'never-heard')
  })
  const apart = (await openelb('doctor')).stdout
  const membership = lines(apart, 'membership').join('\n')
  t.match(membership, /^FAIL +membership +n3 hears 1 of 3 speakers, itself included: no majority, so it takes nothing over$/m)
  t.match(membership, /^FAIL +membership +n3 runs, and (is not|has never been) heard by n1, n2$/m)
  t.match(membership, /^FAIL +membership +n1 runs, and has never been heard by n3$/m)
  t.match(apart, /-> port 7946 \(UDP and TCP\) must be open between the nodes, and Secret memberlist the same for all/)

  await speakerOn('n3').stop('SIGTERM')
  await start('n3', { MEMBER_LIST_SECRET: '' })
  const without = lines((await openelb('doctor')).stdout, 'membership').join('\n')
  t.match(without, /^FAIL +membership +n3: the speaker has no key, and the others have one$/m)
  t.match((await openelb('status')).stdout, /^n3 +\d +\d +0\/2 +off /m)
  await deleteObject(api, PODS, { namespace: OWN, name: 'openelb-speaker-n3' })
})
