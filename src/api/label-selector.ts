import { z } from 'zod'
import type { TypeOf } from './define-kind.ts'
import { someText, text } from './fields.ts'

const LABEL_KEY_LENGTH = 317
const LABEL_VALUE_LENGTH = 63

const matchLabels = z.record(z.string(), text(LABEL_VALUE_LENGTH, 'The value of a label.')).describe('Labels, all of which must be there.')

const matchExpressions = z
  .array(
    z
      .object({
        key: someText(LABEL_KEY_LENGTH, 'The key of the label.'),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('In, NotIn, Exists or DoesNotExist.'),
        values: z
          .array(text(LABEL_VALUE_LENGTH, 'A value.'))
          .max(64)
          .describe('The values for In and NotIn; empty otherwise.')
          .exactOptional(),
      })
      .meta({
        'x-kubernetes-validations': [
          {
            rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
            message: 'In and NotIn take values, Exists and DoesNotExist take none',
          },
        ],
      }),
  )
  .max(32)
  .describe('Requirements, all of which must hold.')

/** The schema of a label selector, as metav1.LabelSelector. An empty one selects everything. */
export const labelSelector = (description: string) =>
  z.object({ matchLabels: matchLabels.exactOptional(), matchExpressions: matchExpressions.exactOptional() }).describe(description)

/**
 * The schema of a label selector that may also be written as a plain map of labels, as OpenELB's Eip has it: beside the two known
 * fields, any key with a text is a label. The API server keeps unknown keys; `src/policy/label-selector.ts` reads them.
 */
export const labelSelectorOrMap = (description: string) =>
  z
    .looseObject({ matchLabels: matchLabels.exactOptional(), matchExpressions: matchExpressions.exactOptional() })
    .meta({ description, 'x-kubernetes-preserve-unknown-fields': true })

const LabelSelectorSchema = labelSelector('')
export type LabelSelector = TypeOf<typeof LabelSelectorSchema>
