/** Asks for moves and waits for them: a wish in an annotation of each claim, which the target fulfils. */
import type { AddressClaimObject } from '../../api/address-claim.ts'
import { formatMove, MOVE } from '../../api/claim-annotations.ts'
import type { ObjectMeta } from '../../api/core-objects.ts'
import { ADDRESS_CLAIMS } from '../../kube/resources.ts'
import { attempt, type ClusterReader, type Reading } from '../cluster-reader.ts'
import { explainTrouble } from '../trouble.ts'
import { type Move, type Standing, standingOf } from './plan.ts'

/** How one move ended. `tookMs` is from the write of the wish to the first look that showed it fulfilled. */
export interface Ended {
  readonly move: Move
  readonly end: Standing | { readonly kind: 'failed'; readonly why: string }
  readonly tookMs: number
}

interface Running {
  readonly move: Move
  readonly askedMs: number
}

/** The claim changes under us when its owner, its conditions or its holders do: each try decides anew. */
const TRIES = 5
const LANES = 8
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 250
/** More claims than these are looked at by one list. */
const MOST_SINGLE = 16
const PROGRESS_EVERY_MS = 2000

export interface Told {
  /** Progress, one line each. */
  say(text: string): void
}

/** Ends when every move has ended or `waitMs` are over; a wish that is not fulfilled by then is taken back. Never rejects with an ApiError. */
export async function carryOut(cluster: ClusterReader, moves: readonly Move[], waitMs: number, { say }: Told): Promise<readonly Ended[]> {
  const ended: Ended[] = []
  const running: Running[] = []
  await inLanes(moves, async (move) => {
    const askedMs = cluster.monotonicMs()
    const why = await ask(cluster, move)
    if (why === undefined) running.push({ move, askedMs })
    else ended.push({ move, end: why, tookMs: 0 })
  })
  ended.push(...(await follow(cluster, running, waitMs, say)))
  // Whatever became of it: an old wish must not move the address on another day.
  await inLanes(running, ({ move }) => takeBack(cluster, move))
  return moves.flatMap((move) => ended.filter((one) => one.move === move))
}

async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  const lane = async (): Promise<void> => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

const find = (cluster: ClusterReader, name: string) => cluster.find<AddressClaimObject>(ADDRESS_CLAIMS, { name })

/** Writes the wish; gives why there is nothing to wait for, if so. */
async function ask(cluster: ClusterReader, move: Move): Promise<Ended['end'] | undefined> {
  const wish = formatMove({ node: move.to, epoch: move.epoch })
  let claim: AddressClaimObject | undefined = move.claim
  for (let left = TRIES; left > 0; left--) {
    const standing = standingOf(move, claim)
    if (claim === undefined || standing.kind !== 'waiting') return standing
    const { name, resourceVersion }: ObjectMeta = claim.metadata
    const written = await attempt(cluster.annotate<AddressClaimObject>(ADDRESS_CLAIMS, { name, resourceVersion }, { [MOVE]: wish }))
    if (written.ok) return undefined
    if (written.error.reason !== 'Conflict') return { kind: 'failed', why: explainTrouble(written.error) }
    const again: Reading<AddressClaimObject | undefined> = await attempt(find(cluster, name))
    if (!again.ok) return { kind: 'failed', why: explainTrouble(again.error) }
    claim = again.value
  }
  return { kind: 'failed', why: 'the claim changes all the time: try again' }
}

async function follow(cluster: ClusterReader, asked: readonly Running[], waitMs: number, say: Told['say']): Promise<readonly Ended[]> {
  const ended: Ended[] = []
  let running = asked
  const beganMs = cluster.monotonicMs()
  let toldMs = beganMs
  for (let pauseMs = FIRST_PAUSE_MS; running.length > 0; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    const claims = await look(cluster, running)
    const nowMs = cluster.monotonicMs()
    const isOver = nowMs - beganMs >= waitMs
    const judged = running.map((one) => ({ one, end: claims === undefined ? WAITING : standingOf(one.move, claims.get(nameOf(one.move))) }))
    const done = judged.filter(({ end }) => isOver || (end.kind !== 'waiting' && end.kind !== 'unowned'))
    ended.push(...done.map(({ one, end }) => ({ move: one.move, end, tookMs: nowMs - one.askedMs })))
    running = running.filter((one) => !done.some((each) => each.one === one))
    if (running.length > 0 && nowMs - toldMs >= PROGRESS_EVERY_MS) {
      toldMs = nowMs
      say(`${ended.length} of ${asked.length} settled, waiting for the rest`)
    }
    if (running.length > 0) await cluster.wait(pauseMs)
  }
  return ended
}

const WAITING: Standing = { kind: 'waiting' }
const nameOf = ({ claim }: Move): string => claim.metadata.name

/** The claims as they are now; undefined while the API server does not answer, which is no reason to give up before the time is over. */
async function look(cluster: ClusterReader, running: readonly Running[]): Promise<ReadonlyMap<string, AddressClaimObject> | undefined> {
  const names = running.map(({ move }) => nameOf(move))
  const read = await attempt(
    names.length > MOST_SINGLE
      ? cluster.list<AddressClaimObject>(ADDRESS_CLAIMS)
      : Promise.all(names.map((name) => find(cluster, name))).then((found) => found.flatMap((claim) => claim ?? [])),
  )
  return read.ok ? new Map(read.value.map((claim) => [claim.metadata.name, claim])) : undefined
}

/** Removes our own wish and nobody else's. What cannot be removed is found by doctor, and counts only for the present epoch. */
async function takeBack(cluster: ClusterReader, move: Move): Promise<void> {
  const wish = formatMove({ node: move.to, epoch: move.epoch })
  for (let left = TRIES; left > 0; left--) {
    const claim = await attempt(find(cluster, nameOf(move)))
    if (!claim.ok || claim.value?.metadata.annotations?.[MOVE] !== wish) return
    const { name, resourceVersion } = claim.value.metadata
    const removed = await attempt(cluster.annotate(ADDRESS_CLAIMS, { name, resourceVersion }, { [MOVE]: null }))
    if (removed.ok || removed.error.reason !== 'Conflict') return
  }
}
