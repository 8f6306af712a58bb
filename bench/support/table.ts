/** The promises of benches as people read them, on a terminal or in docs/performance.md. */
import type { Aim } from './bench.ts'

const HEAD = ['figure', 'value', 'floor', 'ratio', 'aim', 'met']

/** One line per promise, as a Markdown table with aligned columns. */
export function formatAims(aims: readonly Aim[]): string {
  const rows = aims.map(({ figure, value, floor, unit, ratio, aim, met }) => [
    figure,
    `${value} ${unit}`,
    floor === undefined ? '' : `${floor} ${unit}`,
    ratio === undefined ? '' : ratio.toFixed(2),
    aim,
    met ? 'yes' : 'no',
  ])
  const widths = HEAD.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)))
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  return [line(HEAD), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n')
}
