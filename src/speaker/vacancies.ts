/** Since when this node has seen each address vacant. Times are milliseconds of one monotonic clock that the caller reads. */
export interface Vacancies {
  /** Milliseconds since this vacancy of the claim was first asked about; another `vacancy` text starts anew. */
  forMs(claim: string, vacancy: string, nowMs: number): number
  /** The claim is owned or gone. */
  forget(claim: string): void
}

/** Creates an empty register. */
export function createVacancies(): Vacancies {
  const since = new Map<string, { readonly vacancy: string; readonly atMs: number }>()
  return {
    forMs(claim, vacancy, nowMs) {
      const known = since.get(claim)
      if (known?.vacancy === vacancy) return nowMs - known.atMs
      since.set(claim, { vacancy, atMs: nowMs })
      return 0
    },
    forget: (claim) => void since.delete(claim),
  }
}
