/** A value of each dimension, such as `{ router: 'frr', session: 'ebgp' }`. */
export type Choice = Readonly<Record<string, string>>
export type Dimensions = Readonly<Record<string, readonly string[]>>

/** Every combination, in the order of the dimensions. */
export function allCells(dimensions: Dimensions): readonly Choice[] {
  return Object.entries(dimensions).reduce<readonly Choice[]>(
    (cells, [name, values]) => cells.flatMap((cell) => values.map((value) => ({ ...cell, [name]: value }))),
    [{}],
  )
}

/** The pairs of values that a cell has, each as a word. */
export function pairsOf(cell: Choice): readonly string[] {
  const values = Object.entries(cell).map(([name, value]) => `${name}=${value}`)
  return values.flatMap((one, at) => values.slice(at + 1).map((other) => `${one} ${other}`))
}

/**
 * Few cells in which every pair of values occurs that occurs in any cell that is `possible`: each time the one with the most pairs that are
 * not there yet, of equals the one whose values were taken least often. The same for the same dimensions.
 */
export function pairwise(dimensions: Dimensions, possible: (cell: Choice) => boolean = () => true): readonly Choice[] {
  const candidates = allCells(dimensions).filter(possible)
  const missing = new Set(candidates.flatMap(pairsOf))
  const chosen: Choice[] = []
  const gain = (cell: Choice) => pairsOf(cell).filter((pair) => missing.has(pair)).length
  const taken = (cell: Choice) =>
    Object.entries(cell).reduce(
      (sum, [name, value]) => sum + chosen.filter((one) => one[name] === value).length * (dimensions[name]?.length ?? 1),
      0,
    )
  while (missing.size > 0) {
    const most = Math.max(...candidates.map(gain))
    const best = candidates.filter((cell) => gain(cell) === most).reduce((least, cell) => (taken(cell) < taken(least) ? cell : least))
    chosen.push(best)
    for (const pair of pairsOf(best)) missing.delete(pair)
  }
  return chosen
}
