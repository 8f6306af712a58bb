/** `openelb pools`: every Eip in one line. */
import { GROUP } from '../../api/group.ts'
import { readLedgerState } from '../ledger-state.ts'
import { POOL_COLUMNS, poolCells, poolLines } from '../pool-line.ts'
import { misuse, type Outcome, trouble } from '../report.ts'
import type { Verb, VerbInput } from '../verb.ts'

async function run({ words, values, cluster }: VerbInput): Promise<Outcome> {
  const [name, ...more] = words
  if (more.length > 0) return misuse(`pools takes one name, not ${words.join(' ')}`)
  const all = poolLines(await readLedgerState(cluster, values))
  const lines = name === undefined ? all : all.filter((line) => line.name === name)
  if (name !== undefined && lines.length === 0) return trouble(`there is no Eip ${name}`)
  return {
    kind: 'report',
    code: 0,
    report: {
      blocks: [{ kind: 'table', table: { columns: POOL_COLUMNS, rows: lines.map(poolCells) } }],
      value: { items: lines },
      names: lines.map((line) => `eip.${GROUP}/${line.name}`),
      ...(lines.length === 0 && { note: 'There is no Eip: create one, as docs/crds.md shows.' }),
    },
  }
}

export const pools: Verb = {
  name: 'pools',
  synopsis: ['pools [EIP] [-o wide|json|yaml|name]'],
  summary: 'every Eip: its addresses, what is left, whom it serves, who waits for it',
  about: `Lists the Eips. USED counts the claims in the name of the Eip, also those whose address has left its ranges (DRAINING, with -o wide);
TOTAL is what it may give, without what it excludes; FREE is what nobody holds of that. WAITING counts Services whose reason names it.`,
  flags: ['output', 'no-headers'],
  lists: true,
  run,
}
