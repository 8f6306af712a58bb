import { type Chapter, eip, eventually, get, tryApply } from './suite.ts'

interface EipList {
  readonly items: { readonly metadata: { readonly name: string }; readonly status?: { readonly ready?: boolean } }[]
}

/** The original admits 30 of 64: its webhook lists, then decides, and two that list together never see one another. */
export const overlap: Chapter = async (t, suite) => {
  await t.test('64 pairwise overlapping Eips created at once: exactly one is admitted', async (t) => {
    const names = Array.from({ length: 64 }, (_, index) => `race-${index}`)
    const printed = await Promise.all(names.map((name, index) => tryApply(suite, eip(name, { address: `10.98.0.0-10.98.0.${index + 1}` }))))
    const admitted = printed.filter(({ code }) => code === 0)
    t.equal(
      admitted.length,
      1,
      printed.map(({ stderr }) => stderr.trim()).find((text) => text !== '' && !text.includes('overlap')) ?? 'one admitted',
    )
    for (const { code, stderr } of printed) if (code !== 0) t.match(stderr, /eip address overlap with race-/)
    const active = await eventually('its status', 10, async () => {
      const list = await get<EipList>(suite, 'eip')
      const raced = list?.items.filter(({ metadata }) => metadata.name.startsWith('race-')) ?? []
      return raced.every(({ status }) => status?.ready !== undefined) && raced
    })
    t.equal(active.length, 1, 'never two')
    await suite.kubectl(['delete', 'eip', '--all', '--timeout=20s'])
  })
}
