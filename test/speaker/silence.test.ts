import { readFileSync } from 'node:fs'
import t from 'tap'
import { conditionReason, explainSilence, type Silence } from '../../src/speaker/silence.ts'

/** The compiler asks for a new member here; the test then asks for its line in the documentation. */
const ALL: Readonly<Record<Silence, true>> = {
  'owned-elsewhere': true,
  'owner-unheard': true,
  'first-choice-first': true,
  leaving: true,
  'facts-incomplete': true,
  'membership-unsettled': true,
  'no-quorum': true,
  challenged: true,
  'node-unknown': true,
  'node-deleting': true,
  'node-excluded': true,
  'node-out-of-service': true,
  'node-cordoned': true,
  'node-not-selected': true,
  'node-not-ready': true,
  'network-unavailable': true,
  'no-speaker': true,
  'speaker-leaving': true,
  'speaker-silent': true,
  'speaker-not-serving': true,
  'speaker-not-ready': true,
  'no-ready-endpoint': true,
  'protocol-not-served': true,
  'other-protocol': true,
  'layer2-off': true,
  'bad-claim': true,
  'bad-interface': true,
  'interface-missing': true,
  'interface-down': true,
  'interface-loopback': true,
  'interface-without-arp': true,
  'interface-is-port': true,
  'interface-without-ipv6': true,
  'subnet-missing': true,
  'no-raw-socket': true,
  'no-route': true,
  'address-is-local': true,
}

const page = readFileSync(new URL('../../docs/layer2.md', import.meta.url), 'utf8')
const section = /## Reasons\n([\s\S]*?)\n## /.exec(page)?.[1] ?? ''
const documented = [...section.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, cell = '']) =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code),
)

t.test('docs/layer2.md lists every reason, and no other', async (t) => {
  t.same([...documented].sort(), Object.keys(ALL).sort())
})

t.test('every reason has a sentence part and a CamelCase name', async (t) => {
  for (const reason of Object.keys(ALL) as Silence[]) {
    t.match(conditionReason(reason), /^([A-Z][a-z0-9]*)+$/)
    t.match(explainSilence(reason), /^[^A-Z].*[^.]$/, reason)
  }
})
