import type { NamespaceObject } from '../../api/core-objects.ts'
import type { Teller, Watched } from './sources.ts'

/** Tells that a Namespace appeared or has other labels. Returns the end of it. */
export function followNamespaces(watched: Watched<NamespaceObject>, tell: Teller): () => void {
  return watched.subscribe(({ key, before, after }) => {
    const same = JSON.stringify(before?.metadata.labels) === JSON.stringify(after?.metadata.labels)
    if (before === undefined || !same) tell.happened({ kind: 'namespace-changed', namespace: key })
  })
}
