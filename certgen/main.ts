#!/usr/bin/env node
import process from 'node:process'
import { createApiClient } from '../src/kube/client.ts'
import { systemClock } from '../src/runtime/clock.ts'
import { describeError } from '../src/runtime/logger.ts'
import { createProcessLogger, productVersion, runMain, UsageError } from '../src/runtime/process.ts'
import { createCertificateCluster } from './cluster.ts'
import { type RunConfig, readConfig } from './config.ts'
import { runVerb } from './reconcile.ts'

runMain('certgen', async () => {
  const config = readConfig(process.argv.slice(2), process.env)
  if (!config.ok) throw new UsageError(config.error)
  if (config.value.verb === 'help') return void process.stdout.write(config.value.text)
  if (config.value.verb === 'version') return void process.stdout.write(`${productVersion()}\n`)
  return run(config.value)
})

/** Gives the exit code. */
async function run(config: RunConfig): Promise<number> {
  const logger = createProcessLogger('certgen', config.logFormat, config.logLevel)
  for (const warning of config.warnings) logger.warn(warning)
  const kubeconfigPath = config.kubeconfigPath === '' ? undefined : config.kubeconfigPath
  const client = createApiClient({ kubeconfigPath, userAgent: `openelb-certgen/${productVersion()}`, logger })
  const configurations = config.verb === 'create' ? { webhookName: '', validating: false, mutating: false } : config
  const { webhookName, validating, mutating } = configurations
  const cluster = createCertificateCluster({ client, namespace: config.namespace, webhookName, validating, mutating })
  try {
    await runVerb(config, { cluster, logger, clock: systemClock }, Math.random)
    return 0
  } catch (error) {
    logger.error(`${config.verb} failed: ${describeError(error)}`)
    return 1
  } finally {
    client.close()
  }
}
