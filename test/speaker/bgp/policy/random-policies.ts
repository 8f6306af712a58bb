/** Policies that nobody would write, made from a seed: each condition and each action beside every other. */
import type { Random } from '../../../soak/support/random.ts'
import type { PolicyCase } from './gobgp-judge.ts'
import { SETS } from './vectors.ts'

const CONDITIONS = '[policy-definitions.statements.conditions'
const ACTIONS = '[policy-definitions.statements.actions'

function condition({ pick, below }: Random): string {
  const set = (kind: string, names: readonly string[], options: readonly string[]) => {
    const under = ['prefix', 'neighbor'].includes(kind) ? '' : '.bgp-conditions'
    return `${CONDITIONS}${under}.match-${kind}-set]\n${kind}-set = "${pick(names)}"\nmatch-set-options = "${pick(options)}"`
  }
  const [some, every] = [
    ['any', 'invert'],
    ['any', 'all', 'invert'],
  ]
  return pick([
    () => set('prefix', ['host', 'exact', 'six'], some),
    () => set('neighbor', ['us', 'others'], some),
    () => set('community', ['one', 'hundreds', 'two', 'known'], every),
    () => set('large-community', ['large'], every),
    () => set('ext-community', ['targets'], every),
    () => set('as-path', ['once', 'twice'], every),
    () => `${CONDITIONS}.bgp-conditions.as-path-length]\noperator = "${pick(['eq', 'ge', 'le'])}"\nvalue = ${1 + below(3)}`,
  ])()
}

function action({ pick, below }: Random): string {
  const lists = (kind: string, option: string, texts: string) => {
    const path = `${ACTIONS}.bgp-actions.set-${kind}community`
    return `${path}]\noptions = "${option}"\n${path}.set-${kind}community-method]\ncommunities-list = [${texts}]`
  }
  const give = () => pick(['add', 'replace'])
  return pick([
    () => lists('', give(), pick(['"65001:1"', '"65001:100", "no-export"', '"65003:7", "65001:2"'])),
    () => lists('', 'remove', pick(['"65001:1"', '"6500[0-9]:.*"', '"no-export"', '"1"'])),
    () => lists('large-', give(), pick(['"65001:2:2"', '"1:2:3", "4200000001:0:9"'])),
    () => lists('large-', 'remove', pick(['"65001:[0-9]+:2"', '"^1:"'])),
    () => lists('ext-', give(), pick(['"rt:65001:1"', '"soo:65001:9", "rt:10.0.0.1:3"', '"rt:1.0:7"'])),
    () => lists('ext-', 'remove', pick(['"rt:65001:[0-9]+"', '"soo:.*"', '"rt:10.0.0.1:3"'])),
    () => `${ACTIONS}.bgp-actions.set-as-path-prepend]\nas = "last-as"\nrepeat-n = ${1 + below(3)}`,
  ])()
}

/** No table twice: TOML refuses that. */
const oncePerTable = (tables: readonly string[]): readonly string[] => [
  ...new Map(tables.map((table) => [table.slice(0, table.indexOf(']')), table])).values(),
]
const several = <T>(random: Random, most: number, make: (random: Random) => T): readonly T[] =>
  Array.from({ length: random.below(most + 1) }, () => make(random))

function statement(random: Random): string {
  const { pick } = random
  const numbers = pick([
    '',
    `${ACTIONS}.bgp-actions]\nset-med = "${pick(['5', '+100', '-6'])}"`,
    `${ACTIONS}.bgp-actions]\nset-local-pref = ${pick([50, 300])}\nset-med = 9`,
  ])
  const decision = pick(['', '', '', `${ACTIONS}]\nroute-disposition = "${pick(['accept-route', 'reject-route'])}"`])
  const tables = [...oncePerTable(several(random, 2, condition)), decision, numbers, ...oncePerTable(several(random, 2, action))]
  return ['[[policy-definitions.statements]]', ...tables].join('\n')
}

const policy = (random: Random, name: string): string =>
  `[[policy-definitions]]\nname = "${name}"\n${[statement(random), ...several(random, 3, statement)].join('\n')}\n`

/** Cases of two export policies each, some with an import policy. */
export function randomCases(random: Random, count: number): readonly PolicyCase[] {
  return Array.from({ length: count }, (_, at) => {
    const lists = [random.pick(['', 'import-policy-list = ["i"]']), 'export-policy-list = ["a", "b"]']
    const fallback = `default-export-policy = "${random.pick(['accept-route', 'accept-route', 'reject-route'])}"`
    const policies = ['i', 'a', 'b'].map((name) => policy(random, name))
    return {
      name: `random ${at}`,
      isExternal: random.pick([true, false]),
      policy: [SETS, '[global.apply-policy.config]', ...lists, fallback, ...policies].join('\n'),
    }
  })
}
