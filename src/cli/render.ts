/** A report as text: for people, or for programs. */
import { stringify } from 'yaml'
import type { OutputFormat } from './flags.ts'
import type { Block, Report } from './report.ts'
import { formatTable, paint, printable, type TableStyle } from './table.ts'

export interface Style {
  readonly format: OutputFormat
  readonly headers: boolean
  readonly colour: boolean
}

/** The text for standard output, each line ended; empty where there is nothing to print. */
export function renderReport(report: Report, { format, headers, colour }: Style): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(report.value, null, 4)}\n`
    case 'yaml':
      return stringify(report.value, { lineWidth: 0 })
    case 'name':
      return (report.names ?? []).map((name) => `${name}\n`).join('')
    default:
      return renderBlocks(report.blocks, { headers, colour, wide: format === 'wide' })
  }
}

function renderBlocks(blocks: readonly Block[], style: TableStyle): string {
  const texts = blocks.map((block) => renderBlock(block, style)).filter((text) => text !== '')
  return texts.length === 0 ? '' : `${texts.join('\n\n')}\n`
}

function renderBlock(block: Block, style: TableStyle): string {
  const body = block.kind === 'table' ? renderTable(block, style) : renderLines(block, style)
  return block.title === undefined || body === '' ? body : `${block.title}\n${body}`
}

const renderTable = (block: Extract<Block, { kind: 'table' }>, style: TableStyle): string =>
  block.table.rows.length === 0 ? (block.ifEmpty ?? '') : formatTable(block.table, style)

/** Each line's cells side by side, without a gap of their own. */
const renderLines = ({ lines }: Extract<Block, { kind: 'lines' }>, style: TableStyle): string =>
  lines
    .map((cells) =>
      cells
        .map((cell) => paint(cell, printable(typeof cell === 'string' ? cell : cell.text), style.colour))
        .join('')
        .trimEnd(),
    )
    .join('\n')
