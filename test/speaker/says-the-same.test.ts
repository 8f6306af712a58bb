import t from 'tap'
import { saysTheSame } from '../../src/speaker/says-the-same.ts'

const rows: readonly (readonly [name: string, before: unknown, after: unknown, same: boolean])[] = [
  ['another version', { metadata: { resourceVersion: '1' }, a: 1 }, { metadata: { resourceVersion: '2' }, a: 1 }, true],
  ['another value', { a: 1 }, { a: 2 }, false],
  ['a new object', undefined, { a: 1 }, false],
  ['an equal Map', new Map([['key', 'x']]), new Map([['key', 'x']]), true],
  ['another value in a Map', new Map([['key', 'x']]), new Map([['key', 'y']]), false],
  ['other bytes', { key: Buffer.from('a') }, { key: Buffer.from('b') }, false],
]
for (const [name, before, after, same] of rows) t.test(name, async (t) => t.equal(saysTheSame(before, after), same))
