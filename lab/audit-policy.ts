/**
 * What the lab's API server writes into its audit log: one line per request of a ServiceAccount, without bodies. The lab's own
 * components (certificates, no ServiceAccounts) are left out, so the log stays small and a test can set the verbs that were used
 * against the verbs that were granted. JSON is YAML.
 */
export const AUDIT_POLICY = `${JSON.stringify(
  {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }],
  },
  undefined,
  2,
)}\n`
