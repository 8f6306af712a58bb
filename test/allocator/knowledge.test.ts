/** What the allocator knows: what each change of a watch means, and for whom. */
import t from 'tap'
import { homeName, homeOf } from '../../src/allocator/home.ts'
import { SET_ASIDE_MS } from '../../src/allocator/knowledge/set-aside.ts'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import { parseSettings } from '../../src/policy/settings.ts'
import { at, knowledgeOf, node, settingsMap } from '../support/allocator-knowledge.ts'
import { claim, eip, ip, NOW, service } from '../support/allocator-objects.ts'

const released = (address: string, pools: readonly string[], namespaces: readonly string[] = []): string =>
  JSON.stringify({ kind: 'released', address, family: address.includes(':') ? 'IPv6' : 'IPv4', pools, namespaces })
const changed = (name: string): string => JSON.stringify({ kind: 'service-changed', service: `default/${name}` })

t.test('what a change concerns', async (t) => {
  const { sources, knowledge, news, listener } = knowledgeOf()
  sources.eips.set('p', eip('p', '10.0.0.0/30'))
  t.same(news(), ['eip p', '{"kind":"pool-changed","pool":"p"}'])
  sources.eips.set('p', { ...eip('p', '10.0.0.0/30'), status: { ready: true } })
  t.same(news(), ['eip p'], 'a status decides nothing')
  sources.services.set('default/a', service('a'))
  t.same(news(), ['service default/a', '{"kind":"service-changed","service":"default/a"}'])
  sources.claims.set('10.0.0.1', claim('10.0.0.1', 'p', 'a'))
  t.same(news(), ['eip p', 'service default/a'])
  sources.eips.set('p', eip('p', '10.0.0.0/30', { protocol: 'vip', interface: 'eth0' }))
  t.same(news(), ['eip p', 'service default/a', '{"kind":"pool-changed","pool":"p"}'], 'its holders look again')
  const written = at(service('a', { ingress: ['10.0.0.1'] }), '2')
  knowledge.noteService(written)
  t.equal(knowledge.service('default/a'), written)
  sources.services.set('default/a', written)
  t.same(news(), [], 'an echo of our own write')
  sources.claims.set('10.0.0.1', undefined)
  t.same(news(), [
    'eip p',
    '{"kind":"released","address":"10.0.0.1","family":"IPv4","pools":["p"],"namespaces":["default"]}',
    '{"kind":"service-changed","service":"default/a"}',
    'service default/a',
  ])
  sources.services.set('default/a', undefined)
  t.ok(knowledge.sawEnd('uid-a'))
  knowledge.noteService(at(written, '3'))
  t.equal(knowledge.service('default/a'), undefined, 'a late answer does not bring it back')
  news()
  sources.namespaces.set('n', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'n', uid: 'n', resourceVersion: '1', creationTimestamp: NOW },
  })
  t.same(news(), ['{"kind":"namespace-changed","namespace":"n"}'])
  sources.settings.set('x', settingsMap({ adopt: 'class' }))
  sources.settings.set('x', settingsMap({ adopt: 'nonsense' }))
  t.equal(knowledge.settings.adopt, 'class')
  const late: string[] = []
  const deaf = { service: () => undefined, eip: () => undefined, happened: () => undefined, everything: () => undefined }
  knowledge.listen({ ...deaf, badSettings: (message) => late.push(message) })
  t.match(late, [/^adopt is "nonsense"/], 'whoever begins to listen hears it too')
  knowledge.listen(listener)
  sources.settings.set('x', undefined)
  t.match(news(), ['everything', /^adopt is "nonsense"/, /^adopt is "nonsense"/, 'everything'])
  t.equal(knowledge.settings.adopt, 'default-eip')

  const made = claim('10.0.0.2', 'p', 'b')
  knowledge.noteClaim(made)
  t.same(
    knowledge.unconfirmed().holdings.map(({ address }) => address),
    ['10.0.0.2'],
  )
  const holding = knowledge.ledger.byName('10.0.0.2')
  if (holding !== undefined) knowledge.noteClaimGone(holding)
  t.equal(knowledge.ledger.size, 0)
  knowledge.noteEip(at(eip('q', '10.1.0.0/30'), '2'))
  t.ok(knowledge.eip('q'))
  knowledge.noteEipGone('q')
  t.notOk(knowledge.eip('q'))
  knowledge.close()
  t.same(
    Object.values(sources).map(({ listeners }) => listeners.size),
    [0, 0, 0, 0, 0, 0],
  )
})

t.test('addresses of nodes', async (t) => {
  const { sources, knowledge, news } = knowledgeOf()
  const { nodeOf } = knowledge.obstacles
  sources.eips.set('p', eip('p', '10.0.0.0/24'))
  news()
  sources.nodes.set('n1', node('n1', 'InternalIP 10.0.0.1', 'ExternalIP fd00::1', 'Hostname n1', 'InternalIP nonsense'))
  t.same([nodeOf(ip('10.0.0.1')), nodeOf(ip('fd00::1')), nodeOf(ip('10.0.0.2'))], ['n1', 'n1', undefined])
  t.same(news(), ['{"kind":"node-changed","node":"n1"}'])
  sources.nodes.set('n1', at(node('n1', 'InternalIP 10.0.0.1', 'ExternalIP fd00::1'), '2'))
  t.same(news(), [], 'a heartbeat is no news')
  sources.nodes.set('n2', node('n2', 'InternalIP 10.0.0.1'))
  sources.nodes.set('n1', node('n1', 'InternalIP 10.0.0.3'))
  t.same([nodeOf(ip('10.0.0.1')), nodeOf(ip('10.0.0.3'))], ['n2', 'n1'], 'two nodes said so, and one takes it back')
  news()
  sources.nodes.set('n1', undefined)
  t.same(news(), [released('10.0.0.3', ['p']), '{"kind":"node-changed","node":"n1"}'])
  t.equal(nodeOf(ip('10.0.0.3')), undefined)
  knowledge.close()
})

t.test('settings: the flags, and the ConfigMap over them', async (t) => {
  const unset = parseSettings({ adopt: 'annotated', compat: 'metallb' })
  if (!unset.ok) throw new Error('the flags can be read')
  const { sources, knowledge, news } = knowledgeOf({ unset: unset.value })
  sources.eips.set('p', eip('p', '10.0.0.0/30'))
  news()
  t.match(knowledge.settings, { adopt: 'annotated', compat: ['metallb'] })
  sources.settings.set('x', settingsMap({ exclude: '10.0.0.0-10.0.0.1' }))
  t.match(knowledge.settings, { adopt: 'annotated', compat: ['metallb'] })
  t.same(news(), ['everything'])
  const { isExcluded } = knowledge.obstacles
  t.same([isExcluded(ip('10.0.0.1')), isExcluded(ip('10.0.0.2'))], [true, false])
  const state = knowledge.pools.get('p')
  t.equal(state?.kind === 'active' && state.pool.usable.length, 1, 'the pools follow')
  t.equal(state?.kind === 'active' && state.pool.usable[0]?.first, ip('10.0.0.2').value)
  sources.settings.set('x', settingsMap({ exclude: '10.0.0.0/31', note: 'more' }))
  t.same(news(), [], 'the same in other words')
  sources.settings.set('x', settingsMap({ compat: 'kube-vip', exclude: '10.0.0.0/31' }))
  t.same(news(), ['everything'])
  sources.settings.set('x', undefined)
  t.same([knowledge.settings.compat, isExcluded(ip('10.0.0.1'))], [['metallb'], false])
  knowledge.close()
})

t.test('an address that a status shows, without a claim, is free when nobody shows it any more', async (t) => {
  const { sources, knowledge, news } = knowledgeOf()
  sources.eips.set('p', eip('p', '10.0.0.0/30', { addresses: ['fd00::/126'] }))
  sources.services.set('default/a', service('a', { ingress: ['10.0.0.1', 'fd00::1'] }))
  sources.services.set('default/b', service('b', { ingress: ['fd00::1'] }))
  sources.claims.set('10.0.0.0', claim('10.0.0.0', 'p', 'c'))
  sources.services.set('default/c', service('c', { ingress: ['10.0.0.0'] }))
  news()
  sources.services.set('default/a', at(service('a', { ingress: ['10.9.9.9'] }), '2'))
  t.same(news(), [released('10.0.0.1', ['p']), 'service default/a', changed('a')], 'another one shows fd00::1 still')
  knowledge.noteService(at(service('b'), '2'))
  t.same(news(), [released('fd00::1', ['p'])], 'also by a write of our own')
  sources.services.set('default/a', undefined)
  t.same(news(), [released('10.9.9.9', []), 'service default/a', changed('a')])
  sources.services.set('default/c', undefined)
  t.same(news(), ['service default/c', changed('c')], 'what is claimed is not free')
  knowledge.close()
})

t.test('one Service keeps no more than an address of each family from others, whatever its status shows', async (t) => {
  const { sources, knowledge, news } = knowledgeOf()
  sources.eips.set('p', eip('p', '10.0.0.0/24', { addresses: ['fd00::/120'] }))
  const many = Array.from({ length: 256 }, (_, at) => [`10.0.0.${at}`, `fd00::${at.toString(16)}`]).flat()
  sources.services.set('default/greedy', service('greedy', { ingress: many }))
  const kept = many.filter((address) => knowledge.ledger.isShownByAnother(ip(address), 'uid-other'))
  t.same(kept, ['10.0.0.0', 'fd00::0'])
  news()
  sources.services.set('default/greedy', undefined)
  t.same(news().slice(0, 2), [released('10.0.0.0', ['p']), released('fd00::', ['p'])])
  knowledge.close()
})

const sharedBy = (names: readonly string[], version: string, over: Partial<AddressClaimObject['spec']> = {}): AddressClaimObject => {
  const holders = names.map((text, port) => {
    const [namespace = '', name = ''] = text.split('/')
    return { namespace, name, uid: `uid-${name}`, ports: [{ protocol: 'TCP' as const, port: port + 1 }] }
  })
  return at(claim('10.0.0.1', 'p', 'x', { holders, ...over }), version)
}

t.test('holders of a shared address come and go', async (t) => {
  const { sources, knowledge, news } = knowledgeOf()
  sources.eips.set('p', eip('p', '10.0.0.0/30'))
  const set = (of: AddressClaimObject): string[] => {
    news()
    sources.claims.set('10.0.0.1', of)
    return news().filter((line) => line.startsWith('{'))
  }
  const holdersChanged = (...namespaces: readonly string[]): string =>
    JSON.stringify({ kind: 'holders-changed', address: '10.0.0.1', pools: ['p'], namespaces })
  t.same(set(sharedBy(['default/a', 'other/b', 'default/c'], '1')), [])
  t.same(set(sharedBy(['default/a', 'other/b', 'default/c', 'third/d'], '2')), [], 'one more makes nothing free')
  t.same(set(sharedBy(['default/a', 'other/b', 'default/c'], '3')), [
    holdersChanged('third'),
    JSON.stringify({ kind: 'service-changed', service: 'third/d' }),
  ])
  t.same(set(sharedBy(['default/a', 'other/b'], '4')), [holdersChanged(), changed('c')], 'default has another holder')
  t.same(set(sharedBy(['default/a', 'none/x', 'other/b'], '5'))[0], holdersChanged(), 'other ports')
  t.same(set(sharedBy(['default/a', 'none/x', 'other/b'], '6', { interface: 'eth1' })), [])
  t.same(set(sharedBy(['default/a', 'none/x', 'other/b'], '7', { eip: 'q' })), [holdersChanged('default', 'none', 'other')], 'another Eip')
  knowledge.close()
})

t.test('what counts for an Eip: the name in the claim, or the range when that Eip is gone', async (t) => {
  const { sources, knowledge, news } = knowledgeOf()
  const heldIn = (name: string): string[] => [...knowledge.tally(name).lowest(99)].map(({ address }) => address).toSorted()
  sources.eips.set('old', eip('old', '10.0.0.0/30'))
  sources.eips.set('more', eip('more', '10.1.0.0/30', { addresses: ['10.2.0.0/30'] }))
  for (const [address, name] of [
    ['10.0.0.1', 'old'],
    ['10.0.0.2', 'old'],
    ['10.1.0.1', 'more'],
    ['10.2.0.1', 'more'],
    ['10.7.0.1', 'more'],
  ] as const) {
    sources.claims.set(address, claim(address, name, `s${address}`))
  }
  t.same(
    [heldIn('old'), heldIn('more')],
    [
      ['10.0.0.1', '10.0.0.2'],
      ['10.1.0.1', '10.2.0.1', '10.7.0.1'],
    ],
  )
  sources.eips.set('old', undefined)
  sources.eips.set('renamed', eip('renamed', '10.0.0.0-10.0.0.1'))
  t.same([heldIn('old'), heldIn('renamed')], [['10.0.0.2'], ['10.0.0.1']])
  news()
  sources.claims.set('10.0.0.1', at(claim('10.0.0.1', 'renamed', 's10.0.0.1'), '2'))
  t.same([heldIn('old'), heldIn('renamed')], [['10.0.0.2'], ['10.0.0.1']], 'its claim follows')
  sources.claims.set('10.0.0.0', claim('10.0.0.0', 'old', 'late'))
  t.same(heldIn('renamed'), ['10.0.0.0', '10.0.0.1'])
  t.match(news(), ['eip renamed', 'service default/s10.0.0.1'].slice(0, 1))
  sources.claims.set('10.0.0.0', undefined)
  t.match(news().includes(released('10.0.0.0', ['old', 'renamed'], ['default'])), true)
  t.same(heldIn('renamed'), ['10.0.0.1'])
  for (const name of ['old', 'renamed', 'more']) {
    for (const holding of knowledge.tally(name).lowest(99)) t.equal(homeName(homeOf(holding, knowledge.pools)), name)
  }
  knowledge.close()
})

const contested = (of: AddressClaimObject, lastTransitionTime: string, status: 'True' | 'False' = 'True'): AddressClaimObject => ({
  ...of,
  status: { conditions: [{ type: 'AddressConflict', status, reason: 'R', message: 'aa:bb answers', lastTransitionTime }] },
})

t.test('an address that somebody else uses is set aside when its claim goes', async (t) => {
  let nowMs = Date.parse('2026-11-21T00:05:00Z')
  const { sources, knowledge, news } = knowledgeOf({ nowMs: () => nowMs })
  const { setAsideUntil } = knowledge.obstacles
  sources.eips.set('p', eip('p', '10.0.0.0/29'))
  const end = (address: string, seen: string, status?: 'True' | 'False'): void => {
    sources.claims.set(address, contested(claim(address, 'p', 'a'), seen, status))
    t.equal(setAsideUntil(ip(address)), undefined, 'as long as it is held, its holder decides')
    sources.claims.set(address, undefined)
  }
  end('10.0.0.1', NOW)
  end('10.0.0.2', '2026-11-20T23:00:00Z')
  end('10.0.0.3', NOW, 'False')
  end('10.0.0.4', '2027-01-01T00:00:00Z')
  const until = (address: string): string | undefined => setAsideUntil(ip(address))
  t.same(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].map(until), [
    '2026-11-21T00:10:00Z',
    undefined,
    undefined,
    '2026-11-21T00:15:00Z',
  ])
  const pool = knowledge.pools.containing(ip('10.0.0.1'))
  if (pool === undefined) throw new Error('p is there')
  t.same(knowledge.history(pool).setAside, [
    { address: '10.0.0.1', until: '2026-11-21T00:10:00Z', message: 'aa:bb answers' },
    { address: '10.0.0.4', until: '2026-11-21T00:15:00Z', message: 'aa:bb answers' },
  ])
  t.equal(knowledge.setAside.nextMs(), Date.parse('2026-11-21T00:10:00Z'))
  news()
  nowMs = Date.parse('2026-11-21T00:10:00Z')
  knowledge.expireSetAside()
  t.same(news(), ['eip p', released('10.0.0.1', ['p'])])
  t.same([until('10.0.0.1'), knowledge.setAside.size], [undefined, 1])
  knowledge.close()
})

t.test('what an earlier leader wrote down', async (t) => {
  const nowMs = Date.parse('2026-11-21T00:05:00Z')
  const { sources, knowledge } = knowledgeOf({ nowMs: () => nowMs })
  const recent = { order: 'least-recently-released' } as const
  const setAside = [
    { address: '10.0.0.1', until: '2026-11-21T00:06:00Z', message: 'm' },
    { address: '10.0.0.2', until: '2026-11-21T00:04:00Z', message: 'over' },
    { address: '10.0.0.3', until: '2036-11-21T00:04:00Z', message: 'nobody writes that' },
    { address: 'nonsense', until: 'x', message: '' },
  ]
  const list = ['10.0.0.6', '10.0.0.5', '10.0.0.4'].map((address, minute) => ({ address, at: `2026-11-21T00:0${minute}:00Z` }))
  sources.eips.set('p', { ...eip('p', '10.0.0.0/29', recent), status: { setAside, released: list } })
  sources.eips.set('q', { ...eip('q', '10.1.0.0/29'), status: { released: [{ address: '10.1.0.1', at: NOW }] } })
  sources.claims.set('10.0.0.5', claim('10.0.0.5', 'p', 'a'))
  sources.claims.set('10.0.0.7', claim('10.0.0.7', 'p', 'b'))
  sources.claims.set('10.0.0.7', undefined)
  knowledge.recall()
  t.same(
    ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => knowledge.obstacles.setAsideUntil(ip(address))),
    ['2026-11-21T00:06:00Z', undefined, new Date(nowMs + SET_ASIDE_MS).toISOString().replace('.000', '')],
  )
  const { released: of } = knowledge.facts(service('s'), [])
  t.same(of('p'), ['10.0.0.6', '10.0.0.4', '10.0.0.7'].map(ip), 'oldest first; what is held again is no more in it')
  t.same([of('q'), of('none')], [[], []], 'only where the order asks for it')
  sources.claims.set('10.0.0.6', claim('10.0.0.6', 'p', 'c'))
  sources.claims.set('10.0.0.5', undefined)
  t.same(of('p'), ['10.0.0.4', '10.0.0.7', '10.0.0.5'].map(ip))
  const pool = knowledge.pools.containing(ip('10.0.0.1'))
  t.same(pool && knowledge.history(pool).released.map(({ address }) => address), ['10.0.0.4', '10.0.0.7', '10.0.0.5'])
  knowledge.recall()
  t.same(of('p'), ['10.0.0.6', '10.0.0.4', '10.0.0.7', '10.0.0.5'].map(ip).slice(1), 'a second time changes nothing')
  knowledge.close()
})

t.test('the lists are bounded', async (t) => {
  const { sources, knowledge } = knowledgeOf()
  sources.eips.set('p', eip('p', '10.0.0.0/16', { order: 'least-recently-released' }))
  const addresses = Array.from({ length: 300 }, (_, index) => `10.0.${1 + (index >> 8)}.${index & 255}`)
  for (const address of addresses) {
    sources.claims.set(address, contested(claim(address, 'p', 'a'), '1970-01-01T00:00:00Z'))
    sources.claims.set(address, undefined)
  }
  const pool = knowledge.pools.containing(ip('10.0.0.1'))
  const history = pool && knowledge.history(pool)
  t.same(
    history?.released.map(({ address }) => address),
    addresses.slice(-256),
    'the oldest drop out',
  )
  t.equal(history?.setAside.length, 256)
  t.equal(knowledge.setAside.size, 300)
  knowledge.close()
})

t.test('the order of an Eip is kept over its recreation, and forgotten when others come', async (t) => {
  const { sources, knowledge } = knowledgeOf()
  const recent = { order: 'least-recently-released' } as const
  const { released: of } = knowledge.facts(service('s'), [])
  const give = (address: string, name: string): void => {
    sources.claims.set(address, claim(address, name, 'a'))
    sources.claims.set(address, undefined)
  }
  sources.eips.set('p', eip('p', '10.0.0.0/30', recent))
  give('10.0.0.1', 'p')
  sources.eips.set('p', undefined)
  sources.eips.set('p', eip('p', '10.0.0.0/30', recent))
  t.same(of('p'), [ip('10.0.0.1')])
  sources.eips.set('p', undefined)
  sources.eips.set('q', eip('q', '10.1.0.0/30', recent))
  give('10.1.0.1', 'q')
  t.same([of('p'), of('q')], [[], [ip('10.1.0.1')]])
  knowledge.close()
})

t.test('a Service that came and went while the watch was down', async (t) => {
  const { sources, knowledge, news } = knowledgeOf()
  const ghost = at(service('g', { ingress: ['10.0.0.1'] }), '7')
  knowledge.noteService(ghost)
  t.equal(knowledge.service('default/g'), ghost, 'a read past the watch counts')
  t.same(knowledge.unconfirmed().services, [ghost])
  sources.services.set('default/h', service('h'))
  knowledge.noteService(at(service('h'), '9'))
  t.same(knowledge.unconfirmed().services, [ghost], 'the watch is only behind with h')
  news()
  knowledge.noteServiceGone('default/g', 'another uid')
  t.equal(knowledge.service('default/g'), ghost)
  news()
  knowledge.noteServiceGone('default/g', 'uid-g')
  t.same([knowledge.service('default/g'), knowledge.sawEnd('uid-g')], [undefined, true])
  t.same(news(), [released('10.0.0.1', []), 'service default/g', changed('g')])
  t.same(knowledge.unconfirmed().services, [])
  knowledge.close()
})
