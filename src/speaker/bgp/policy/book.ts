/** A policy text (TOML, in the sections of gobgp.conf), read once for all peers of a node. */
import { parse, TomlError, type TomlTable } from 'smol-toml'
import { type Ip, parseIp } from '../../../addr/ip.ts'
import { type Actions, readActions } from './actions.ts'
import { type Condition, readConditions } from './conditions.ts'
import { createFaults, createSection, type Faults, type PolicyFault, quoted, type Section } from './section.ts'
import { type DefinedSets, readDefinedSets, refuseUnread } from './sets.ts'

export interface Statement {
  /** `POLICY/STATEMENT`, for people. */
  readonly name: string
  readonly conditions: readonly Condition[]
  readonly actions: Actions
}

/** A chain of policies, and what becomes of a route that none of them decides. */
export interface Chain {
  readonly statements: readonly Statement[]
  readonly isAcceptedByDefault: boolean
}

export interface PolicyBook {
  readonly import: Chain
  readonly export: Chain
  /** Instead of `export`, for the neighbour of this address. */
  readonly ofNeighbours: readonly { readonly address: Ip; readonly export: Chain }[]
  /** AS numbers that are prepended, each with its place: only our own can be. */
  readonly prepends: readonly { readonly path: string; readonly as: string }[]
}

export interface ReadBook {
  /** Undefined when the text is refused: `faults` says why. */
  readonly book: PolicyBook | undefined
  readonly faults: readonly PolicyFault[]
}

const LONGEST_MESSAGE = 200
const EMPTY: Chain = { statements: [], isAcceptedByDefault: true }

type Policies = ReadonlyMap<string, readonly Statement[]>

function readStatement(policy: string, section: Section, at: number, sets: DefinedSets, faults: Faults): Statement {
  const name = section.text('name') ?? ''
  const statement = {
    name: `${policy}/${name === '' ? at + 1 : name}`,
    conditions: readConditions(section.section('conditions'), sets, faults),
    actions: readActions(section.section('actions'), faults),
  }
  refuseUnread(section, faults)
  return statement
}

function readPolicies(root: Section, sets: DefinedSets, faults: Faults): Policies {
  const policies = new Map<string, readonly Statement[]>()
  for (const section of root.sections('policy-definitions')) {
    const name = section.text('name') ?? ''
    if (name === '') faults.refuse(`${section.path}.name`, 'is missing')
    const statements = section.sections('statements').map((statement, at) => readStatement(name, statement, at, sets, faults))
    refuseUnread(section, faults)
    policies.set(name, [...(policies.get(name) ?? []), ...statements])
  }
  return policies
}

/** `[global.apply-policy.config]`, or that of a neighbour; `direction` is `import` or `export`. */
function readChain(config: Section | undefined, direction: 'import' | 'export', policies: Policies, faults: Faults): Chain {
  if (config === undefined) return EMPTY
  const key = `${direction}-policy-list`
  const names = config.texts(key) ?? []
  const fallback = (config.text(`default-${direction}-policy`) ?? '').toLowerCase()
  if (!['', 'none', 'accept-route', 'reject-route'].includes(fallback)) {
    faults.refuse(`${config.path}.default-${direction}-policy`, `is ${quoted(fallback)}: write accept-route or reject-route`)
  }
  const statements = names.flatMap(
    (name, at) => policies.get(name) ?? faults.refuse(`${config.path}.${key}[${at}]`, `names ${quoted(name)}, which is not defined`) ?? [],
  )
  return { statements, isAcceptedByDefault: fallback !== 'reject-route' }
}

const applyPolicy = (section: Section | undefined): Section | undefined => section?.section('apply-policy')?.section('config')

/** A default of import alone is about routes of peers, and none of those is taken anyway. */
function importChain(chain: Chain, config: Section | undefined, faults: Faults): Chain {
  if (chain.statements.length > 0 || chain.isAcceptedByDefault) return chain
  faults.note(
    `${config?.path ?? ''}.default-import-policy`,
    'has no meaning without an import-policy-list: no route of a peer is installed',
  )
  return EMPTY
}

function readNeighbours(root: Section, policies: Policies, faults: Faults): PolicyBook['ofNeighbours'] {
  return root.sections('neighbors').flatMap((section) => {
    const config = applyPolicy(section)
    const text = section.section('config')?.text('neighbor-address') ?? ''
    const address = parseIp(text)
    if (config === undefined) {
      faults.note(section.path, 'has no meaning: peers are BgpPeers')
      return []
    }
    if (!address.ok) {
      faults.leaveOut(`${section.path}.config.neighbor-address`, `is ${quoted(text)}, so its policies apply to no peer`)
      return []
    }
    const chain = readChain(config, 'export', policies, faults)
    for (const path of config.unread()) faults.note(path, 'has no meaning: routes of a peer are not installed')
    return [{ address: address.value, export: chain }]
  })
}

function parseToml(text: string, faults: Faults): TomlTable | undefined {
  try {
    return parse(text)
  } catch (error) {
    const place = error instanceof TomlError ? `line ${error.line}` : 'the text'
    const [, first = ''] = /^(?:Invalid TOML document: )?([^\n]*)/.exec(error instanceof Error ? error.message : '') ?? []
    return faults.refuse(place, `is no TOML: ${first.slice(0, LONGEST_MESSAGE)}`)
  }
}

const KNOWN_SECTIONS = ['global', 'defined-sets', 'policy-definitions', 'neighbors']

/** Reads a text. Never throws. */
export function readPolicyBook(text: string): ReadBook {
  const faults = createFaults()
  const table = parseToml(text, faults)
  if (table === undefined) return { book: undefined, faults: faults.list }
  const root = createSection('', table, faults)
  const policies = readPolicies(root, readDefinedSets(root, faults), faults)
  const global = root.section('global')
  const config = applyPolicy(global)
  const book = {
    import: importChain(readChain(config, 'import', policies, faults), config, faults),
    export: readChain(config, 'export', policies, faults),
    ofNeighbours: readNeighbours(root, policies, faults),
    prepends: prependsOf(table),
  }
  refuseUnread(config, faults)
  for (const path of [...(global?.unread() ?? []), ...root.unread()]) {
    faults.note(path, KNOWN_SECTIONS.includes(path) ? 'is not read' : 'has no meaning here: BgpConf and BgpPeers say the rest')
  }
  return { book: faults.list.some(({ kind }) => kind === 'refused') ? undefined : book, faults: faults.list }
}

/** The prepended AS numbers of all statements. */
function prependsOf(table: TomlTable): PolicyBook['prepends'] {
  const root = createSection('', table, createFaults())
  return root
    .sections('policy-definitions')
    .flatMap((policy) => policy.sections('statements'))
    .flatMap((statement) => {
      const section = statement.section('actions')?.section('bgp-actions')?.section('set-as-path-prepend')
      const as = section?.text('as') ?? ''
      return section === undefined || as === '' || as === 'last-as' ? [] : [{ path: `${section.path}.as`, as }]
    })
}
