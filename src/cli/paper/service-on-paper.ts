/** A Service as it would be after the allocator's patch. */
import type { DesiredService } from '../../allocator/service-status.ts'
import { setCondition } from '../../api/condition.ts'
import type { ServiceObject } from '../../api/core-objects.ts'
import { ALLOCATED_CONDITION, EIP_NAME } from '../../api/service-annotations.ts'

/** Only what a later decision looks at: addresses, our condition, label and annotations. */
export function showOnPaper(service: ServiceObject, desired: DesiredService, resourceVersion: string, now: string): ServiceObject {
  const { [EIP_NAME]: _former, ...labels } = service.metadata.labels ?? {}
  const before = service.status?.conditions ?? []
  const conditions =
    desired.condition === undefined
      ? before.filter(({ type }) => type !== ALLOCATED_CONDITION)
      : setCondition(before, { type: ALLOCATED_CONDITION, ...desired.condition }, now)
  const loadBalancer = desired.ingress === undefined ? service.status?.loadBalancer : { ingress: desired.ingress.map((ip) => ({ ip })) }
  return {
    ...service,
    metadata: {
      ...service.metadata,
      resourceVersion,
      labels: { ...labels, ...(desired.eip !== undefined && { [EIP_NAME]: desired.eip }) },
      annotations: { ...service.metadata.annotations, ...desired.annotations },
    },
    status: { ...service.status, conditions, ...(loadBalancer !== undefined && { loadBalancer }) },
  }
}
