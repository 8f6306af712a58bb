/** What of a Service's settings has no effect, or not the one that was meant. */
import type { ServiceObject } from '../api/core-objects.ts'
import { SETTINGS_CONFIG_MAP } from '../api/names.ts'
import { PROTOCOL } from '../api/service-annotations.ts'
import { ADDRESS_SOURCES, EIP_SOURCES, type ServiceRequest, SHARING_SOURCES } from '../api/service-request.ts'
import type { Pool } from './pool.ts'
import type { Settings } from './settings.ts'
import type { Finding } from './verdict.ts'

/**
 * A protocol annotation beside a named Eip is no contradiction while they agree: the webhook itself writes both. About an Eip that does not
 * exist yet nothing can be said.
 */
function* ignoredFindings(
  { metadata }: ServiceObject,
  { eips: [eip], ignored }: ServiceRequest,
  pools: readonly Pool[],
): Generator<Finding> {
  const protocol = pools.find(({ name }) => name === eip)?.protocol
  const agrees = protocol === undefined || metadata.annotations?.[PROTOCOL]?.trim() === protocol
  for (const { setting, message } of ignored) if (setting !== PROTOCOL || !agrees) yield { warn: message }
}

/** Annotations of other load balancers that would be read if the settings said so: whoever moves here has them on every Service. */
function* unreadFindings({ metadata }: ServiceObject, { compat }: Settings): Generator<Finding> {
  for (const { setting, compat: other } of [...ADDRESS_SOURCES, ...EIP_SOURCES, ...SHARING_SOURCES]) {
    const text = metadata.annotations?.[setting]?.trim() ?? ''
    if (other === undefined || compat.includes(other) || text === '') continue
    yield { warn: `the annotation ${setting} is not read: compat in ConfigMap ${SETTINGS_CONFIG_MAP} does not name ${other}` }
  }
}

/** All warnings about single settings. */
export function* settingFindings(
  service: ServiceObject,
  request: ServiceRequest,
  { pools, settings }: { readonly pools: readonly Pool[]; readonly settings: Settings },
): Generator<Finding> {
  yield* ignoredFindings(service, request, pools)
  yield* unreadFindings(service, settings)
  if (request.protocol !== undefined) {
    yield { warn: `the annotation ${PROTOCOL} is deprecated: name an Eip instead, whose protocol is then used` }
  }
  const { externalTrafficPolicy, selector = {} } = service.spec
  if (externalTrafficPolicy === 'Local' && Object.keys(selector).length === 0) {
    yield {
      warn: 'externalTrafficPolicy is Local and the Service has no selector: no node announces its address unless you write EndpointSlices that name nodes',
    }
  }
}
