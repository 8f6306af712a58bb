// Compiles raw-socket against the headers of the Node that this project brings, not those of the Node that runs npm:
// a module built for another Node does not load (ERR_DLOPEN_FAILED). npm's own install script for it is off (allowScripts).
// Only VRRP needs the module, so a machine without a C++ compiler gets a warning instead of a failed install.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const runtime = join(root, 'node_modules', `node-linux-${process.arch}`)
const nodeDir = existsSync(join(runtime, 'include', 'node', 'node.h')) ? runtime : dirname(dirname(process.execPath))
const module = join(root, 'node_modules', 'raw-socket')

if (!existsSync(module)) process.exit(0)
if (loads()) process.exit(0)
const nodeGyp = findNodeGyp()
const build = spawnSync(process.execPath, [nodeGyp, 'rebuild', `--nodedir=${nodeDir}`, '--silent'], {
  cwd: module,
  // A nodedir in somebody's .npmrc reaches us as an environment variable, and node-gyp prefers that to its arguments.
  env: { ...process.env, npm_config_nodedir: nodeDir },
  encoding: 'utf8',
  timeout: 300_000,
})
if (build.status === 0 && loads()) process.exit(0)
console.warn(`raw-socket could not be built (${lastLine(build.stderr) || build.error?.message || `exit ${build.status}`}).`)
console.warn(
  'Everything but VRRP works without it. To mend it: install g++, make and python3, then run npm rebuild raw-socket --foreground-scripts.',
)

/** Whether the compiled module loads under this very Node. */
function loads() {
  const probe = spawnSync(process.execPath, ['-e', 'require("raw-socket")'], { cwd: root, encoding: 'utf8' })
  return probe.status === 0
}

/** npm carries node-gyp; npm_execpath names npm's own entry file. */
function findNodeGyp() {
  const npm = process.env['npm_execpath']
  const require = createRequire(npm === undefined ? import.meta.url : npm)
  return require.resolve('node-gyp/bin/node-gyp.js')
}

function lastLine(text) {
  return (text ?? '').trim().split('\n').at(-1)
}
