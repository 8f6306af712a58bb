import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { type Chapter, get, NAMESPACE, type Suite } from './suite.ts'

interface Rule {
  readonly apiGroups: string[]
  readonly resources: string[]
  readonly verbs: string[]
}
interface Role {
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly rules: Rule[]
}
interface Binding {
  readonly metadata: { readonly name: string }
  readonly roleRef: { readonly kind: string; readonly name: string }
  readonly subjects?: { readonly kind: string; readonly name: string; readonly namespace?: string }[]
}
interface AuditEvent {
  readonly stage: string
  readonly verb: string
  readonly requestURI: string
  readonly user: { readonly username: string }
  readonly objectRef?: { readonly resource?: string; readonly apiGroup?: string; readonly subresource?: string }
  readonly annotations?: Readonly<Record<string, string>>
}

/** `account verb group/resource` of every call that our ServiceAccounts made; and the ones the API server forbade. */
export async function calls(file: string): Promise<{ made: Set<string>; forbidden: string[] }> {
  const made = new Set<string>()
  const forbidden: string[] = []
  const ours = `system:serviceaccount:${NAMESPACE}:`
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const event = JSON.parse(line) as AuditEvent
    if (!event.user.username.startsWith(ours) || event.objectRef?.resource === undefined) continue
    const { resource, subresource, apiGroup = '' } = event.objectRef
    const what = `${event.user.username.slice(ours.length)} ${event.verb} ${apiGroup}/${resource}${subresource === undefined ? '' : `/${subresource}`}`
    // Not by status code: creating an Event in a namespace that is being deleted is a 403 too.
    if (event.annotations?.['authorization.k8s.io/decision'] === 'forbid') forbidden.push(what)
    else made.add(what)
  }
  return { made, forbidden }
}

/** `account verb group/resource` of every verb that our roles grant. */
async function grants(suite: Suite): Promise<string[]> {
  const list = async <T>(...args: string[]): Promise<T[]> => (await get<{ items: T[] }>(suite, ...args))?.items ?? []
  const roles = new Map<string, Role>()
  for (const role of await list<Role>('clusterroles')) roles.set(`ClusterRole ${role.metadata.name}`, role)
  for (const role of await list<Role>('roles', '-n', NAMESPACE)) roles.set(`Role ${role.metadata.name}`, role)
  const bindings = [...(await list<Binding>('clusterrolebindings')), ...(await list<Binding>('rolebindings', '-n', NAMESPACE))]
  const granted: string[] = []
  for (const { subjects = [], roleRef } of bindings) {
    for (const subject of subjects.filter(({ kind, namespace }) => kind === 'ServiceAccount' && namespace === NAMESPACE)) {
      for (const rule of roles.get(`${roleRef.kind} ${roleRef.name}`)?.rules ?? []) {
        for (const group of rule.apiGroups) {
          for (const resource of rule.resources) for (const verb of rule.verbs) granted.push(`${subject.name} ${verb} ${group}/${resource}`)
        }
      }
    }
  }
  return granted
}

/** Least privilege, measured: a verb that nothing used through the whole suite should not have been granted. */
export const rbac: Chapter = async (t, suite) => {
  await t.test('every granted verb was used, and nothing was forbidden', async (t) => {
    const granted = await grants(suite)
    t.ok(granted.length > 20, `${granted.length} verbs are granted`)
    const { made, forbidden } = await calls(suite.auditLog)
    t.strictSame(
      granted.filter((grant) => !made.has(grant)),
      [],
      'granted but never used',
    )
    t.strictSame([...new Set(forbidden)], [], 'asked for but forbidden')
    t.notOk(
      granted.some((grant) => grant.includes('*')),
      'no wildcard',
    )
  })
}
