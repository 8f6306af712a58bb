/** Most updates of objects change nothing that a speaker reads of them: they are not worth a look at every claim. */
export function saysTheSame(before: unknown, after: unknown): boolean {
  return before === after || JSON.stringify(before, readable) === JSON.stringify(after, readable)
}

/** A version alone says nothing. A Map, which JSON does not know, is its entries. */
function readable(name: string, value: unknown): unknown {
  if (name === 'resourceVersion') return undefined
  return value instanceof Map ? [...value] : value
}
