/** The addresses that the statuses of Eips noted for Services, kept for these until each of them has been looked at once. */
import type { Ip } from '../addr/ip.ts'
import type { Ledger } from './ledger.ts'

export interface Remembered {
  /** The addresses of each Service that was not looked at yet, by its key. */
  readonly notes: ReadonlyMap<string, readonly Ip[]>
  /** The Service was looked at: whatever came of it, its notes have done their work. Returns the addresses that they kept. */
  settle(key: string): readonly Ip[]
}

const ownerOf = (key: string): string => `remembered/${key}`

/** While a note stands, the ledger has its addresses as shown: nobody else gets them by automatic choice. */
export function createRemembered(noted: ReadonlyMap<string, readonly Ip[]>, ledger: Pick<Ledger, 'note'>): Remembered {
  const notes = new Map(noted)
  for (const [key, ips] of notes) ledger.note(ownerOf(key), ips)
  return {
    notes,
    settle(key) {
      const ips = notes.get(key) ?? []
      if (notes.delete(key)) ledger.note(ownerOf(key), [])
      return ips
    },
  }
}
