/** The key of a Service in queues and texts: `namespace/name`. */
export const serviceKey = (ref: { readonly namespace?: string; readonly name: string }): string => `${ref.namespace ?? ''}/${ref.name}`
