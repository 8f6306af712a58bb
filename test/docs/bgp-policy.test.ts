import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { parseIp } from '../../src/addr/ip.ts'
import { communitiesOf, parseCommunity, WELL_KNOWN_COMMUNITIES } from '../../src/api/bgp-community.ts'
import { readPolicyBook } from '../../src/speaker/bgp/policy/book.ts'
import { exportPolicyOf } from '../../src/speaker/bgp/policy/export.ts'

const PAGE = readFileSync(new URL('../../docs/bgp-policy.md', import.meta.url), 'utf8')

t.test('the policy of docs/bgp-policy.md does what the page says', async (t) => {
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(PAGE) ?? []
  const text: string = parse(yaml).data['gobgp.conf']
  const { book, faults } = readPolicyBook(text)
  t.same(faults, [])
  if (book === undefined) return
  const ip = (address: string) => {
    const read = parseIp(address)
    if (!read.ok) throw new TypeError(address)
    return read.value
  }
  const judge = (router: string, address: string) => {
    const peer = { address: ip(router), localAs: 65_001, ownAsCount: 1, self: { IPv4: ip('10.0.0.1'), IPv6: undefined } }
    const attributes = { localPref: undefined, med: undefined, ...communitiesOf([]) }
    const prefix = { family: 'IPv4', base: ip(address).value, length: 32 } as const
    return exportPolicyOf(book, text, peer).judge({ prefix, nextHop: ip('10.0.0.1'), attributes, prepend: 0 })
  }
  t.same(judge('198.51.100.1', '192.0.2.130'), { kind: 'reject', statement: 'out/keep-in' })
  t.match(judge('198.51.100.1', '192.0.2.1'), { kind: 'accept' })
  t.match(judge('198.51.100.2', '192.0.2.130'), { kind: 'accept' })
})

t.test('the page has every well-known community, and every form can be read', async (t) => {
  const table = PAGE.slice(PAGE.indexOf('## Communities')).split('\n\nIn Eips')[0] ?? ''
  const texts = table.split('\n').flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, text = '']) => text))
  for (const text of texts.filter((one) => one !== 'soo:')) t.ok(parseCommunity(text).ok, text)
  t.same(
    Object.keys(WELL_KNOWN_COMMUNITIES).filter((name) => !texts.includes(name)),
    [],
  )
})
