/** Policies and routes that GoBGP and we are to judge alike. */
import type { GivenRoute, PolicyCase } from './gobgp-judge.ts'

export const ROUTES: readonly GivenRoute[] = [
  { prefix: '10.1.1.1/32', nextHop: '10.0.0.1' },
  { prefix: '10.1.2.0/24', nextHop: '10.0.0.2', med: 7, communities: ['65001:1', '65001:2'] },
  { prefix: '10.1.0.0/16', nextHop: '10.0.0.1', localPref: 200, communities: ['65535:65281'] },
  { prefix: '10.2.0.1/32', nextHop: '10.0.1.1', med: 4_294_967_290, communities: ['65001:100', '65002:100', '65003:7'] },
  { prefix: '10.3.0.1/32', nextHop: '10.0.0.1', large: ['65001:1:1', '65001:2:2'] },
  { prefix: 'fd00:1::1/128', nextHop: 'fd00::1' },
  { prefix: 'fd00:2::1/128', nextHop: 'fd00::2', med: 50, communities: ['65001:1'], large: ['4200000001:0:9'] },
]

export const SETS = `
[[defined-sets.prefix-sets]]
  prefix-set-name = "host"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "10.1.0.0/16"
    masklength-range = "24..32"
[[defined-sets.prefix-sets]]
  prefix-set-name = "exact"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "10.1.0.0/16"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "10.3.0.1/32"
[[defined-sets.prefix-sets]]
  prefix-set-name = "six"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "fd00:1::/32"
    masklength-range = "64..128"
[[defined-sets.neighbor-sets]]
  neighbor-set-name = "us"
  neighbor-info-list = ["127.0.0.1", "10.99.0.0/16"]
[[defined-sets.neighbor-sets]]
  neighbor-set-name = "others"
  neighbor-info-list = ["10.99.0.0/16"]
[[defined-sets.bgp-defined-sets.community-sets]]
  community-set-name = "one"
  community-list = ["65001:1"]
[[defined-sets.bgp-defined-sets.community-sets]]
  community-set-name = "hundreds"
  community-list = ["6500[0-9]:100"]
[[defined-sets.bgp-defined-sets.community-sets]]
  community-set-name = "two"
  community-list = ["65001:1", "65001:2"]
[[defined-sets.bgp-defined-sets.community-sets]]
  community-set-name = "known"
  community-list = ["no-export"]
[[defined-sets.bgp-defined-sets.large-community-sets]]
  large-community-set-name = "large"
  large-community-list = ["65001:[0-9]+:2", "4200000001:0:9"]
[[defined-sets.bgp-defined-sets.ext-community-sets]]
  ext-community-set-name = "targets"
  ext-community-list = ["RT:65001:1", "SoO:65001:[0-9]+"]
[[defined-sets.bgp-defined-sets.as-path-sets]]
  as-path-set-name = "once"
  as-path-list = ["^65001$"]
[[defined-sets.bgp-defined-sets.as-path-sets]]
  as-path-set-name = "twice"
  as-path-list = ["^65001_65001"]
`
const apply = (list: string, rest = ''): string => `
[global.apply-policy.config]
  ${list}
  ${rest}
`
const statement = (name: string, body: string): string => `
[[policy-definitions]]
  name = "${name}"
${body.replaceAll('- ', '[[policy-definitions.statements]]\n').replaceAll('@', 'policy-definitions.statements')}
`
/** One policy whose statements add a MED of 1000, 2000, 4000... where their conditions hold: the sum says which did. */
const probes = (...conditions: readonly string[]): string =>
  conditions
    .map(
      (condition, at) => `
[[policy-definitions]]
  name = "probe${at}"
  [[policy-definitions.statements]]
${condition.replaceAll('@', 'policy-definitions.statements.conditions')}
    [policy-definitions.statements.actions.bgp-actions]
      set-med = "+${1000 * 2 ** at}"
`,
    )
    .join('')
const probeNames = (count: number): string =>
  `export-policy-list = [${Array.from({ length: count }, (_, at) => `"probe${at}"`).join(', ')}]`
const matching = (kind: string, set: string, option: string): string => {
  const under = ['prefix', 'neighbor'].includes(kind) ? '@' : '@.bgp-conditions'
  return `[${under}.match-${kind}-set]\n${kind}-set = "${set}"\nmatch-set-options = "${option}"`
}
const given = (line: string): string => `[@.bgp-conditions]\n${line}`

const setProbes = [
  matching('prefix', 'host', 'any'),
  matching('prefix', 'host', 'invert'),
  matching('prefix', 'exact', 'any'),
  matching('prefix', 'six', 'any'),
  matching('prefix', 'six', 'invert'),
  matching('neighbor', 'us', 'any'),
  matching('neighbor', 'others', 'invert'),
  matching('neighbor', 'others', 'any'),
  matching('community', 'hundreds', 'any'),
  matching('community', 'two', 'all'),
  matching('community', 'two', 'any'),
  matching('community', 'two', 'invert'),
  matching('community', 'known', 'any'),
  matching('large-community', 'large', 'any'),
  matching('large-community', 'large', 'all'),
  matching('large-community', 'large', 'invert'),
]
const valueProbes = [
  matching('as-path', 'once', 'any'),
  matching('as-path', 'once', 'invert'),
  given('next-hop-in-list = ["10.0.0.1", "fd00::/64"]'),
  given('afi-safi-in-list = ["ipv6-unicast"]'),
  given('route-type = "local"'),
  given('route-type = "external"'),
  '[@.bgp-conditions.as-path-length]\noperator = "ge"\nvalue = 1',
  '[@.bgp-conditions.as-path-length]\noperator = "le"\nvalue = 0',
  given('rpki-validation-result = "valid"'),
]
const method = (kind: string, option: string, texts: string): string => `
  [@.actions.bgp-actions.set-${kind}community]
    options = "${option}"
    [@.actions.bgp-actions.set-${kind}community.set-${kind}community-method]
      communities-list = [${texts}]`

const ACTIONS =
  SETS +
  apply('import-policy-list = ["marks"]\nexport-policy-list = ["changes", "last"]') +
  statement(
    'marks',
    `- name = "all"${method('ext-', 'add', '"rt:65001:1", "soo:65001:9", "rt:10.0.0.1:3"')}
- name = "import sees no path"
  [@.conditions.bgp-conditions.as-path-length]
    operator = "eq"
    value = 0
${method('', 'add', '"65001:55"')}
- name = "import sees no neighbour"
  [@.conditions.match-neighbor-set]
    neighbor-set = "others"
    match-set-options = "invert"
${method('', 'add', '"65001:56"')}`,
  ) +
  statement(
    'changes',
    `- name = "add"
  [@.conditions.match-prefix-set]
    prefix-set = "host"
${method('', 'add', '"65001:1", "65001:3", "no-advertise"')}${method('large-', 'add', '"65001:9:9"')}
- name = "remove"
  [@.conditions.bgp-conditions.match-community-set]
    community-set = "hundreds"
${method('', 'remove', '"6500[12]:100"')}${method('ext-', 'remove', '"rt:65001:[0-9]+"')}
- name = "replace"
  [@.conditions.bgp-conditions.match-large-community-set]
    large-community-set = "large"
${method('large-', 'replace', '"65001:7:7"')}${method('', 'replace', '"65001:8"')}${method('ext-', 'replace', '"rt:65001:8"')}
- name = "numbers"
  [@.conditions.bgp-conditions.match-ext-community-set]
    ext-community-set = "targets"
  [@.actions.bgp-actions]
    set-med = "+10"
    set-local-pref = 300
  [@.actions.bgp-actions.set-as-path-prepend]
    as = "last-as"
    repeat-n = 2
- name = "less"
  [@.conditions.bgp-conditions.match-as-path-set]
    as-path-set = "twice"
  [@.actions.bgp-actions]
    set-med = "-12"`,
  ) +
  statement(
    'last',
    `- name = "hop"
  [@.conditions.bgp-conditions]
    afi-safi-in-list = ["ipv4-unicast"]
    next-hop-in-list = ["10.0.0.2"]
  [@.actions.bgp-actions]
    set-next-hop = "10.7.7.7"
    set-med = 5
  [@.actions]
    route-disposition = "accept-route"
- name = "no"
  [@.conditions.match-prefix-set]
    prefix-set = "exact"
  [@.actions]
    route-disposition = "reject-route"
- name = "own"
  [@.actions.bgp-actions.set-as-path-prepend]
    as = "65001"
    repeat-n = 1`,
  )

const DEFAULTS =
  SETS +
  apply('export-policy-list = ["white"]', 'default-export-policy = "reject-route"') +
  statement('white', '- [@.conditions.match-prefix-set]\nprefix-set = "host"\n[@.actions]\nroute-disposition = "accept-route"')
const IMPORTS =
  SETS +
  apply('import-policy-list = ["white"]', 'default-import-policy = "reject-route"') +
  statement('white', '- [@.conditions.match-prefix-set]\nprefix-set = "six"\n[@.actions]\nroute-disposition = "accept-route"')

export const CASES: readonly PolicyCase[] = [
  { name: 'no policy', isExternal: true, policy: '' },
  { name: 'sets, to an external peer', isExternal: true, policy: SETS + apply(probeNames(setProbes.length)) + probes(...setProbes) },
  { name: 'values, to an external peer', isExternal: true, policy: SETS + apply(probeNames(valueProbes.length)) + probes(...valueProbes) },
  { name: 'values, to an internal peer', isExternal: false, policy: SETS + apply(probeNames(valueProbes.length)) + probes(...valueProbes) },
  { name: 'actions, to an external peer', isExternal: true, policy: ACTIONS },
  { name: 'actions, to an internal peer', isExternal: false, policy: ACTIONS.replace('as = "65001"', 'as = "65002"') },
  { name: 'default reject of export', isExternal: true, policy: DEFAULTS },
  { name: 'default reject of import', isExternal: true, policy: IMPORTS },
]
