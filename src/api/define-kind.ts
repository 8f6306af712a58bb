import { z } from 'zod'
import { err, ok, type Result } from '../result.ts'
import type { KubernetesObject } from './core-objects.ts'

/** What is wrong with one field. `path` is written as kubectl does: `spec.holders[0].name`. */
export interface Issue {
  readonly path: string
  readonly message: string
}

/** A rule in CEL that the API server checks itself, with or without our webhook. */
export interface CelRule {
  readonly rule: string
  readonly message: string
  readonly fieldPath?: string
  readonly reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired' | 'FieldValueDuplicate'
}

/** One column of `kubectl get`; kubectl prints the name in capitals. `priority` 1 shows it only with `-o wide`. */
export interface PrinterColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date' | 'boolean'
  readonly jsonPath: string
  readonly description?: string
  readonly priority?: number
}

/** A served version that is not stored. `legacySpec` adds fields that only this version knows. */
export interface DeprecatedVersion {
  readonly name: string
  readonly warning: string
  readonly legacySpec?: z.ZodRawShape
}

export interface KindDefinition<Spec extends z.ZodObject, Status extends z.ZodObject> {
  readonly group: string
  /** The version that is served and stored. */
  readonly version: string
  readonly deprecatedVersions?: readonly DeprecatedVersion[]
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly scope: 'Cluster' | 'Namespaced'
  readonly categories?: readonly string[]
  readonly shortNames?: readonly string[]
  readonly description: string
  readonly spec: Spec
  readonly status: Status
  readonly printerColumns?: readonly PrinterColumn[]
  /** Rules over the whole object; they may also read metadata.name. */
  readonly rules?: readonly CelRule[]
}

/** JSON as parsed is never changed in place, so every type that a schema gives is read-only all the way down. */
export type DeepReadonly<T> = T extends (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T

/** The read-only type of the values that a schema accepts. */
export type TypeOf<Schema extends z.ZodType> = DeepReadonly<z.output<Schema>>

/** One kind of ours: names, parser and CustomResourceDefinition, all from the same schema. */
export interface Kind<Spec = unknown, Status = unknown> {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly scope: 'Cluster' | 'Namespaced'
  /** `group/version`, as it stands in manifests. */
  readonly apiVersion: string
  /** The name of the CustomResourceDefinition. */
  readonly crdName: string
  /** Reads a `spec` of any origin; unknown fields are dropped, as the API server does. Never throws. */
  parseSpec(value: unknown): Result<Spec, readonly Issue[]>
  /** Reads a `status` of any origin, like parseSpec. */
  parseStatus(value: unknown): Result<Status, readonly Issue[]>
  /** The CustomResourceDefinition, ready for `kubectl apply`. */
  crd(): object
}

/** The shape of an object of a kind as the API server gives it. */
export type ObjectOf<Spec, Status> = KubernetesObject & { readonly spec: Spec; readonly status?: Status }

/** Keywords of JSON Schema that a structural schema may not contain. */
const NOT_STRUCTURAL = /"(\$ref|\$schema|anyOf|oneOf|allOf|not|const|propertyNames)":|"additionalProperties":false/

/**
 * The OpenAPI v3.0 schema of a zod object in the structural form that a CustomResourceDefinition needs.
 * Throws TypeError if it is not structural, which is a bug in the schema and found by the tests.
 */
export function structuralSchema(schema: z.ZodType): Record<string, unknown> {
  const openApi = z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', override: ({ jsonSchema }) => allowUnknown(jsonSchema) })
  const [bad] = NOT_STRUCTURAL.exec(JSON.stringify(openApi)) ?? []
  if (bad !== undefined) throw new TypeError(`the API server refuses ${bad} in a structural schema`)
  return openApi
}

/** A loose object says `additionalProperties: {}`, which the API server refuses beside `properties`; its own keyword is in the metadata. */
function allowUnknown(schema: Record<string, unknown>): void {
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) delete schema['additionalProperties']
}

/** Makes a kind from its definition. The definition is data; all work is done in `crd()` and the parsers. */
export function defineKind<Spec extends z.ZodObject, Status extends z.ZodObject>(
  definition: KindDefinition<Spec, Status>,
): Kind<TypeOf<Spec>, TypeOf<Status>> {
  const { group, version, kind, plural, scope } = definition
  return {
    group,
    version,
    kind,
    plural,
    scope,
    apiVersion: `${group}/${version}`,
    crdName: `${plural}.${group}`,
    parseSpec: (value) => parse(definition.spec, value, 'spec') as Result<TypeOf<Spec>, readonly Issue[]>,
    parseStatus: (value) => parse(definition.status, value, 'status') as Result<TypeOf<Status>, readonly Issue[]>,
    crd: () => customResourceDefinition(definition),
  }
}

function parse(schema: z.ZodObject, value: unknown, root: string): Result<unknown, readonly Issue[]> {
  const result = schema.safeParse(value)
  if (result.success) return ok(result.data)
  return err(result.error.issues.map(({ path, message }) => ({ path: fieldPath(root, path), message })))
}

const fieldPath = (root: string, path: readonly PropertyKey[]): string =>
  root + path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')

function customResourceDefinition(definition: KindDefinition<z.ZodObject, z.ZodObject>): object {
  const { group, version, kind, plural, singular, scope, categories, shortNames, deprecatedVersions = [] } = definition
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        ...(categories && { categories: [...categories] }),
        ...(shortNames && { shortNames: [...shortNames] }),
      },
      conversion: { strategy: 'None' },
      versions: [
        ...deprecatedVersions.map((deprecated) => crdVersion(definition, deprecated.name, false, deprecated)),
        crdVersion(definition, version, true),
      ],
    },
  }
}

function crdVersion(
  definition: KindDefinition<z.ZodObject, z.ZodObject>,
  name: string,
  storage: boolean,
  deprecated?: DeprecatedVersion,
): object {
  const { printerColumns } = definition
  const spec = deprecated?.legacySpec
    ? definition.spec.safeExtend(deprecated.legacySpec).meta(definition.spec.meta() ?? {})
    : definition.spec
  return {
    name,
    served: true,
    storage,
    ...(deprecated && { deprecated: true, deprecationWarning: deprecated.warning }),
    ...(printerColumns && { additionalPrinterColumns: printerColumns.map((column) => ({ ...column })) }),
    schema: { openAPIV3Schema: rootSchema(definition, spec) },
    subresources: { status: {} },
  }
}

function rootSchema({ description, status, rules }: KindDefinition<z.ZodObject, z.ZodObject>, spec: z.ZodObject): object {
  return {
    description,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: 'The group and version of this object.' },
      kind: { type: 'string', description: 'The kind of this object.' },
      metadata: { type: 'object' },
      spec: structuralSchema(spec),
      status: structuralSchema(status),
    },
    ...(rules && { 'x-kubernetes-validations': rules.map((rule) => ({ ...rule })) }),
  }
}
