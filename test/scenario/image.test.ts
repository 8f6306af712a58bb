import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { buildImage, buildRootfs } from '../../lab/image/build.ts'
import { PRODUCT_IMAGE, PRODUCT_VERSION } from '../../lab/image/tag.ts'

/** The image as a whole: built twice, taken apart, its programs started in it. Needs root for chroot. */

const NODE = '/usr/local/bin/node'
t.setTimeout(280_000)

const log = (line: string) => t.comment(line)

t.test('the same sources give the same image', async (t) => {
  const dir = t.testdir()
  const first = await buildImage({ output: join(dir, 'a.tar'), log })
  const second = await buildImage({ output: join(dir, 'b.tar'), log })
  t.equal(second.archiveDigest, first.archiveDigest)
  t.equal(second.imageId, first.imageId)
  t.equal(first.tag, PRODUCT_IMAGE)
  t.ok(first.bytes < 250e6, `${(first.bytes / 1e6).toFixed(0)} MB`)
  t.comment(`${(first.bytes / 1e6).toFixed(1)} MB, ${first.files} files, ${first.archiveDigest}`)
  execFileSync('tar', ['-xf', join(dir, 'a.tar'), '-C', dir])
  const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'))
  t.same(manifest, [{ Config: 'config.json', RepoTags: [PRODUCT_IMAGE], Layers: ['layer.tar'] }])
  const members = execFileSync('tar', ['-tvf', join(dir, 'layer.tar')], { encoding: 'utf8', maxBuffer: 32e6 })
    .trim()
    .split('\n')
  t.same(
    members.filter((line) => /^l|^h/.test(line)),
    [],
    'no links',
  )
  t.ok(
    members.every((line) => line.includes(' root/root ')),
    'everything belongs to root',
  )
})

t.test('the programs start in it, as a user without rights, with nothing else there', async (t) => {
  const root = t.testdir()
  const count = await buildRootfs(root, log)
  t.ok(count > 100)
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  t.same(
    files.filter((path) => /(^|\/)(sh|bash|npm|busybox)$|\.(ts|map|md|h|cc)$/.test(path) && !/license/i.test(path)),
    [],
    'no shell, no npm, no sources',
  )
  t.notOk(
    files.some((path) => /node_modules\/(tap|typescript|@biomejs|fast-check)(\/|$)/.test(path)),
    'no tools of development',
  )
  t.ok(existsSync(join(root, 'app/LICENSE')))
  const inside = (...argv: string[]) =>
    spawnSync('chroot', ['--userspec=65532:65532', root, NODE, ...argv], {
      encoding: 'utf8',
      timeout: 60_000,
      env: { PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    })
  t.match(inside('--version').stdout, /^v24\./)
  for (const entry of ['src/webhook', 'src/allocator', 'src/speaker', 'certgen', 'src/cli']) {
    const help = inside(`/app/dist/${entry}/main.js`, '--help')
    t.equal(help.status, 0, `${entry} --help: ${help.stderr}`)
    t.match(help.stdout, /usage|flags|--/i, entry)
  }
  const native = inside(
    '-e',
    `const koffi = require('/app/node_modules/koffi'); const libc = koffi.load('libc.so.6'); console.log(libc.func('int getuid()')())`,
  )
  t.equal(native.stdout.trim(), '65532', `koffi calls the C library: ${native.stderr}`)
  t.equal(JSON.parse(readFileSync(join(root, 'app/package.json'), 'utf8')).version, PRODUCT_VERSION)
})
