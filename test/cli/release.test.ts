import t from 'tap'
import { release } from '../../src/cli/verbs/release.ts'
import { fakeCluster, runVerb } from './support/fake-cluster.ts'
import { claim, service } from './support/objects.ts'

const orphan = claim('10.0.0.2', 'gone')
const yes = { confirm: async () => 'yes' as const }

t.test('a claim whose Service is gone goes, in the version that was seen', async (t) => {
  const cluster = fakeCluster({ objects: [orphan] })
  t.match(await runVerb(release, ['10.0.0.2', '--yes'], cluster), { code: 0, out: 'released 10.0.0.2\n' })
  t.same(cluster.removed, ['addressclaims/10.0.0.2@7'])
})

t.test('it asks first, and says what it knows', async (t) => {
  const cluster = fakeCluster({ objects: [claim('fd00::1', 'web', { uid: 'former' }), service('web')] })
  let question = ''
  const ask = (answer: 'yes' | 'no') => ({
    confirm: async (text: string) => {
      question = text
      return answer
    },
  })
  t.match(await runVerb(release, ['fd00:0::1'], cluster, ask('no')), { code: 1, err: 'nothing was released' })
  t.match(
    question,
    /^fd00::1 of Eip pool, claimed 24h ago, is held by default\/web, which was deleted; the Service of that name now is another one\.\nRelease it\? $/,
  )
  t.same(cluster.removed, [])
  t.match(await runVerb(release, ['fd00::1'], cluster), { code: 1, err: /no terminal to ask at: confirm with --yes/ })
  t.match(await runVerb(release, ['fd00::1'], cluster, ask('yes')), { code: 0 })
  t.same(cluster.removed, ['addressclaims/fd00-0000-0000-0000-0000-0000-0000-0001@7'])
})

t.test('a Service that lives and shows it keeps it', async (t) => {
  const cluster = fakeCluster({ objects: [claim('10.0.0.2', ['gone', 'web']), service('web', { shows: ['10.0.0.2'] })] })
  t.match(await runVerb(release, ['10.0.0.2', '-y'], cluster), {
    code: 1,
    err: /held by default\/web, which lives and shows it: delete that Service/,
  })
  t.same(cluster.removed, [])
  t.match(await runVerb(release, ['10.0.0.2', '-y', '--force'], cluster), { code: 0 })
  t.equal(cluster.removed.length, 1)
  const silent = fakeCluster({ objects: [claim('10.0.0.2', 'web'), service('web')] })
  t.match(await runVerb(release, ['10.0.0.2'], silent, { confirm: async () => 'no' }), { err: 'nothing was released' })
  t.match(await runVerb(release, ['10.0.0.2', '-y', '-o', 'json'], silent), { out: /which lives and does not show the address/ })
})

t.test('what cannot be done is said', async (t) => {
  t.match(await runVerb(release, ['10.0.0.9', '-y'], fakeCluster()), { code: 1, err: 'nobody holds 10.0.0.9' })
  t.match(await runVerb(release, [], fakeCluster()), { code: 2, err: /write: openelb release ADDRESS/ })
  t.match(await runVerb(release, ['10.0.0.1', 'x'], fakeCluster()), { code: 2 })
  t.match(await runVerb(release, ['10.0.0'], fakeCluster()), { code: 2, err: /is not an IP address/ })
  const changed = fakeCluster({ objects: [orphan], removal: 'Conflict' })
  t.match(await runVerb(release, ['10.0.0.2'], changed, yes), { code: 1, err: 'the claim on 10.0.0.2 changed meanwhile: look again' })
  const late = fakeCluster({ objects: [orphan], removal: 'not-found' })
  t.match(await runVerb(release, ['10.0.0.2'], late, yes), { code: 0, out: /released by somebody else meanwhile/ })
})
