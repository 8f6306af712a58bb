import t from 'tap'
import { type LabArguments, labHelp, parseLabArguments, VERBS } from '../../lab/arguments.ts'

const DEFAULTS: LabArguments = {
  verb: 'up',
  name: 'lab',
  nodes: 3,
  dualStack: false,
  kubernetes: undefined,
  install: true,
  all: false,
  follow: false,
  once: false,
  router: undefined,
  operands: [],
}

const accepted: readonly { line: string; want: Partial<LabArguments> }[] = [
  { line: 'up', want: {} },
  { line: 'up --nodes 5 --name two --dual-stack', want: { nodes: 5, name: 'two', dualStack: true } },
  { line: '--nodes=1 up --kubernetes=1.34.4 --no-install', want: { nodes: 1, kubernetes: '1.34.4', install: false } },
  { line: 'down --all', want: { verb: 'down', all: true } },
  { line: 'logs kubelet-n1 --follow', want: { verb: 'logs', operands: ['kubelet-n1'], follow: true } },
  { line: 'kubectl get pods --name x', want: { verb: 'kubectl', operands: ['get', 'pods', '--name', 'x'] } },
  { line: 'kubectl --name two get pods -A --help', want: { verb: 'kubectl', name: 'two', operands: ['get', 'pods', '-A', '--help'] } },
  { line: 'kubectl -n kube-system get pods', want: { verb: 'kubectl', operands: ['-n', 'kube-system', 'get', 'pods'] } },
  { line: 'shell n1 --name two', want: { verb: 'shell', operands: ['n1', '--name', 'two'] } },
  { line: 'shell --name two n1 ip --json addr', want: { verb: 'shell', name: 'two', operands: ['n1', 'ip', '--json', 'addr'] } },
  { line: 'load image.tar', want: { verb: 'load', operands: ['image.tar'] } },
  { line: 'start --once', want: { verb: 'start', once: true } },
  { line: 'start --router bird', want: { verb: 'start', router: 'bird' } },
]
for (const { line, want } of accepted) {
  t.test(line, async (t) => t.same(parseLabArguments(line.split(' ')), { ok: true, value: { ...DEFAULTS, ...want } }))
}

const refused: readonly { line: string; message: RegExp }[] = [
  { line: 'fly', message: /unknown verb "fly"; there are up, down/ },
  { line: 'toString', message: /unknown verb/ },
  { line: 'up --nodes 0', message: /--nodes 0: must be 1 to 5/ },
  { line: 'up --nodes 6', message: /must be 1 to 5/ },
  { line: 'up --nodes 1e0', message: /must be 1 to 5/ },
  { line: 'up --nodes', message: /--nodes needs a value/ },
  { line: 'up --name Upper', message: /--name "Upper": must be/ },
  { line: `up --name ${'x'.repeat(25)}`, message: /must be 1 to 24/ },
  { line: 'up --name ../x', message: /must be 1 to 24/ },
  { line: 'up --dual-stack=yes', message: /--dual-stack takes no value/ },
  { line: 'up --fast', message: /unknown option --fast/ },
  { line: 'start --router cisco', message: /--router cisco: must be frr, bird, gobgp/ },
  { line: 'up --router frr', message: /--router belongs to start/ },
  { line: 'up extra', message: /up does not take "extra"/ },
  { line: 'load', message: /load needs a file/ },
  { line: 'load a b', message: /load does not take "b"/ },
  { line: 'shell', message: /shell needs a node/ },
  { line: 'kubectl', message: /needs kubectl's arguments/ },
]
for (const { line, message } of refused) {
  t.test(line, async (t) => {
    const parsed = parseLabArguments(line.split(' '))
    t.match(parsed, { ok: false, error: { code: 'BAD_ARGUMENT' } })
    if (!parsed.ok) t.match(parsed.error.message, message)
  })
}

t.test('help names every verb, and is what silence gets', async (t) => {
  for (const verb of Object.keys(VERBS)) t.match(labHelp(), new RegExp(`^ {2}${verb}\\b`, 'm'))
  for (const argv of [[], ['--help'], ['up', '-h']])
    t.match(parseLabArguments(argv), { ok: false, error: { code: 'HELP', message: labHelp() } })
})
