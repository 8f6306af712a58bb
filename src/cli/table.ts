import type { Cell, Table, Tone } from './report.ts'

const GAP = '   '
/** What kubectl prints in a cell without a value; it keeps `awk '{print $5}'` right. */
const NOTHING = '<none>'

const COLOURS: Readonly<Record<Tone, string>> = { good: '32', warn: '33', bad: '31', dim: '2' }

export interface TableStyle {
  readonly headers: boolean
  readonly wide: boolean
  readonly colour: boolean
}

/** Texts come from objects that anybody may write: a control character must not move the cursor of the reader's terminal. */
export const printable = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (char) =>
    char === '\n' || char === '\t' ? ' ' : `\\x${(char.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`,
  )

const textOf = (cell: Cell): string => printable(typeof cell === 'string' ? cell : cell.text)

/** The text of a cell, in its colour where there are colours. */
export function paint(cell: Cell, text: string, colour: boolean): string {
  return colour && typeof cell !== 'string' && text !== '' ? `\u001b[${COLOURS[cell.tone]}m${text}\u001b[0m` : text
}

/**
 * Rows as kubectl prints them: columns left-aligned, as wide as their widest cell, three spaces apart, nothing after the last one. A cell
 * without a value reads `<none>`, except in the last column.
 */
export function formatTable(table: Table, style: TableStyle): string {
  const shown = table.columns.flatMap(({ wide }, at) => (wide !== true || style.wide ? [at] : []))
  const last = shown.at(-1)
  const header: readonly Cell[] = table.columns.map(({ title }) => title)
  const lines = (style.headers ? [header, ...table.rows] : table.rows).map((cells) =>
    shown.map((at) => {
      const cell = cells[at] ?? ''
      return { cell, text: textOf(cell) === '' && at !== last ? NOTHING : textOf(cell) }
    }),
  )
  const widths = shown.map((_, column) => lines.reduce((width, cells) => Math.max(width, cells[column]?.text.length ?? 0), 0))
  return lines
    .map((cells) => {
      const filled = cells.findLastIndex(({ text }) => text !== '')
      return cells
        .slice(0, filled + 1)
        .map(({ cell, text }, at) => paint(cell, text, style.colour) + (at === filled ? '' : ' '.repeat((widths[at] ?? 0) - text.length)))
        .join(GAP)
    })
    .join('\n')
}
