/** Which nodes an Eip wants for its addresses, by their labels. */
import type { EipSpec } from '../api/eip.ts'
import { type Labels, matchesSelector } from './label-selector.ts'

/** What an Eip says about nodes. */
export type NodeChoice = Pick<EipSpec, 'nodeSelectors' | 'preferredNodes'>

/** How a node stands to the choice of an Eip. `weight` is 0 where nothing is preferred. */
export interface NodeStanding {
  readonly selected: boolean
  readonly weight: number
}

/** The choice of an Eip that says nothing about nodes: all are alike. One object, however many Eips there are. */
export const ANY_NODE: NodeChoice = {}

/** What an Eip says about nodes; ANY_NODE itself when it says nothing. */
export function nodeChoiceOf({ nodeSelectors = [], preferredNodes = [] }: NodeChoice): NodeChoice {
  if (nodeSelectors.length === 0 && preferredNodes.length === 0) return ANY_NODE
  return { nodeSelectors, preferredNodes }
}

/**
 * Any of the selectors selects, as in MetalLB, and without selectors every node is selected. The weights of all preferences that fit are
 * added up, as those of Kubernetes' scheduler are.
 */
export function nodeStanding({ nodeSelectors = [], preferredNodes = [] }: NodeChoice, labels: Labels): NodeStanding {
  return {
    selected: nodeSelectors.length === 0 || nodeSelectors.some((selector) => matchesSelector(selector, labels)),
    weight: preferredNodes.reduce((sum, { weight, selector }) => sum + (matchesSelector(selector, labels) ? weight : 0), 0),
  }
}
