import t from 'tap'
import { readConfig } from '../../src/speaker/config.ts'

const ENV = { NODE_NAME: 'n1', OPENELB_NAMESPACE: 'elb', POD_NAME: 'openelb-speaker-x' }
const read = (argv: readonly string[], env: Record<string, string> = ENV) => readConfig(argv, env, '1.2.3')

t.test("the original's command line is accepted; what has no meaning now is said", async (t) => {
  const argv =
    '--api-hosts=:50051 --enable-keepalived-vip=false --enable-layer2=true --bind-addr 0.0.0.0 --bind-port=7946 --secret x --v=2 --log-path= --keepalived-args='
  const asked = read(argv.split(' '))
  if (!asked.ok || asked.value.kind !== 'run') return void t.fail('refused')
  const { config } = asked.value
  t.equal(config.flags['enable-layer2'], true)
  t.equal(config.nodeName, 'n1')
  t.equal(config.namespace, 'elb')
  t.match(config.metrics, { port: 50053 })
  for (const flag of ['api-hosts', 'enable-keepalived-vip', 'secret', 'v', 'log-path', 'keepalived-args']) {
    t.ok(
      config.warnings.some((warning) => warning.includes(`--${flag}`)),
      `a warning names --${flag}`,
    )
  }
  t.same(config.membership.bind, { address: '0.0.0.0', port: 7946 })
  t.notOk(
    config.warnings.some((warning) => warning.includes('--bind')),
    'where the speakers hear one another has a meaning',
  )
})

t.test('defaults of the contract', async (t) => {
  const asked = read([], { NODE_NAME: 'n1' })
  if (!asked.ok || asked.value.kind !== 'run') return void t.fail('refused')
  t.equal(asked.value.config.flags['enable-layer2'], false)
  t.equal(asked.value.config.namespace, 'openelb-system')
  t.same(asked.value.config.warnings, [])
  t.same(asked.value.config.announcementTimes, { delaysMs: [0, 1000, 2000, 4000], repeatMs: undefined })
  t.match(asked.value.config.membership, { bind: { address: '0.0.0.0', port: 7946 }, timing: { deadMs: 350 }, key: undefined })
})

t.test('where the speakers hear one another, how soon, and by which key', async (t) => {
  const membership = (argv: readonly string[], env: Record<string, string> = {}) => {
    const asked = read(argv, { ...ENV, ...env })
    return asked.ok && asked.value.kind === 'run' ? asked.value.config.membership : asked
  }
  t.match(membership([], { POD_IP: '10.0.0.7' }), { bind: { address: '10.0.0.7', port: 7946 } })
  t.match(membership(['--bind-addr=fd00::1', '--bind-port=7947'], { POD_IP: '10.0.0.7' }), { bind: { address: 'fd00::1', port: 7947 } })
  t.match(membership(['--failover-profile=fast']), { timing: { deadMs: 150 } })
  t.same(Reflect.get(membership([], { MEMBER_LIST_SECRET: 'x' }), 'key'), { text: 'x' })
  t.same(Reflect.get(membership(['--membership-key-dir=/k'], { MEMBER_LIST_SECRET: 'x' }), 'key'), { dir: '/k' }, 'the flag wins')
  t.same(Reflect.get(membership(['--membership-secret=memberlist'], { MEMBER_LIST_SECRET: 'x' }), 'key'), { secretName: 'memberlist' })
  t.match(membership(['--membership-secret=memberlist', '--membership-key-dir=/k']), { ok: false, error: /two places for one key/ })
  t.match(membership(['--bind-addr=eth0']), { ok: false, error: /--bind-addr.*eth0/ })
  t.match(membership(['--failover-profile=never']), { ok: false, error: /--failover-profile/ })
  t.match(membership(['--rebalance=fast']), { ok: false, error: /--rebalance/ })
  t.match(membership(['--gratuitous=1s']), { ok: false, error: /--gratuitous.*"1s"/ })
})

t.test('the flag beats the environment; no name at all is refused', async (t) => {
  const named = read(['--node-name=n9'])
  t.equal(named.ok && named.value.kind === 'run' && named.value.config.nodeName, 'n9')
  t.match(read([], {}), { ok: false, error: /--node-name.*NODE_NAME/ })
})

t.test('mistakes name the flag', async (t) => {
  t.match(read(['--enable-layr2']), { ok: false, error: /--enable-layr2/ })
  t.match(read(['--enable-layer2=maybe']), { ok: false, error: /--enable-layer2/ })
  t.match(read(['--metrics-addr=host']), { ok: false, error: /--metrics-addr/ })
  t.match(read(['extra']), { ok: false, error: /extra/ })
  const off = read(['--metrics-addr=0'])
  t.equal(off.ok && off.value.kind === 'run' && off.value.config.metrics, undefined)
})

t.test('help and version', async (t) => {
  t.match(read(['--help']), { ok: true, value: { kind: 'print', text: /--enable-layer2/ } })
  t.same(read(['version']), { ok: true, value: { kind: 'print', text: '1.2.3\n' } })
})
