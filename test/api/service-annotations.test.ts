import { readFileSync } from 'node:fs'
import t from 'tap'
import { certgenJobName, imageName } from '../../src/api/names.ts'
import * as keys from '../../src/api/service-annotations.ts'

t.test('docs/annotations.md names every key', async (t) => {
  const page = readFileSync(new URL('../../docs/annotations.md', import.meta.url), 'utf8')
  const texts = Object.values(keys).flatMap((value) =>
    typeof value === 'string' ? [value] : typeof value === 'object' ? Object.values(value) : [],
  )
  t.ok(texts.length > 15)
  for (const text of texts) {
    const prefix = 'node-proxy.openelb.kubesphere.io'
    const isNamed = page.includes(text) || (text.startsWith(prefix) && page.includes(`\`${text.slice(prefix.length)}\``))
    t.ok(isNamed, text)
  }
})

t.test('names of Jobs and images follow the version', async (t) => {
  t.equal(certgenJobName('create', '0.1.0'), 'openelb-admission-create-0-1-0')
  t.equal(certgenJobName('patch', '1.0.0-RC.1+build'), 'openelb-admission-patch-1-0-0-rc-1-build')
  t.match(certgenJobName('create', '10.20.30-alpha.40'), /^[a-z0-9-]{1,57}$/, 'a DNS label, with room for the suffix of a Pod')
  t.equal(imageName('0.1.0'), 'ghcr.io/openelb-ts/openelb:0.1.0')
})
