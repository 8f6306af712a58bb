/** Junk on the wire of a speaker that answers. */
import { setTimeout as delay } from 'node:timers/promises'
import { type JunkVerdict, judgeJunk } from './support/junk-verdict.ts'
import { type JunkWire, startJunkWire } from './support/junk-wire.ts'
import { count, createProgress, type Progress, readOptions, SEED } from './support/soak.ts'

export const describe =
  'Floods a speaker with wrong frames, packets and streams: it goes on answering and hearing its peer, and its memory stays.'

export const flags = {
  seconds: count(60, 4, 'How long.'),
  rate: count(10_000, 1, 'Frames and packets a second.'),
  seed: SEED,
}

export interface JunkOptions {
  readonly seconds: number
  readonly rate: number
  readonly seed: number
  readonly progress: Progress
}

const PROGRESS_EVERY_S = 10

export async function throwJunk({ seconds, rate, seed, progress }: JunkOptions): Promise<JunkVerdict> {
  const wire: JunkWire = await startJunkWire()
  try {
    const before = wire.mark()
    const flood = wire.flood({ rate, seconds, seed })
    for (let second = 1; second <= seconds; second++) {
      await delay(1000)
      if (second % PROGRESS_EVERY_S === 0) progress(`${second} of ${seconds} s, ${JSON.stringify(flood.sent())}`)
    }
    await flood.ended
    return judgeJunk({
      speaker: wire.speaker.lines.slice(before.speaker),
      peer: wire.peer.lines.slice(before.peer),
      asker: wire.asker.lines.slice(before.asker),
      sent: flood.sent(),
      alive: wire.speaker.child.exitCode === null,
    })
  } finally {
    await wire.close()
  }
}

export async function run(argv: readonly string[]): Promise<object> {
  return throwJunk({ ...readOptions(argv, flags), progress: createProgress('junk') })
}
