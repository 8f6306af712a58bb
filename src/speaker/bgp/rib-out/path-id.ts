const OFFSET_BASIS = 0x811c9dc5
const PRIME = 0x01000193

/** FNV-1a of 32 bits over the bytes of an ASCII text. draft-eastlake-fnv section 2. */
export function fnv1a32(text: string): number {
  let hash = OFFSET_BASIS
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), PRIME)
  return hash >>> 0
}

/**
 * A path identifier for each text, all different (RFC 7911 section 3), the same on every node and after a restart unless two texts have one
 * hash: then the one that comes later in the order of texts takes the next free number. Never 0, which some routers keep for "none".
 */
export function pathIds(texts: readonly string[]): ReadonlyMap<string, number> {
  const byText = new Map<string, number>()
  const taken = new Set<number>([0])
  for (const text of texts.toSorted()) {
    if (byText.has(text)) continue
    let id = fnv1a32(text)
    while (taken.has(id)) id = (id + 1) >>> 0
    taken.add(id)
    byText.set(text, id)
  }
  return byText
}
