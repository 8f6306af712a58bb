/** The actions of a statement: what it changes, and whether it decides. */
import { parseIp } from '../../../addr/ip.ts'
import type { PolicySubject } from '../export-policy.ts'
import { readCommunityActions } from './community-actions.ts'
import { type Action, onAttributes, type PolicyPeer } from './route.ts'
import { type Faults, quoted, type Section } from './section.ts'
import { refuseUnread } from './sets.ts'

export type Disposition = 'accept' | 'reject' | 'continue'

export interface Actions {
  readonly changes: readonly Action[]
  readonly disposition: Disposition
}

const MAX_32 = 0xffff_ffff
const MAX_PREPEND = 255

/** `100` sets; `+100` and `-100` add to what is there, or to 0, and change nothing where the sum is no MED. */
function readMed(bgp: Section, faults: Faults): Action | undefined {
  const text = bgp.text('set-med') ?? ''
  if (text === '') return undefined
  const [, sign, digits] = /^([+-]?)(\d{1,10})$/.exec(text) ?? []
  const number = Number(digits ?? Number.NaN)
  if (digits === undefined || number > MAX_32)
    return faults.refuse(`${bgp.path}.set-med`, `is ${quoted(text)}: write 100, "+100" or "-100"`)
  if (sign === '') return onAttributes((before) => ({ ...before, med: number }))
  const step = sign === '-' ? -number : number
  return onAttributes((before) => {
    const med = (before.med ?? 0) + step
    return med < 0 || med > MAX_32 ? before : { ...before, med }
  })
}

/** Our own AS only: a path that begins with another is refused by routers that enforce the first AS (RFC 4271 section 6.3). */
function readPrepend(bgp: Section, faults: Faults): Action | undefined {
  const section = bgp.section('set-as-path-prepend')
  if (section === undefined) return undefined
  const as = section.text('as') ?? ''
  const count = section.number('repeat-n') ?? 0
  refuseUnread(section, faults)
  if (as === '' && count === 0) return undefined
  if (count > MAX_PREPEND) return faults.refuse(`${section.path}.repeat-n`, `is ${count}: write at most ${MAX_PREPEND}`)
  if (as !== 'last-as' && (!/^\d{1,10}$/.test(as) || Number(as) > MAX_32)) {
    return faults.refuse(`${section.path}.as`, `is ${quoted(as)}: write an AS number, or last-as`)
  }
  return (route) => {
    const { now, peer } = route
    const isOwn = as === 'last-as' ? peer.ownAsCount + now.prepend > 0 : Number(as) === peer.localAs
    return isOwn ? { ...now, prepend: now.prepend + count } : now
  }
}

const selfFor = ({ self }: PolicyPeer, now: PolicySubject) => self[now.prefix.family]

/** `self`, `unchanged`, or an address; one of another family than the prefix is left alone. */
function readNextHop(bgp: Section, faults: Faults): Action | undefined {
  const text = (bgp.text('set-next-hop') ?? '').toLowerCase()
  if (text === '' || text === 'unchanged') return undefined
  if (text === 'self') return ({ now, peer }) => ({ ...now, nextHop: selfFor(peer, now) ?? now.nextHop })
  if (text === 'peer-address')
    return faults.leaveOut(`${bgp.path}.set-next-hop`, 'is not followed: a router is never the next hop of its own routes')
  const ip = parseIp(text)
  if (!ip.ok) return faults.refuse(`${bgp.path}.set-next-hop`, `is ${quoted(text)}: write self, unchanged or an address`)
  return ({ now }) => (ip.value.family === now.prefix.family ? { ...now, nextHop: ip.value } : now)
}

function readDisposition(actions: Section, faults: Faults): Disposition {
  const text = (actions.text('route-disposition') ?? '').toLowerCase()
  if (text === 'accept-route') return 'accept'
  if (text === 'reject-route') return 'reject'
  if (text !== '' && text !== 'none')
    faults.refuse(`${actions.path}.route-disposition`, `is ${quoted(text)}: write accept-route or reject-route`)
  return 'continue'
}

/** Reads the table `actions` of a statement. */
export function readActions(actions: Section | undefined, faults: Faults): Actions {
  if (actions === undefined) return { changes: [], disposition: 'continue' }
  const disposition = readDisposition(actions, faults)
  const bgp = actions.section('bgp-actions')
  const changes: Action[] = []
  if (bgp !== undefined) {
    const localPref = bgp.number('set-local-pref') ?? 0
    const found = [
      ...readCommunityActions(bgp, faults),
      readMed(bgp, faults),
      localPref === 0 ? undefined : onAttributes((before) => ({ ...before, localPref })),
      readPrepend(bgp, faults),
      readNextHop(bgp, faults),
    ]
    changes.push(...found.filter((action) => action !== undefined))
    const origin = (bgp.text('set-route-origin') ?? '').toLowerCase()
    if (origin !== '' && origin !== 'igp')
      faults.leaveOut(`${bgp.path}.set-route-origin`, 'is not followed: the origin of our routes is IGP')
    refuseUnread(bgp, faults)
  }
  for (const key of ['igp-actions']) if (actions.has(key)) faults.note(`${actions.path}.${key}`, 'has no meaning: our routes have no tags')
  refuseUnread(actions, faults)
  return { changes, disposition }
}
