import { parseArgs } from 'node:util'
import { runChecks } from './checks.ts'
import { ensureScenarioHost, ensureTap, scenarioRefusal } from './prerequisites.ts'
import { secondTry } from './second-try.ts'
import { findTests, runScenario, runUnits } from './suites.ts'
import { addTally, NOTHING, type Tally } from './tap-stream.ts'

const HELP = `Usage: npm test                             everything: checks, unit tests, scenarios
       npm test -- unit [FILE...]           the unit tests, or some of their files
       npm test -- scenario [NAME...]       the scenarios, or some of them
       npm test -- check                    the static checks (npm run check)

Scenarios start a real Kubernetes API server, some a whole cluster, in network namespaces of this host: they need
Linux and root, and install what they lack. Elsewhere they are left out, and the output says so; where CI=true is set
that is a failure. The last line says how many assertions passed and failed.
Scenarios: ${[...findTests().scenarios.keys()].join(', ')}
`

/** Scenarios mostly wait (for a Lease, a restart, a time-out), so two of them share two cores well; each has a lab of its own. */
const LANES = 2
/** The rest is short. A long one that starts last would run alone at the end. */
const LONG = ['cluster', 'allocator', 'bgp-nodes', 'takeover', 'certificates', 'failpoints', 'lab']

/**
 * A speaker that waits a third of a second for a CPU counts as dead, and rightly: where fail-over is judged nothing else runs. So where not
 * one request may be lost, and where a hold time of three seconds is not to end by itself.
 */
const isAlone = (name: string): boolean => /^(bench|bgp-(matrix|traffic)|cli-speakers|failover|junk|layer2|membership)/.test(name)

let preparation: Promise<void> | undefined

/** Once. A failure is told where scenarios begin. */
const prepareHost = (): Promise<void> => (preparation ??= ensureScenarioHost(say))

process.exit(await main(process.argv.slice(2)))

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: argv, options: { help: { type: 'boolean' } }, allowPositionals: true })
  const [part = 'all', ...names] = positionals
  if (values.help === true) {
    process.stdout.write(HELP)
    return 0
  }
  if (!['all', 'unit', 'scenario', 'check'].includes(part)) {
    process.stderr.write(`there is no part "${part}"; write unit, scenario or check, or nothing for everything\n\n${HELP}`)
    return 2
  }
  const startMs = performance.now()
  const tally = await runParts(part, names)
  console.log(`\nall done in ${((performance.now() - startMs) / 1000).toFixed(0)} s`)
  console.log(`${tally.passed} passed, ${tally.failed} failed`)
  return tally.failed === 0 ? 0 : 1
}

async function runParts(part: string, names: readonly string[]): Promise<Tally> {
  let tally = NOTHING
  const wants = (name: string) => part === 'all' || part === name
  await ensureTap(say)
  // Some unit tests speak with real routers in namespaces of their own: where everything runs they are installed first.
  if (part === 'all' && scenarioRefusal() === undefined) await prepareHost().catch(() => undefined)
  if (wants('check')) tally = addTally(tally, await titled('static checks', () => checks()))
  if (wants('unit'))
    tally = addTally(tally, await titled('unit tests', () => runUnits(names.length > 0 ? names : findTests().units, console.log)))
  if (wants('scenario')) tally = addTally(tally, await titled('scenarios', () => scenarios(names)))
  return tally
}

async function titled(title: string, run: () => Promise<Tally>): Promise<Tally> {
  console.log(`\n== ${title}`)
  return run()
}

async function checks(): Promise<Tally> {
  return (await runChecks(console.log)) ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

async function scenarios(names: readonly string[]): Promise<Tally> {
  const all = findTests().scenarios
  const unknown = names.filter((name) => !all.has(name))
  if (unknown.length > 0) return fail(`no scenario is called ${unknown.join(', ')}; there are ${[...all.keys()].join(', ')}`)
  const chosen = names.length > 0 ? names : [...all.keys()]
  const refusal = scenarioRefusal()
  if (refusal !== undefined) return leaveOut(chosen, refusal)
  try {
    await prepareHost()
  } catch (error) {
    return fail(`this host cannot be prepared: ${error instanceof Error ? error.message : error}`)
  }
  const run = (name: string) => {
    const print = (text: string) => console.log(text.replaceAll(/^/gm, `${name}: `))
    return runScenario(name, all.get(name) ?? '', print)
  }
  const failed = new Set<string>()
  const noted = async (name: string): Promise<Tally> => {
    const tally = await run(name)
    if (tally.failed > 0) failed.add(name)
    return tally
  }
  const together = await inLanes(longestFirst(chosen.filter((name) => !isAlone(name))), LANES, noted)
  const tally = addTally(together, await inLanes(chosen.filter(isAlone), 1, noted))
  return secondTry(tally, [...failed], run, console.log)
}

function longestFirst(names: readonly string[]): string[] {
  const rank = (name: string) => (LONG.includes(name) ? LONG.indexOf(name) : LONG.length)
  return names.toSorted((a, b) => rank(a) - rank(b))
}

async function inLanes(names: readonly string[], lanes: number, run: (name: string) => Promise<Tally>): Promise<Tally> {
  const queue = names.values()
  let tally = NOTHING
  const lane = async (): Promise<void> => {
    for (const name of queue) {
      const added = await run(name)
      tally = addTally(tally, added)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return tally
}

/** On a developer's machine that is no failure; in CI nobody would notice. */
function leaveOut(names: readonly string[], why: string): Tally {
  console.log(`NOT RUN: ${names.join(', ')}. ${why}`)
  return process.env['CI'] === 'true' ? { passed: 0, failed: names.length } : NOTHING
}

function fail(message: string): Tally {
  console.log(`FAIL ${message}`)
  return { passed: 0, failed: 1 }
}

function say(line: string): void {
  console.log(`[test] ${line}`)
}
