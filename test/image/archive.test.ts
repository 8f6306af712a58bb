import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type ImageFile, writeDockerArchive } from '../../lab/image/archive.ts'
import { tarHeader, tarLength } from '../../lab/image/tar.ts'

const CONFIG = { entrypoint: ['/usr/bin/app'], env: ['A=1'], user: '65532:65532', workingDir: '/app' }
const LONG = `deep/${'d'.repeat(90)}/${'ü'.repeat(60)}.txt`
const EMPTY = new Uint8Array()

function files(dir: string): ImageFile[] {
  const big = join(dir, 'big.bin')
  writeFileSync(big, Buffer.alloc(3_000_001, 7))
  return [
    { path: 'usr/bin/app', mode: 0o755, source: big },
    { path: '/etc/passwd', content: 'root:x:0:0::/:\n' },
    { path: 'empty', content: EMPTY },
    { path: 'tmp', directory: true, mode: 0o1777 },
    { path: 'bin/sh', link: '../usr/bin/app' },
    { path: `l/${'x'.repeat(20)}`, link: `/${'t'.repeat(140)}` },
    { path: LONG, content: 'long name' },
  ]
}

function untar(archive: string, into: string): void {
  mkdirSync(into, { recursive: true })
  execFileSync('tar', ['-xf', archive, '-C', into], { stdio: ['ignore', 'ignore', 'inherit'] })
}

t.test("a docker-archive that the machine's own tar reads", async (t) => {
  const dir = t.testdir()
  const output = join(dir, 'image.tar')
  const summary = await writeDockerArchive({ files: files(dir), config: CONFIG, tag: 'docker.io/lab/app:1', output, architecture: 'x64' })
  t.equal(summary.bytes, statSync(output).size)
  t.equal(summary.archiveDigest.slice(7), execFileSync('sha256sum', [output], { encoding: 'utf8' }).slice(0, 64))
  const outer = join(dir, 'outer')
  untar(output, outer)
  t.same(JSON.parse(readFileSync(join(outer, 'manifest.json'), 'utf8')), [
    { Config: 'config.json', RepoTags: ['docker.io/lab/app:1'], Layers: ['layer.tar'] },
  ])
  const config = JSON.parse(readFileSync(join(outer, 'config.json'), 'utf8'))
  t.match(config, {
    architecture: 'amd64',
    os: 'linux',
    config: { Entrypoint: ['/usr/bin/app'], Env: ['A=1'], User: '65532:65532', WorkingDir: '/app' },
  })
  const layer = join(outer, 'layer.tar')
  t.same(config.rootfs.diff_ids, [`sha256:${execFileSync('sha256sum', [layer], { encoding: 'utf8' }).slice(0, 64)}`])
  t.equal(summary.imageId.slice(7), execFileSync('sha256sum', [join(outer, 'config.json')], { encoding: 'utf8' }).slice(0, 64))
  const root = join(dir, 'root')
  untar(layer, root)
  t.equal(statSync(join(root, 'usr/bin/app')).size, 3_000_001)
  t.equal(statSync(join(root, 'usr/bin/app')).mode & 0o7777, 0o755)
  t.equal(statSync(join(root, 'empty')).size, 0)
  t.equal(statSync(join(root, 'tmp')).mode & 0o7777, 0o1777)
  t.equal(readlinkSync(join(root, 'bin/sh')), '../usr/bin/app')
  t.equal(readlinkSync(join(root, `l/${'x'.repeat(20)}`)), `/${'t'.repeat(140)}`)
  t.equal(readFileSync(join(root, LONG), 'utf8'), 'long name')
})

t.test('the same files in another order give the same bytes; another content does not', async (t) => {
  const dir = t.testdir()
  const list = files(dir)
  const write = (name: string, some: readonly ImageFile[]) =>
    writeDockerArchive({ files: some, config: CONFIG, tag: 'docker.io/lab/app:1', output: join(dir, name) })
  const first = await write('a.tar', list)
  const second = await write('b.tar', list.toReversed())
  const third = await write('c.tar', [...list, { path: 'one/more', content: '' }])
  t.equal(first.archiveDigest, second.archiveDigest)
  t.ok(readFileSync(join(dir, 'a.tar')).equals(readFileSync(join(dir, 'b.tar'))))
  t.not(first.archiveDigest, third.archiveDigest)
  t.not(first.imageId, third.imageId)
})

t.test('what is no image leaves no file', async (t) => {
  const dir = t.testdir()
  const output = join(dir, 'image.tar')
  const bad: readonly (readonly [string, readonly ImageFile[], RegExp])[] = [
    ['a missing source', [{ path: 'a', source: join(dir, 'nowhere') }], /ENOENT/],
    ['a path that leaves the image', [{ path: 'a/../../b', content: '' }], /no path inside/],
    ['an empty path', [{ path: '/', content: '' }], /no path inside/],
    [
      'two files at one path',
      [
        { path: 'a', content: '1' },
        { path: 'a', content: '2' },
      ],
      /two files/,
    ],
  ]
  for (const [name, some, message] of bad) {
    await t.rejects(writeDockerArchive({ files: some, config: {}, tag: 'x:1', output }), { message }, name)
    t.notOk(existsSync(output), name)
    t.same(readdirSync(dir), [], name)
  }
  await t.rejects(writeDockerArchive({ files: [], config: {}, tag: 'x:1', output: join(dir, 'no/such/dir.tar') }), { code: 'ENOENT' })
})

t.test('the length of a tar is known before it is written', async (t) => {
  const members = ['a', LONG, 'b'.repeat(100), 'c'.repeat(101)].map((path) => ({ path, kind: 'file', mode: 0o644, size: 513 }) as const)
  t.equal(tarLength(members), 4 * (512 + 1024) + 2 * 1024 + 1024)
  t.throws(() => tarHeader({ path: 'huge', kind: 'file', mode: 0o644, size: 8 ** 11 }), RangeError)
})
