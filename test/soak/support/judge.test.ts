import t from 'tap'
import { judge, type Seen, type ServiceSeen } from './judge.ts'

const service = (revision: number, key: string, shown: string, over: Partial<ServiceSeen> = {}): Seen => ({
  kind: 'service',
  revision,
  key,
  uid: `uid-${key}`,
  exists: true,
  shown: shown === '' ? [] : shown.split(','),
  wish: 'w',
  isWaiting: false,
  ports: ['TCP/80'],
  ...over,
})
const claim = (revision: number, address: string, ...holders: readonly string[]): Seen => ({
  kind: 'claim',
  revision,
  address,
  exists: holders.length > 0,
  holders: holders.map((key) => `uid-${key}`),
})
const gone = (revision: number, key: string): Seen => service(revision, key, '', { exists: false })
const shares = (port: number): Partial<ServiceSeen> => ({ sharing: 'k', ports: [`TCP/${port}`] })

t.test('what the judge says', async (t) => {
  const cases: readonly (readonly [string, readonly Seen[], readonly string[]])[] = [
    ['a whole life', [service(1, 'a', ''), claim(2, 'A', 'a'), service(3, 'a', 'A'), gone(4, 'a'), claim(5, 'A')], []],
    [
      'a move with its cause',
      [
        claim(1, 'A', 'a'),
        service(2, 'a', 'A'),
        service(3, 'a', 'A', { wish: 'v' }),
        claim(4, 'B', 'a'),
        service(5, 'a', 'B', { wish: 'v' }),
        claim(6, 'A'),
      ],
      [],
    ],
    [
      'a late move of a wish that waited',
      [
        claim(1, 'A', 'a'),
        service(2, 'a', 'A'),
        service(3, 'a', 'A', { wish: 'v' }),
        service(4, 'a', 'A', { wish: 'v' }),
        claim(5, 'B', 'a'),
        service(6, 'a', 'B', { wish: 'v' }),
        claim(7, 'A'),
      ],
      [],
    ],
    [
      'an address that the API server took with the type',
      [claim(1, 'A', 'a'), service(2, 'a', 'A'), service(3, 'a', '', { wish: 'v' }), claim(4, 'A')],
      [],
    ],
    ['a second family that comes later', [claim(1, 'A', 'a'), service(2, 'a', 'A'), claim(3, 'B', 'a'), service(4, 'a', 'A,B')], []],
    ['sharing', [claim(1, 'A', 'a'), service(2, 'a', 'A', shares(80)), claim(3, 'A', 'a', 'b'), service(4, 'b', 'A', shares(81))], []],
    [
      'sharing with a port clash',
      [claim(1, 'A', 'a', 'b'), service(2, 'a', 'A', shares(80)), service(4, 'b', 'A', shares(80))],
      ['double'],
    ],
    ['two of one address', [claim(1, 'A', 'a', 'b'), service(2, 'a', 'A'), service(3, 'b', 'A')], ['double']],
    ['the claim of another', [claim(1, 'A', 'b'), service(2, 'a', 'A'), service(3, 'b', 'A')], ['unclaimed', 'double']],
    ['a claim that goes under its Service', [claim(1, 'A', 'a'), service(2, 'a', 'A'), claim(3, 'A')], ['unclaimed']],
    [
      'a move without a cause',
      [claim(1, 'A', 'a'), service(2, 'a', 'A'), claim(3, 'B', 'a'), service(4, 'a', 'B'), claim(5, 'A')],
      ['moved'],
    ],
    ['an address that goes for a moment', [claim(1, 'A', 'a'), service(2, 'a', 'A'), service(3, 'a', ''), service(4, 'a', 'A')], ['moved']],
    [
      'one cause, two moves',
      [
        claim(1, 'A', 'a'),
        claim(2, 'B', 'a'),
        claim(3, 'C', 'a'),
        service(4, 'a', 'A'),
        service(5, 'a', 'B', { wish: 'v' }),
        service(6, 'a', 'C', { wish: 'v' }),
        claim(7, 'A'),
        claim(8, 'B'),
      ],
      ['moved'],
    ],
    [
      'an address that was never more than a makeshift',
      [claim(1, 'A', 'a'), service(2, 'a', 'A', { isWaiting: true }), claim(3, 'B', 'a'), service(4, 'a', 'B'), claim(5, 'A')],
      [],
    ],
    [
      'one makeshift after the other',
      [
        claim(1, 'A', 'a'),
        service(2, 'a', 'A', { isWaiting: true }),
        claim(3, 'B', 'a'),
        service(4, 'a', 'B', { isWaiting: true }),
        claim(5, 'A'),
      ],
      ['moved'],
    ],
    ['a leak', [service(1, 'a', ''), claim(2, 'A', 'a')], ['leaked']],
    ['a leak of one that is gone', [claim(1, 'A', 'a'), service(2, 'a', 'A'), gone(3, 'a')], ['leaked']],
    [
      'a leak beside one that shares',
      [claim(1, 'A', 'a', 'b'), service(2, 'a', 'A', shares(80)), service(3, 'b', '', shares(81))],
      ['leaked'],
    ],
    [
      'a Service of the same name is another',
      [claim(1, 'A', 'a'), service(2, 'a', 'A'), gone(3, 'a'), service(4, 'a', 'A', { uid: 'uid-2' })],
      ['unclaimed', 'leaked'],
    ],
    ['a revision twice', [service(1, 'a', ''), claim(1, 'A')], ['order']],
    ['what arrives out of order', [service(3, 'a', 'A'), claim(2, 'A', 'a')], []],
  ]
  for (const [name, history, laws] of cases) {
    t.same(
      judge(history, { atRest: true }).map(({ law }) => law),
      laws,
      name,
    )
  }
  t.same(judge([service(1, 'a', ''), claim(2, 'A', 'a')], { atRest: false }), [], 'a claim that is about to be shown is no leak')
})
