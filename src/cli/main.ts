#!/usr/bin/env node
import type { AddressClaimObject } from '../api/address-claim.ts'
import type { ConfigMapObject, ServiceObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { DEFAULT_NAMESPACE, SETTINGS_CONFIG_MAP } from '../api/names.ts'
import { type ApiClient, createApiClient } from '../kube/client.ts'
import { findObject, listObjects } from '../kube/objects.ts'
import { ADDRESS_CLAIMS, CONFIG_MAPS, EIPS, SERVICES } from '../kube/resources.ts'
import { DEFAULT_SETTINGS, parseSettings } from '../policy/settings.ts'
import { defineFlags, formatFlags, parseFlags } from '../runtime/flags.ts'
import { createProcessLogger, productVersion, runMain, UsageError } from '../runtime/process.ts'
import { explainService } from './explain.ts'
import { formatStatus } from './status.ts'

const FLAGS = defineFlags({
  kubeconfig: {
    kind: 'string',
    default: '',
    valueName: 'FILE',
    description: 'Kubeconfig file. Without it: $KUBECONFIG, then ~/.kube/config.',
  },
  'openelb-namespace': { kind: 'string', default: DEFAULT_NAMESPACE, valueName: 'NAME', description: 'Where OpenELB is installed.' },
})

const USAGE = `Usage:
  openelb status                       pools, addresses in use, Services that wait and why
  openelb explain service NS/NAME      whose Service, what it asks for, which address, who announces it
As a kubectl plugin: kubectl openelb status

Flags:
${formatFlags(FLAGS)}`

async function status(client: ApiClient): Promise<string> {
  const [eips, claims, services] = await Promise.all([
    listObjects<EipObject>(client, EIPS),
    listObjects<AddressClaimObject>(client, ADDRESS_CLAIMS),
    listObjects<ServiceObject>(client, SERVICES),
  ])
  return formatStatus({ eips, claims, services })
}

async function explain(client: ApiClient, words: readonly string[], ownNamespace: string): Promise<string> {
  const [kind, key, ...more] = words
  const [namespace, name, ...rest] = (key ?? '').split('/')
  if (kind !== 'service' || !namespace || !name || rest.length > 0 || more.length > 0) {
    throw new UsageError('write: openelb explain service NAMESPACE/NAME')
  }
  const service = await findObject<ServiceObject>(client, SERVICES, { namespace, name })
  if (service === undefined) throw new UsageError(`there is no Service ${namespace}/${name}`)
  const [eips, claims, settings] = await Promise.all([
    listObjects<EipObject>(client, EIPS),
    listObjects<AddressClaimObject>(client, ADDRESS_CLAIMS),
    findObject<ConfigMapObject>(client, CONFIG_MAPS, { namespace: ownNamespace, name: SETTINGS_CONFIG_MAP }),
  ])
  const held = claims.filter(({ spec }) => spec.holders.some(({ uid }) => uid === service.metadata.uid))
  const parsed = parseSettings(settings?.data)
  return explainService({ service, eips, claims: held, settings: parsed.ok ? parsed.value : DEFAULT_SETTINGS, ownNamespace })
}

async function main(): Promise<number> {
  const parsed = parseFlags(process.argv.slice(2), FLAGS)
  if (!parsed.ok) throw new UsageError(parsed.error.message)
  const { values, rest, asked } = parsed.value
  const [verb, ...words] = rest
  if (asked === 'version') {
    process.stdout.write(`openelb ${productVersion()}\n`)
    return 0
  }
  if (asked === 'help' || verb === undefined || verb === 'help') {
    process.stdout.write(USAGE)
    return asked === 'help' || verb === 'help' ? 0 : 2
  }
  const logger = createProcessLogger('cli', 'text', 'warn')
  const kubeconfigPath = values.kubeconfig === '' ? undefined : values.kubeconfig
  const client = createApiClient({ kubeconfigPath, userAgent: `openelb-cli/${productVersion()}`, logger })
  try {
    if (verb === 'status' && words.length > 0) throw new UsageError(`status takes no ${words.join(' ')}; see openelb --help`)
    if (verb === 'status') process.stdout.write(`${await status(client)}\n`)
    else if (verb === 'explain') process.stdout.write(`${await explain(client, words, values['openelb-namespace'])}\n`)
    else throw new UsageError(`there is no verb ${verb}; see openelb --help`)
    return 0
  } finally {
    client.close()
  }
}

runMain('openelb', main)
