import { startBird } from './bird.ts'
import { startFrr } from './frr.ts'
import { startGobgp } from './gobgp.ts'
import type { Router, RouterPlace } from './router.ts'
import type { RouterKind } from './spec.ts'

const STARTERS: Readonly<Record<RouterKind, (place: RouterPlace) => Promise<Router>>> = {
  frr: startFrr,
  bird: startBird,
  gobgp: startGobgp,
}

/** Starts a router in a namespace; the caller stops it. Rejects with a StepError that names its log. */
export const startRouter = (kind: RouterKind, place: RouterPlace): Promise<Router> => STARTERS[kind](place)
