import { readFileSync } from 'node:fs'
import t from 'tap'

interface Locked {
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
}

/**
 * `npm ci` refuses a lock file that lacks an entry which some package names, also for another operating system. A
 * registry that does not carry such a package makes `npm install` leave its entry out without a word.
 */
t.test('every dependency that a locked package names has its entry', async (t) => {
  const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as { packages: Record<string, Locked> }
  const missing = Object.entries(lock.packages).flatMap(([folder, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !found(lock.packages, folder, name))
      .map((name) => `${folder} needs ${name}`),
  )
  t.same(missing, [])
  t.ok(Object.keys(lock.packages).length > 100)
})

/** Node's way: the nearest node_modules folder on the way up. */
function found(packages: Record<string, Locked>, folder: string, name: string): boolean {
  if (packages[folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`] !== undefined) return true
  return folder !== '' && found(packages, folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/'))), name)
}
