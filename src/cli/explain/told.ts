/** Which routers are told of an address, by which nodes, and why others are not. */
import type { Answer } from '../bgp/why.ts'
import { someOf } from '../doctor/finding.ts'
import { type Section, section } from './section.ts'

const nodesOf = (alike: readonly Answer[]): string => someOf(alike.map(({ node }) => node))

/** Nodes of one answer in one line; nothing where no speaker could be asked. */
export function toldSection(answers: readonly Answer[], bySpeakers: number): readonly Section[] {
  const told = Map.groupBy(
    answers.filter((answer) => answer.told),
    ({ peer = '' }) => peer,
  )
  const silent = Map.groupBy(
    answers.filter((answer) => !answer.told),
    ({ peer = '', says }) => `${peer}: ${says}`,
  )
  const lines = [
    ...[...told].map(([peer, alike]) => `+ ${peer} is told by ${nodesOf(alike)}`),
    ...[...silent.values()].flatMap(([first, ...more]) =>
      first === undefined
        ? []
        : [`- ${first.peer === undefined ? '' : `${first.peer} is not told by `}${nodesOf([first, ...more])}: ${first.says}`],
    ),
  ]
  if (lines.length === 0 && bySpeakers > 0) return section('BGP', [`none of the ${bySpeakers} speakers announces it`], 'warn')
  return section('BGP', lines)
}
