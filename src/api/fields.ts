import { z } from 'zod'

/**
 * Builders for the fields of our kinds. Each gives a zod schema whose JSON Schema the API server accepts as it is, and
 * whose description `kubectl explain` prints.
 */

/** Text of at most `maxLength` characters: unbounded text would let one object fill etcd and would make CEL rules too dear. */
export const text = (maxLength: number, description: string) => z.string().max(maxLength).describe(description)

/** Text that is not empty. */
export const someText = (maxLength: number, description: string) => z.string().min(1).max(maxLength).describe(description)

/** The name of a namespace or of a Service: a DNS label (RFC 1123). */
export const dnsLabel = (description: string) =>
  z
    .string()
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    .describe(description)

/** A whole number that Go reads as int32. */
export const int32 = (min: number, description: string, max = 2_147_483_647) =>
  z.int().min(min).max(max).meta({ description, format: 'int32' })

/** A whole number up to 2^53 - 1: past that, JSON numbers are not exact in every reader. */
export const int64 = (min: number, description: string, max: number = Number.MAX_SAFE_INTEGER) =>
  z.int().min(min).max(max).meta({ description, format: 'int64' })

/** A number that OpenELB keeps as uint32, such as an autonomous system. */
export const uint32 = (description: string) => int64(0, description, 4_294_967_295)

export const flag = (description: string) => z.boolean().describe(description)

/** An RFC 3339 time as the API server prints it. */
export const timestamp = (description: string) => z.string().meta({ description, format: 'date-time' })

/** A count or a number of seconds that OpenELB writes as text, because its Go type comes from 64 bit protobuf JSON. */
export const countText = (description: string) => z.string().max(20).describe(description)
