/** The laws of addresses, judged over every version of every Service and claim in the order in which the API server stored them. Pure. */

/** One version of a Service. `shown` is empty, and `exists` false, once it is deleted. */
export interface ServiceSeen {
  readonly kind: 'service'
  readonly revision: number
  /** `namespace/name`. */
  readonly key: string
  readonly uid: string
  readonly exists: boolean
  readonly shown: readonly string[]
  /** Everything that its owner may ask for, as one text: as long as it is the same, no held address may go. */
  readonly wish: string
  /** Whether it says that what it asks for it cannot have now; it may still show what it had. */
  readonly isWaiting: boolean
  /** The key under which it shares an address. */
  readonly sharing?: string | undefined
  /** `TCP/80`. */
  readonly ports: readonly string[]
}

/** One version of a claim. */
export interface ClaimSeen {
  readonly kind: 'claim'
  readonly revision: number
  readonly address: string
  readonly exists: boolean
  /** Uids. */
  readonly holders: readonly string[]
}

export type Seen = ServiceSeen | ClaimSeen

export interface Violation {
  /**
   * - `double`: two Services that do not share show one address;
   * - `unclaimed`: a Service shows an address whose claim does not name it;
   * - `moved`: a Service lost an address although it neither asked for another since nor waited for the one it got;
   * - `leaked`: at the end a claim names a Service that does not show the address;
   * - `order`: the history itself is not usable.
   */
  readonly law: 'double' | 'unclaimed' | 'moved' | 'leaked' | 'order'
  readonly revision: number
  readonly says: string
}

interface Known extends ServiceSeen {
  /** When what it shows, and what it asks for, last changed. */
  readonly shownAt: number
  readonly wishAt: number
}

/** Judges a history; `atRest` says that at its end nothing is under way, so that every claim must be on show. */
export function judge(history: readonly Seen[], { atRest }: { readonly atRest: boolean }): readonly Violation[] {
  const services = new Map<string, Known>()
  const claims = new Map<string, ClaimSeen>()
  const violations: Violation[] = []
  const ordered = history.toSorted((a, b) => a.revision - b.revision)
  for (const [at, seen] of ordered.entries()) {
    if (ordered[at - 1]?.revision === seen.revision) violations.push(told('order', seen.revision, 'two changes have one revision'))
    if (seen.kind === 'claim') {
      if (seen.exists) claims.set(seen.address, seen)
      else claims.delete(seen.address)
      violations.push(
        ...unclaimed(
          seen.revision,
          [...services.values()].filter(({ shown }) => shown.includes(seen.address)),
          claims,
        ),
      )
      continue
    }
    const before = services.get(seen.uid)
    const known: Known = withChanges(before, seen)
    if (before !== undefined) violations.push(...moved(before, known))
    if (seen.exists) services.set(seen.uid, known)
    else services.delete(seen.uid)
    if (seen.exists) violations.push(...unclaimed(seen.revision, [known], claims), ...doubled(known, services))
  }
  if (atRest) violations.push(...leaked(ordered.at(-1)?.revision ?? 0, services, claims))
  return violations
}

const told = (law: Violation['law'], revision: number, says: string): Violation => ({ law, revision, says })

function withChanges(before: Known | undefined, seen: ServiceSeen): Known {
  const sameShown = before !== undefined && before.shown.join() === seen.shown.join()
  const sameWish = before !== undefined && before.wish === seen.wish
  return { ...seen, shownAt: sameShown ? before.shownAt : seen.revision, wishAt: sameWish ? before.wishAt : seen.revision }
}

function moved(before: Known, now: Known): readonly Violation[] {
  if (!now.exists) return []
  const lost = before.shown.filter((address) => !now.shown.includes(address))
  const gotItsWish = before.isWaiting && !now.isWaiting && now.shown.length > 0
  if (lost.length === 0 || now.wishAt > before.shownAt || gotItsWish) return []
  const instead = now.shown.join(',') || 'nothing'
  return [told('moved', now.revision, `${now.key} shows ${instead} in place of ${lost.join(',')}, and asked for nothing else`)]
}

function unclaimed(revision: number, showing: readonly Known[], claims: ReadonlyMap<string, ClaimSeen>): readonly Violation[] {
  return showing.flatMap(({ key, uid, shown }) =>
    shown
      .filter((address) => claims.get(address)?.holders.includes(uid) !== true)
      .map((address) => told('unclaimed', revision, `${key} shows ${address}, held by ${claims.get(address)?.holders.join() ?? 'nobody'}`)),
  )
}

function doubled(now: Known, services: ReadonlyMap<string, Known>): readonly Violation[] {
  if (now.shown.length === 0) return []
  return [...services.values()].flatMap((other) =>
    other.uid === now.uid || mayShare(now, other)
      ? []
      : now.shown
          .filter((address) => other.shown.includes(address))
          .map((address) => told('double', now.revision, `${address} is shown by ${now.key} and ${other.key}`)),
  )
}

const mayShare = (one: ServiceSeen, other: ServiceSeen): boolean =>
  one.sharing !== undefined && one.sharing === other.sharing && !one.ports.some((port) => other.ports.includes(port))

function leaked(revision: number, services: ReadonlyMap<string, Known>, claims: ReadonlyMap<string, ClaimSeen>): readonly Violation[] {
  return [...claims.values()].flatMap(({ address, holders }) => {
    const hidden = holders.filter((uid) => services.get(uid)?.shown.includes(address) !== true)
    if (holders.length > 0 && hidden.length === 0) return []
    const names = hidden.map((uid) => services.get(uid)?.key ?? `a Service that is gone (${uid})`)
    return [told('leaked', revision, `the claim of ${address} is held by ${names.join(' and ') || 'nobody'}, who does not show it`)]
  })
}
