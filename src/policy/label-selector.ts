/** Label selectors: one meaning for pools, wherever a selector stands. */
import type { LabelSelector } from '../api/label-selector.ts'
import { err, ok, type Result } from '../result.ts'

export type Labels = Readonly<Record<string, string>>

type Requirement = NonNullable<LabelSelector['matchExpressions']>[number]

function holds({ key, operator, values = [] }: Requirement, labels: Labels): boolean {
  const value = labels[key]
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
  }
}

/** Whether the labels satisfy all of the selector. An empty selector matches everything (metav1.LabelSelector). */
export function matchesSelector(selector: LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every((requirement) => holds(requirement, labels))
  )
}

/** What is wrong with a selector, as a sentence without a full stop; undefined when nothing is. */
export function selectorProblem(selector: LabelSelector): string | undefined {
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    if (key === '') return 'a requirement has no key'
    const wantsValues = operator === 'In' || operator === 'NotIn'
    if (wantsValues && values.length === 0) return `the requirement on ${key} is ${operator} without values`
    if (!wantsValues && values.length > 0) return `the requirement on ${key} is ${operator} and takes no values`
  }
  return undefined
}

/**
 * Reads a selector that may be a plain map of labels, as OpenELB's `namespaceSelector` is, or a LabelSelector, or both at once: then all of
 * it must hold. Undefined for one without any requirement: OpenELB drops an empty map when it stores the object, so it selects nothing.
 * Error: a sentence without a full stop.
 */
export function readSelectorOrMap(value: Readonly<Record<string, unknown>> | undefined): Result<LabelSelector | undefined, string> {
  const { matchLabels, matchExpressions, ...map } = (value ?? {}) as LabelSelector & Readonly<Record<string, unknown>>
  const labels: Record<string, string> = { ...matchLabels }
  for (const [key, text] of Object.entries(map)) {
    if (typeof text !== 'string') return err(`the value of ${key} is no text`)
    labels[key] = text
  }
  if (Object.keys(labels).length === 0 && (matchExpressions ?? []).length === 0) return ok(undefined)
  const selector: LabelSelector = {
    ...(Object.keys(labels).length > 0 && { matchLabels: labels }),
    ...((matchExpressions ?? []).length > 0 && { matchExpressions }),
  }
  const problem = selectorProblem(selector)
  return problem === undefined ? ok(selector) : err(problem)
}
