import { DEFAULT_KUBERNETES, ensureBinaries } from '../lab/binaries.ts'
import { ALL_BINARIES } from '../lab/binary-source.ts'
import { must } from '../lab/command.ts'
import { ensureRouters } from '../lab/peers/packages.ts'
import { ROUTER_KINDS } from '../lab/peers/spec.ts'
import { ensureRequirements, findCommand, hostRefusal, kernelProblems } from '../lab/requirements.ts'
import { runProgram } from './step.ts'

const BUILD_LIMIT_MS = 120_000
const INSTALL_LIMIT_MS = 300_000
/** Programs that only tests use, as clients and witnesses on the wire. */
const TEST_PROGRAMS: readonly (readonly [command: string, debianPackage: string])[] = [
  ['arping', 'iputils-arping'],
  ['curl', 'curl'],
  ['openssl', 'openssl'],
  ['tcpdump', 'tcpdump'],
  ['tshark', 'tshark'],
]

/** Why the scenarios cannot run on this host; undefined when they can. */
export function scenarioRefusal(): string | undefined {
  const [problem] = hostRefusal() === undefined ? kernelProblems() : []
  return hostRefusal() ?? (problem === undefined ? undefined : `${problem.problem}: ${problem.cure}`)
}

/**
 * What the scenarios need and a fresh host lacks: Debian packages and the programs of Kubernetes (found, downloaded or
 * built; that takes minutes once). Done before the suites, so that their time bounds are about the product.
 */
export async function ensureScenarioHost(log: (line: string) => void): Promise<void> {
  await ensureRequirements('cluster', { install: true, log })
  const missing = TEST_PROGRAMS.filter(([command]) => findCommand(command) === undefined).map(([, debianPackage]) => debianPackage)
  if (missing.length > 0) {
    log(`installing for the tests: ${missing.join(', ')}`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    await must('packages', ['apt-get', 'install', '--no-install-recommends', '-y', ...missing], { timeoutMs: INSTALL_LIMIT_MS, env })
  }
  await ensureRouters(ROUTER_KINDS, { install: true, log })
  await ensureBinaries(ALL_BINARIES, DEFAULT_KUBERNETES, log)
}

/** Plugins that .taprc takes out of tap; a freshly installed tap still has them, and loads ten times slower. */
const REMOVED_PLUGINS = /@tapjs\/(typescript|mock)\b/
const PRINT_PLUGINS = "import('tap').then(({ t }) => process.stdout.write(t.pluginSignature), () => process.exit(3))"

/** Builds tap anew when it has other plugins than .taprc says: once after `npm ci`. Rejects when that fails. */
export async function ensureTap(log: (line: string) => void): Promise<void> {
  const present = await runProgram({ argv: ['-e', PRINT_PLUGINS], limitMs: BUILD_LIMIT_MS })
  if (present.ok && !REMOVED_PLUGINS.test(present.output)) return
  log('building tap without its compiler and mocks (once after npm ci, about 20 s)')
  const built = await runProgram({ argv: ['node_modules/tap/dist/esm/run.mjs', 'build'], limitMs: BUILD_LIMIT_MS })
  if (!built.ok) throw new Error(`tap build: ${built.reason}\n${built.output}`)
}
