import { StringDecoder } from 'node:string_decoder'

/** Objects of etcd are at most 1.5 MiB; one line far above that is no watch event. */
const LONGEST_LINE_CHARS = 16 * 2 ** 20

/** Cuts a stream of bytes into the lines of a watch. */
export interface LineSplitter {
  /** Calls back once per line that `bytes` complete. Throws RangeError when a line is longer than any event can be. */
  push(bytes: Buffer): void
}

/** Creates a splitter. Characters and lines may be cut anywhere between two pushes; empty lines are left out. */
export function createLineSplitter(onLine: (line: string) => void): LineSplitter {
  const decoder = new StringDecoder('utf8')
  // Parts of one unfinished line are joined only at its end: a large object in many chunks must not be copied per chunk.
  let parts: string[] = []
  let chars = 0
  return {
    push(bytes) {
      const pieces = decoder.write(bytes).split('\n')
      const last = pieces.pop() ?? ''
      for (const piece of pieces) {
        const line = parts.length === 0 ? piece : parts.join('') + piece
        parts = []
        chars = 0
        if (line !== '') onLine(line)
      }
      if (last === '') return
      parts.push(last)
      chars += last.length
      if (chars > LONGEST_LINE_CHARS) throw new RangeError(`a watch event is longer than ${LONGEST_LINE_CHARS} characters`)
    },
  }
}
