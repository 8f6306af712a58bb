/** The form of an explanation: labels on the left, sentences on the right. */
import type { Block, Cell, Tone } from '../report.ts'

export interface Section {
  readonly label: string
  /** One or more sentences; the label stands before the first. */
  readonly says: readonly string[]
  readonly tone?: Tone
}

const LABEL_WIDTH = 13

/** A section, unless there is nothing to say. */
export const section = (label: string, says: readonly string[], tone?: Tone): readonly Section[] =>
  says.length === 0 ? [] : [{ label, says, ...(tone !== undefined && { tone }) }]

export const sectionsBlock = (sections: readonly Section[]): Block => ({
  kind: 'lines',
  lines: sections.flatMap(({ label, says, tone }) =>
    says.map((text, at): readonly Cell[] => [
      at === 0 ? `${label}:`.padEnd(LABEL_WIDTH) : ' '.repeat(LABEL_WIDTH),
      tone === undefined ? text : { text, tone },
    ]),
  ),
})
