import { KINDS } from '../../src/api/kinds.ts'
import { ADMISSION_NAME, COMPONENT, CONTROLLER_NAME, SPEAKER_NAME, WEBHOOK_SERVICE_ACCOUNT } from '../../src/api/names.ts'
import { mutatingConfiguration, validatingConfiguration } from './admission.ts'
import { allocatorDeployment } from './allocator.ts'
import { certgenJobs } from './certgen.ts'
import type { Installation, ManifestObject } from './installation.ts'
import { namespaceObject, serviceAccount, settingsConfigMap } from './namespace.ts'
import { ALLOCATOR_RIGHTS, CERTGEN_RIGHTS, rbacObjects, SPEAKER_RIGHTS, WEBHOOK_RIGHTS } from './rbac.ts'
import { speakerDaemonSet } from './speaker.ts'
import { disruptionBudget, webhookDeployment, webhookServices } from './webhook.ts'

/** The CustomResourceDefinitions of all our kinds. */
export function customResourceDefinitions(): ManifestObject[] {
  return KINDS.map((kind) => kind.crd() as ManifestObject)
}

/**
 * Every object of an installation, in the order of deploy/openelb.yaml.
 *
 * `kubectl delete -f` deletes in this order, without waiting in between, and that decides what an uninstall leaves:
 * the Namespace goes first, which tells the allocator to take our label, annotation and condition off all Services;
 * then the webhook configurations, so that nothing waits for Pods that are gone; the kinds late; and the allocator's
 * own rights last, since it needs them until then. `kubectl apply` works in this order too: a Deployment whose
 * ServiceAccount comes a moment later retries.
 */
export function manifestObjects(installation: Installation): ManifestObject[] {
  return [
    namespaceObject(installation),
    validatingConfiguration(installation),
    mutatingConfiguration(installation),
    settingsConfigMap(installation),
    serviceAccount(installation, ADMISSION_NAME, COMPONENT.certgen),
    ...rbacObjects(installation, CERTGEN_RIGHTS),
    ...certgenJobs(installation),
    serviceAccount(installation, WEBHOOK_SERVICE_ACCOUNT, COMPONENT.admission),
    ...rbacObjects(installation, WEBHOOK_RIGHTS),
    ...webhookServices(installation),
    webhookDeployment(installation),
    disruptionBudget(installation, ADMISSION_NAME, COMPONENT.admission),
    serviceAccount(installation, SPEAKER_NAME, COMPONENT.speaker),
    ...rbacObjects(installation, SPEAKER_RIGHTS),
    speakerDaemonSet(installation),
    disruptionBudget(installation, CONTROLLER_NAME, COMPONENT.controller),
    ...customResourceDefinitions(),
    allocatorDeployment(installation),
    serviceAccount(installation, CONTROLLER_NAME, COMPONENT.controller),
    ...rbacObjects(installation, ALLOCATOR_RIGHTS),
  ]
}
