import t from 'tap'
import { ALL_BINARIES, buildFlags, builtFolder, etcdVersion, versionMatches } from '../../lab/binary-source.ts'
import { labCache } from '../../lab/cache.ts'
import { isStatic } from '../../lab/sandbox-images.ts'

const INPUTS = { kubernetes: '1.34.4', goMod: 'module x\n', goSum: 'a b\n', architecture: 'x64' }

t.test('any byte of the inputs makes another cache folder, and so does the compiler', async (t) => {
  const changed = [
    INPUTS,
    { ...INPUTS, goMod: 'module x\n\n' },
    { ...INPUTS, goSum: 'a b' },
    { ...INPUTS, kubernetes: '1.34.5' },
    { ...INPUTS, architecture: 'arm64' },
    // A byte that moves from one file to the next is a change, too.
    { ...INPUTS, goMod: 'module x\na', goSum: ' b\n' },
  ]
  const folders = [...changed.map((inputs) => builtFolder(inputs, 'go1.24.0')), builtFolder(INPUTS, 'go1.24.1')]
  t.equal(new Set(folders).size, folders.length)
  t.equal(builtFolder(INPUTS, 'go1.24.0'), builtFolder({ ...INPUTS }, 'go1.24.0'), 'and nothing else does')
  t.ok(builtFolder(INPUTS, 'go1.24.0').startsWith(builtFolder(INPUTS, undefined)), 'without a compiler it is a prefix')
})

t.test('flags stamp the version into what is Kubernetes', async (t) => {
  for (const name of ALL_BINARIES) {
    const flags = buildFlags(name, '1.34.4').join(' ')
    t.match(flags, /-trimpath/)
    t.equal(flags.includes('gitVersion=v1.34.4') && flags.includes('gitMinor=34'), name !== 'etcd', name)
  }
})

const versions: readonly [Parameters<typeof versionMatches>[0], string, boolean][] = [
  ['kubelet', 'Kubernetes v1.34.4\n', true],
  ['kubelet', 'Kubernetes v1.34.40\n', false],
  ['kubelet', 'Kubernetes v1.34.4-rc.1\n', false],
  ['kubelet', 'Kubernetes v1.33.4\n', false],
  ['kubectl', 'Client Version: v1.34.4\nKustomize Version: v5.7.1\n', true],
  ['kubectl', 'Client Version: v1.31.0\n', false],
  ['etcd', 'etcd Version: 3.6.4\nGit SHA: x\n', true],
  ['etcd', 'etcd Version: 3.4.30\n', false],
  ['etcd', '', false],
]
for (const [name, output, want] of versions) {
  t.test(`${name}: ${output.split('\n')[0]}`, async (t) => t.equal(versionMatches(name, output, '1.34.4'), want))
}

t.test('etcd is the version of go.mod', async (t) => {
  t.equal(etcdVersion('require (\n\tgo.etcd.io/etcd/server/v3 v3.6.4\n)'), '3.6.4')
  t.equal(etcdVersion('module x'), undefined)
})

t.test('the cache follows the XDG specification', async (t) => {
  t.equal(labCache({ XDG_CACHE_HOME: '/c' }), '/c/openelb-lab')
  t.match(labCache({ XDG_CACHE_HOME: 'relative' }), /\/\.cache\/openelb-lab$/)
  t.match(labCache({}), /\/\.cache\/openelb-lab$/)
})

t.test('a static program asks for no interpreter', async (t) => {
  t.equal(isStatic(elf([1, 1, 7])), true)
  t.equal(isStatic(elf([6, 3, 1])), false)
  t.equal(isStatic(Buffer.from('#!/bin/sh\n')), false)
  t.equal(isStatic(elf([1, 1]).subarray(0, 70)), false, 'truncated')
})

/** A 64-bit ELF header with program headers of these types. */
function elf(types: readonly number[]): Buffer {
  const file = Buffer.alloc(64 + types.length * 56)
  file.writeUInt32BE(0x7f454c46)
  file[4] = 2
  file[5] = 1
  file.writeBigUInt64LE(64n, 0x20)
  file.writeUInt16LE(56, 0x36)
  file.writeUInt16LE(types.length, 0x38)
  for (const [at, type] of types.entries()) file.writeUInt32LE(type, 64 + at * 56)
  return file
}
