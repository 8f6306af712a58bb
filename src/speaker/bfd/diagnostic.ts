/** The words of RFC 5880 section 4.1, by their numbers. */
const WORDS: readonly (string | undefined)[] = [
  undefined,
  'control detection time expired',
  'echo function failed',
  'neighbor signaled session down',
  'forwarding plane reset',
  'path down',
  'concatenated path down',
  'administratively down',
  'reverse concatenated path down',
]

/** A diagnostic in words; undefined for 0, which says nothing. */
export const diagnosticWords = (diagnostic: number): string | undefined =>
  diagnostic === 0 ? undefined : (WORDS[diagnostic] ?? `diagnostic ${diagnostic}`)
