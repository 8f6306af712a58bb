/**
 * Why bytes could not be read as a message. `at` is the byte offset from the start of what the parser was given.
 * TRUNCATED: `need` bytes must be there, only `have` are. BAD_FIELD: the field has a value that this codec does not speak.
 */
export type CodecError =
  | { readonly code: 'TRUNCATED'; readonly at: number; readonly need: number; readonly have: number }
  | { readonly code: 'BAD_FIELD'; readonly at: number; readonly field: string; readonly got: number }
