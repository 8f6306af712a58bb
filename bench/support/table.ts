/** The promises of benches as people read them. */
import type { Aim } from './bench.ts'

const HEAD = ['FIGURE', 'VALUE', 'FLOOR', 'RATIO', 'AIM', 'MET']

/** One line per promise, columns aligned. */
export function formatAims(aims: readonly Aim[]): string {
  const rows = aims.map(({ figure, value, floor, unit, ratio, aim, met }) => [
    figure,
    `${value} ${unit}`,
    floor === undefined ? '-' : `${floor} ${unit}`,
    ratio === undefined ? '-' : ratio.toFixed(2),
    aim,
    met ? 'yes' : 'NO',
  ])
  const widths = HEAD.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('   ')
      .trimEnd()
  return [HEAD, ...rows].map(line).join('\n')
}
