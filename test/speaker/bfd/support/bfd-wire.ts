/** Two machines that speak BFD and one between them, and why a machine cannot have that. */
import { must } from '../../../../lab/command.ts'
import { missingRouters } from '../../../../lab/peers/packages.ts'
import type { RouterKind } from '../../../../lab/peers/spec.ts'
import { createWire, type WirePlace } from '../../../../lab/peers/wire.ts'
import { noWire } from '../../support/wire.ts'

export interface BfdWire {
  readonly node: WirePlace
  readonly router: WirePlace
  /** Addresses on the loopback interfaces of node and router, each behind `hop`, which routes. */
  readonly far: { readonly node: string; readonly router: string }
  /** Pulls a machine's cable out of the switch, and puts it back: no interface goes down. */
  plug(place: WirePlace, plugged: boolean): Promise<void>
  close(): Promise<void>
}

/** Why the tests cannot run here; false when they can. */
export function lacking(kind: RouterKind): string | false {
  const refused = noWire()
  if (refused !== undefined) return refused
  return missingRouters([kind]).length > 0 ? `${kind} is not installed` : false
}

const FAR = { node: '10.77.0.1', router: '10.77.0.2' } as const

export async function startBfdWire(): Promise<BfdWire> {
  const wire = await createWire(['router', 'node', 'hop'])
  const [node, router, hop] = [wire.place('node'), wire.place('router'), wire.place('hop')]
  const ip = (place: WirePlace, ...words: readonly string[]) => must('ip', ['ip', '-n', place.namespace, ...words])
  await ip(node, 'addr', 'add', `${FAR.node}/32`, 'dev', 'lo')
  await ip(router, 'addr', 'add', `${FAR.router}/32`, 'dev', 'lo')
  await ip(node, 'route', 'add', `${FAR.router}/32`, 'via', hop.ipv4, 'src', FAR.node)
  await ip(router, 'route', 'add', `${FAR.node}/32`, 'via', hop.ipv4, 'src', FAR.router)
  await ip(hop, 'route', 'add', `${FAR.node}/32`, 'via', node.ipv4)
  await ip(hop, 'route', 'add', `${FAR.router}/32`, 'via', router.ipv4)
  const bridge = node.namespace.replace(/-node$/, '-net')
  return {
    ...{ node, router, far: FAR },
    async plug({ name }, plugged) {
      await must('ip', ['ip', '-n', bridge, 'link', 'set', name, ...(plugged ? ['master', 'br0'] : ['nomaster'])])
    },
    close: () => wire.close(),
  }
}

/** Far more than a loaded machine needs, and 10 times what is promised. */
export const TEN_TIMES = 10
