/** AdmissionReview on the wire, and what is said in it. Source: Kubernetes, "Dynamic Admission Control", admission.k8s.io/v1. */
import { z } from 'zod'
import type { Verdict } from '../policy/verdict.ts'
import { err, ok, type Result } from '../result.ts'

// Only what is read. Objects stay `unknown`: each webhook reads its own kind.
const RequestSchema = z.object({
  uid: z.string().min(1),
  operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
  name: z.string().optional(),
  namespace: z.string().optional(),
  object: z.unknown().optional(),
  oldObject: z.unknown().optional(),
  dryRun: z.boolean().optional(),
})
const ReviewSchema = z.object({
  apiVersion: z.enum(['admission.k8s.io/v1', 'admission.k8s.io/v1beta1']),
  kind: z.literal('AdmissionReview'),
  request: RequestSchema,
})

/** One question of the API server. `object` is absent on DELETE and `oldObject` on CREATE; both are null on the wire then. */
export type AdmissionRequest = z.output<typeof RequestSchema>
export type AdmissionReview = z.output<typeof ReviewSchema>

/** One step of a JSON patch (RFC 6902). We only add. */
export interface PatchStep {
  readonly op: 'add'
  readonly path: string
  readonly value: unknown
}

/** A verdict, and for a mutating webhook the change. */
export type Answer = Verdict & { readonly patch?: readonly PatchStep[] }

/** Answers one request. Pure ones answer at once; the admission of Eips compares and swaps first. */
export type Admit = (request: AdmissionRequest, deadline: Deadline) => Answer | Promise<Answer>

/** How long the API server waits for the answer, in milliseconds from the moment the request was read. */
export interface Deadline {
  readonly budgetMs: number
}

/** Reads the body of a request. Error: a sentence on the first thing that is wrong. */
export function readReview(body: unknown): Result<AdmissionReview, string> {
  const review = ReviewSchema.safeParse(body)
  if (review.success) return ok(review.data)
  const [issue] = review.error.issues
  return err(`this is no AdmissionReview: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim())
}

/** The answer as the API server reads it. A refusal is 403 Forbidden, which is what kubectl prints of OpenELB's too. */
export function writeReview({ apiVersion, request }: AdmissionReview, answer: Answer): object {
  return { apiVersion, kind: 'AdmissionReview', response: { uid: request.uid, ...response(answer) } }
}

function response(answer: Answer): object {
  if (!answer.allowed) return { allowed: false, status: { code: 403, reason: 'Forbidden', message: answer.message } }
  const { warnings, patch = [] } = answer
  return {
    allowed: true,
    ...(warnings.length > 0 && { warnings }),
    ...(patch.length > 0 && { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }),
  }
}

/** What happened, for metrics and the log. */
export function outcomeOf(answer: Answer): 'refused' | 'patched' | 'warned' | 'allowed' {
  if (!answer.allowed) return 'refused'
  if (answer.patch !== undefined && answer.patch.length > 0) return 'patched'
  return answer.warnings.length > 0 ? 'warned' : 'allowed'
}

/** The API server adds `?timeout=5s`. The answer must be on its way well before; without the parameter the default of 10 s holds. */
export function readDeadline(timeout: unknown): Deadline {
  const match = typeof timeout === 'string' ? /^(\d{1,3})(s|ms)$/.exec(timeout) : null
  const timeoutMs = match === null ? 10_000 : Number(match[1]) * (match[2] === 's' ? 1000 : 1)
  return { budgetMs: Math.max(100, timeoutMs * 0.8) }
}
