import t from 'tap'
import { formatIp } from '../../src/addr/ip.ts'
import { firstIp, lastIp } from '../../src/addr/range.ts'
import { ADOPT_RULES, DEFAULT_SETTINGS, parseSettings, type Settings } from '../../src/policy/settings.ts'

function read(data: Readonly<Record<string, string>> | undefined, unset?: Settings): unknown {
  const settings = parseSettings(data, unset)
  if (!settings.ok) return settings.error.message
  const { exclude, ...rest } = settings.value
  return { ...rest, exclude: exclude.map((range) => `${formatIp(firstIp(range))}-${formatIp(lastIp(range))}`) }
}

t.test('what the ConfigMap says', async (t) => {
  t.same(read(undefined), DEFAULT_SETTINGS)
  t.same(read({}), DEFAULT_SETTINGS)
  t.same(read({ later: 'yes' }), DEFAULT_SETTINGS, 'a key of a newer version is no error')
  for (const adopt of ADOPT_RULES) t.match(read({ adopt: ` ${adopt}\n` }), { adopt }, 'white space does not matter')
  t.match(read({ compat: 'kube-vip, metallb' }), { compat: ['metallb', 'kube-vip'] }, 'in the order in which they are read')
  t.match(read({ compat: 'metallb metallb' }), { compat: ['metallb'] })
  t.match(read({ compat: ' ' }), { compat: [] })
  t.match(read({ exclude: '10.0.0.1\n10.0.1.0/30, fd00::1-fd00::2' }), {
    exclude: ['10.0.0.1-10.0.0.1', '10.0.1.0-10.0.1.3', 'fd00::1-fd00::2'],
  })
})

t.test('what cannot be read is an error with a cure', async (t) => {
  t.equal(read({ adopt: 'all' }), 'adopt is "all"; it must be one of default-eip, annotated, class')
  t.equal(read({ adopt: '' }), 'adopt is ""; it must be one of default-eip, annotated, class')
  t.equal(read({ compat: 'metallb,cilium' }), 'compat is "metallb,cilium"; it may name metallb and kube-vip, separated by commas')
  t.equal(
    read({ exclude: '10.0.0.1 10.0.0.0/33' }),
    'exclude is "10.0.0.0/33"; it takes addresses, prefixes and ranges, separated by commas',
  )
  for (const key of ['adopt', 'compat', 'exclude']) t.ok(String(read({ [key]: 'x'.repeat(1_000_000) })).length < 200, key)
})

t.test('the flags of the process hold where the ConfigMap says nothing, and only there', async (t) => {
  const unset: Settings = { ...DEFAULT_SETTINGS, adopt: 'class', compat: ['metallb'] }
  t.match(read(undefined, unset), { adopt: 'class', compat: ['metallb'] })
  t.match(read({ adopt: 'annotated' }, unset), { adopt: 'annotated', compat: ['metallb'] })
  t.match(read({ compat: '' }, unset), { adopt: 'class', compat: [] }, 'an empty text says: none')
})
