/** Reads the objects inside an AdmissionReview. The API server has checked them, but whoever reaches the port may send others. */
import { z } from 'zod'
import type { ServiceObject } from '../../api/core-objects.ts'
import type { Kind, ObjectOf } from '../../api/define-kind.ts'
import { err, ok, type Result } from '../../result.ts'

const TextMapSchema = z.record(z.string(), z.string())

/** On CREATE there may be no name yet (generateName), no uid, no version and a time of null. */
const MetadataSchema = z.object({
  name: z.string().default(''),
  namespace: z.string().exactOptional(),
  uid: z.string().default(''),
  resourceVersion: z.string().default(''),
  creationTimestamp: z
    .string()
    .nullish()
    .transform((time) => time ?? ''),
  deletionTimestamp: z.string().exactOptional(),
  labels: TextMapSchema.exactOptional(),
  annotations: TextMapSchema.exactOptional(),
})

const ServiceSchema = z.object({
  apiVersion: z.string().default('v1'),
  kind: z.string().default('Service'),
  metadata: MetadataSchema,
  spec: z
    .object({
      type: z.string().exactOptional(),
      loadBalancerClass: z.string().exactOptional(),
      loadBalancerIP: z.string().exactOptional(),
      ipFamilies: z.array(z.enum(['IPv4', 'IPv6'])).exactOptional(),
      ipFamilyPolicy: z.enum(['SingleStack', 'PreferDualStack', 'RequireDualStack']).exactOptional(),
      externalTrafficPolicy: z.enum(['Cluster', 'Local']).exactOptional(),
      selector: TextMapSchema.exactOptional(),
    })
    .default({}),
  status: z
    .object({ loadBalancer: z.object({ ingress: z.array(z.object({ ip: z.string().exactOptional() })).exactOptional() }).exactOptional() })
    .exactOptional(),
})

/** Any object of our kinds; its own schema reads the spec. */
const OurObjectSchema = z.object({
  apiVersion: z.string().default(''),
  kind: z.string().default(''),
  metadata: MetadataSchema,
  spec: z.unknown().optional(),
  status: z.unknown().optional(),
})

const describe = (what: string, path: string, message: string): string => `the ${what} cannot be read: ${path} ${message}`

/** Reads the fields of a Service that decide about its address. Error: a sentence. */
export function readService(value: unknown): Result<ServiceObject, string> {
  const service = ServiceSchema.safeParse(value)
  if (service.success) return ok(service.data)
  const [issue] = service.error.issues
  return err(describe('Service', issue?.path.join('.') ?? '', issue?.message ?? ''))
}

/** Reads an object of one of our kinds; a missing spec is an empty one. Its status is dropped when it cannot be read. Error: a sentence. */
export function readOurs<Spec, Status>(kind: Kind<Spec, Status>, value: unknown): Result<ObjectOf<Spec, Status>, string> {
  const object = OurObjectSchema.safeParse(value)
  if (!object.success) {
    const [issue] = object.error.issues
    return err(describe(kind.kind, issue?.path.join('.') ?? '', issue?.message ?? ''))
  }
  const { apiVersion, metadata } = object.data
  const spec = kind.parseSpec(object.data.spec ?? {})
  if (!spec.ok) return err(describe(kind.kind, spec.error[0]?.path ?? 'spec', spec.error[0]?.message ?? ''))
  const status = kind.parseStatus(object.data.status ?? {})
  return ok({ apiVersion, kind: kind.kind, metadata, spec: spec.value, ...(status.ok && { status: status.value }) })
}
