/** Admission of BgpConfs. */
import { BgpConf } from '../../api/bgp-conf.ts'
import { validateBgpConf } from '../../policy/validate-bgp-conf.ts'
import { allow, refuse } from '../../policy/verdict.ts'
import type { AdmissionRequest, Answer } from '../admission.ts'
import { readOurs } from './objects.ts'

/** The validating webhook. Only creations and changes are judged. */
export function reviewBgpConf(request: AdmissionRequest): Answer {
  if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return allow()
  const conf = readOurs(BgpConf, request.object)
  if (!conf.ok) return refuse(conf.error, 'correct that field')
  if (conf.value.metadata.deletionTimestamp !== undefined) return allow()
  const before = request.operation === 'UPDATE' ? readOurs(BgpConf, request.oldObject) : undefined
  return validateBgpConf(conf.value, before?.ok === true ? before.value : undefined)
}
