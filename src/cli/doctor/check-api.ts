/** The API server, our kinds in it, and what the user may do there. */
import type { Kind } from '../../api/define-kind.ts'
import { KINDS } from '../../api/kinds.ts'
import { resourceName } from '../../kube/resources.ts'
import type { Reading } from '../cluster-reader.ts'
import { explainTrouble, shortTrouble } from '../trouble.ts'
import type { CustomResourceDefinitionObject } from '../workload-objects.ts'
import type { DoctorFacts, Right } from './facts.ts'
import { type Finding, fail, fine, orFine, someOf, warn } from './finding.ts'

/** Admission `matchConditions` are stable from here on. */
const OLDEST_MINOR = 30
const INSTALL = 'kubectl apply -f deploy/openelb.yaml'

export function checkVersion({ version }: Pick<DoctorFacts, 'version'>): readonly Finding[] {
  if (!version.ok) return [fail('api server', explainTrouble(version.error))]
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(version.value) ?? []
  if (Number(major) === 1 && Number(minor) < OLDEST_MINOR) {
    return [fail('api server', `it is ${version.value}`, `OpenELB needs v1.${OLDEST_MINOR} or newer (admission matchConditions)`)]
  }
  return [fine('api server', version.value)]
}

export function checkDefinitions({ definitions }: Pick<DoctorFacts, 'definitions'>): readonly Finding[] {
  const findings = KINDS.flatMap((kind) => checkDefinition(kind, definitions.get(kind.crdName)))
  return orFine(findings, 'kinds', `${KINDS.map(({ kind }) => kind).join(', ')} are installed, in this version`)
}

function checkDefinition(kind: Kind, read: Reading<CustomResourceDefinitionObject | undefined> | undefined): readonly Finding[] {
  if (read === undefined) return []
  if (!read.ok) return [warn('kinds', `${kind.crdName}: ${shortTrouble(read.error)}`)]
  if (read.value === undefined) return [fail('kinds', `${kind.crdName} is not installed`, INSTALL)]
  const { spec, status } = read.value
  const established = status?.conditions?.some((condition) => condition.type === 'Established' && condition.status === 'True')
  if (established !== true) return [fail('kinds', `${kind.crdName} is not established: the API server does not serve it`, INSTALL)]
  const stored = spec.versions.find(({ name }) => name === kind.version)
  if (stored === undefined || !stored.served || !stored.storage) {
    return [fail('kinds', `${kind.crdName} does not serve and store ${kind.version}`, INSTALL)]
  }
  return compareFields(kind, fieldPaths(stored.schema?.openAPIV3Schema))
}

/** The CRD of this program, as far as it matters here. */
interface OwnDefinition {
  readonly spec: { readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: unknown } }[] }
}

function compareFields(kind: Kind, installed: ReadonlySet<string>): readonly Finding[] {
  const own = kind.crd() as OwnDefinition
  const expected = fieldPaths(own.spec.versions.find(({ name }) => name === kind.version)?.schema.openAPIV3Schema)
  const missing = [...expected].filter((path) => !installed.has(path))
  const unknown = [...installed].filter((path) => !expected.has(path))
  if (missing.length > 0) {
    return [fail('kinds', `${kind.crdName} is of an older version: it lacks ${someOf(missing)}`, `${INSTALL}, of this version`)]
  }
  if (unknown.length > 0) {
    return [
      warn(
        'kinds',
        `${kind.crdName} is of a newer version than this program: it has ${someOf(unknown)}`,
        'use the program of that version',
      ),
    ]
  }
  return []
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, unknown>>
  readonly items?: unknown
  readonly additionalProperties?: unknown
}

/** Every field of a schema as a dotted path, `[]` for the entries of a list; `metadata` and what is in it left out. */
export function fieldPaths(schema: unknown): ReadonlySet<string> {
  const paths = new Set<string>()
  const walk = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return
    const { properties = {}, items, additionalProperties } = node as SchemaNode
    for (const [name, child] of Object.entries(properties)) {
      const at = path === '' ? name : `${path}.${name}`
      if (at === 'metadata') continue
      paths.add(at)
      walk(child, at)
    }
    walk(items, `${path}[]`)
    walk(additionalProperties, `${path}.*`)
  }
  walk(schema, '')
  return paths
}

/** What the user may not do, and which commands will then say less. */
export function checkRights({ rights }: Pick<DoctorFacts, 'rights'>): readonly Finding[] {
  const findings = rights.flatMap(missingRight)
  return orFine(findings, 'your rights', 'you may do all that these commands need')
}

function missingRight({ question, purpose, allowed }: Right): readonly Finding[] {
  const { verb, resource, subresource, namespace, name } = question
  const part = subresource === undefined ? '' : `/${subresource}`
  const what = `${verb} ${resourceName(resource)}${part}${name === undefined ? '' : ` ${name}`}${namespace === undefined ? '' : ` in ${namespace}`}`
  if (!allowed.ok) return [warn('your rights', `whether you may ${what} cannot be asked: ${shortTrouble(allowed.error)}`)]
  if (allowed.value !== false) return []
  return [
    warn(
      'your rights',
      `you may not ${what}, which ${purpose} need${purpose.includes(',') ? '' : 's'}`,
      'ask an administrator: docs/cli.md has a ClusterRole',
    ),
  ]
}
