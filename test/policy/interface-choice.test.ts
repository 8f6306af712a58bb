import t from 'tap'
import { formatIp } from '../../src/addr/ip.ts'
import { type InterfaceChoice, interfaceText, parseInterfaceText } from '../../src/policy/interface-choice.ts'

const shown = (choice: InterfaceChoice): string =>
  choice.kind === 'can-reach' ? `reach ${formatIp(choice.to)}` : choice.kind === 'glob' ? `glob ${choice.glob}` : choice.name

const READ: readonly (readonly [string, readonly string[]])[] = [
  ['eth0', ['eth0']],
  ['eth0.100', ['eth0.100']],
  ['br-3f_a@x', ['br-3f_a@x']],
  ['a'.repeat(15), ['a'.repeat(15)]],
  ['can_reach:192.0.2.1', ['reach 192.0.2.1']],
  ['can_reach: 2001:DB8::1', ['reach 2001:db8::1']],
  ['eth*,bond0', ['glob eth*', 'bond0']],
  ['bond0, can_reach:fd00::1,  en?s*', ['bond0', 'reach fd00::1', 'glob en?s*']],
  [`${'a'.repeat(15)}*`, [`glob ${'a'.repeat(15)}*`]],
]

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['', /^an item of the list is empty; write a name/],
  ['eth0,', /^an item of the list is empty/],
  ['eth0,,eth1', /^an item of the list is empty/],
  [' eth0', /^" eth0" cannot be the name of a link/],
  ['eth0 ,eth1', /^"eth0 " cannot be the name of a link/],
  ['..', /cannot be the name of a link/],
  ['eth/0', /cannot be the name of a link/],
  ['eth[01]', /^"eth\[01\]" cannot be the name of a link; write a name such as eth0, a pattern/],
  ['{eth0}', /cannot be the name of a link/],
  ['eth0:1', /cannot be the name of a link/],
  ['a-link-with-a-long-name', /which has at most 15 characters/],
  [`${'?'.repeat(16)}`, /which has at most 15 characters/],
  ['can_reach:', /write can_reach: and one address/],
  ['can_reach:gateway', /write can_reach: and one address/],
  ['can_reach:eth*', /write can_reach: and one address/],
  ['x'.repeat(1_000_000), /^"x{64}\.\.\." cannot be/],
]

t.test('lists, patterns and can_reach', async (t) => {
  for (const [text, want] of READ) {
    const read = parseInterfaceText(text)
    t.same(read.ok ? read.value.map(shown) : read.error, want, text)
  }
  for (const [text, want] of REFUSED) {
    const read = parseInterfaceText(text)
    t.match(read.ok ? 'read' : read.error.problem, want, text.slice(0, 40))
  }
})

t.test('patterns', async (t) => {
  const matches = (glob: string, name: string): boolean => {
    const read = parseInterfaceText(glob)
    const [choice] = read.ok ? read.value : []
    return choice?.kind === 'glob' && choice.matches(name)
  }
  const table: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['*', ['a', 'eth0'], []],
    ['eth*', ['eth', 'eth0', 'eth10.5'], ['et', 'veth0', 'Eth0']],
    ['eth?', ['eth0', 'ethx'], ['eth', 'eth10']],
    ['en?s*', ['enps', 'en1s0f0'], ['ens', 'enp1s0']],
    ['*.100', ['eth0.100', '.100', '.100.100'], ['eth0.1000', 'eth0']],
    ['e*0*', ['e0', 'eth0', 'eth00', 'e10x'], ['eth', 'x0']],
    ['a+b*', ['a+b', 'a+b1'], ['aab']],
    ['e.h*', ['e.h0'], ['eth0']],
  ]
  for (const [glob, yes, no] of table) {
    for (const name of yes) t.equal(matches(glob, name), true, `${glob} ${name}`)
    for (const name of no) t.equal(matches(glob, name), false, `${glob} ${name}`)
  }
  t.equal(matches('*a*a*a*a*a*a*a*a*a*a*a*a*a*b', 'a'.repeat(10_000)), false, 'does not take for ever')
})

t.test('what a claim carries', async (t) => {
  t.equal(interfaceText({}), undefined)
  t.equal(interfaceText({ interface: '', interfaces: [] }), undefined)
  t.equal(interfaceText({ interface: 'eth0' }), 'eth0')
  t.equal(interfaceText({ interfaces: ['bond0', 'eth*'] }), 'bond0,eth*')
  t.equal(interfaceText({ interface: 'can_reach:192.0.2.1', interfaces: ['', 'eth*'] }), 'can_reach:192.0.2.1,eth*', 'interface first')
})
