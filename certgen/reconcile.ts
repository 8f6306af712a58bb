import { randomBytes } from 'node:crypto'
import { MEMBERLIST_SECRET_KEY } from '../src/api/names.ts'
import { ApiError } from '../src/kube/client.ts'
import { backoffDelayMs } from '../src/runtime/backoff.ts'
import type { Clock } from '../src/runtime/clock.ts'
import { describeError, type Logger } from '../src/runtime/logger.ts'
import { issueCertificates } from './certificates.ts'
import type { CertificateCluster, FailurePolicy } from './cluster.ts'
import type { RunConfig } from './config.ts'
import { explainDefect, inspect, parseCertificates } from './inspection.ts'
import { explainReason, planRenewal, type RenewalFacts, type RenewalStep, storeNew } from './renewal.ts'
import { type KeyNames, lacksMembershipKey, readStored, type SecretContent, writeStored } from './secret.ts'

/** What every verb works with. */
export interface CertificateTools {
  readonly cluster: CertificateCluster
  readonly logger: Logger
  readonly clock: Clock
}

export interface CertificateSecret {
  readonly name: string
  readonly keyNames: KeyNames
}

/** What was found and done: nobody wrote, a new Secret, or a new content in an old Secret. */
export type EnsureOutcome = 'kept' | 'created' | 'replaced'

/**
 * Makes sure that the Secret holds certificates that can be served under `hosts`; sound ones are kept as they are. One try: a
 * rejection with reason Conflict or AlreadyExists says that somebody else wrote meanwhile, and the next try will find that.
 */
export async function ensureCertificates(
  { cluster, logger, clock }: CertificateTools,
  { name, keyNames }: CertificateSecret,
  { hosts, lifetimeMs }: { readonly hosts: readonly string[]; readonly lifetimeMs: number },
): Promise<EnsureOutcome> {
  const version = await cluster.readSecret(name)
  const stored = readStored(version?.content ?? {}, keyNames)
  const found = inspect(stored, { hosts, nowMs: clock.nowMs() })
  if (found.ok) {
    logger.info(`Secret ${name} holds a sound certificate and is kept`, { notAfter: new Date(found.value.notAfterMs).toISOString() })
    return 'kept'
  }
  if (version !== undefined) logger.warn(`Secret ${name} is of no use and is replaced: ${explainDefect(found.error)}`)
  const nowMs = clock.nowMs()
  const issued = await issueCertificates({ hosts, nowMs, lifetimeMs })
  await cluster.writeSecret(name, version, writeStored(version?.content ?? {}, storeNew(stored, 'at-once', issued, nowMs), keyNames))
  logger.info(`Secret ${name} has a new CA and certificate`, { hosts, notAfter: new Date(nowMs + lifetimeMs).toISOString() })
  return version === undefined ? 'created' : 'replaced'
}

const MEMBERSHIP_KEY_BYTES = 32

/** Makes sure that the Secret `name` holds a random key for the speakers' membership. One try, as ensureCertificates. */
export async function ensureMembershipKey({ cluster, logger }: CertificateTools, name: string): Promise<EnsureOutcome> {
  const version = await cluster.readSecret(name)
  if (version !== undefined && !lacksMembershipKey(version.content)) return 'kept'
  const key = randomBytes(MEMBERSHIP_KEY_BYTES).toString('base64')
  const content: SecretContent = { ...version?.content, [MEMBERLIST_SECRET_KEY]: Buffer.from(key).toString('base64') }
  await cluster.writeSecret(name, version, content)
  logger.info(`Secret ${name} has a new random key for the speakers`)
  return version === undefined ? 'created' : 'replaced'
}

/**
 * Writes the Secret's bundle of CAs into the webhook configurations; gives those that it changed. One try. Rejects when the Secret
 * has no readable bundle yet or a configuration is missing: both may come a moment later.
 */
export async function publishBundle(
  { cluster, logger }: CertificateTools,
  { name, keyNames }: CertificateSecret,
  failurePolicy?: FailurePolicy,
): Promise<readonly string[]> {
  const version = await cluster.readSecret(name)
  if (version === undefined) throw new Error(`there is no Secret ${name} yet: certgen create makes it`)
  const { ca } = readStored(version.content, keyNames)
  const bundle = parseCertificates(ca, 'ca')
  if (!bundle.ok) throw new Error(`Secret ${name} cannot be published: ${explainDefect(bundle.error)}`)
  const changed = await cluster.publish(ca, failurePolicy)
  const { absent } = await cluster.readPublished()
  if (absent.length > 0) throw new Error(`there is no ${absent.join(' and no ')} in this cluster`)
  logger.info(changed.length === 0 ? 'the webhook configurations trust the CA already' : `the CA stands in ${changed.join(' and ')}`)
  return changed
}

export interface RenewalOptions {
  readonly secret: CertificateSecret
  readonly hosts: readonly string[]
  readonly lifetimeMs: number
  readonly renewBeforeMs?: number
  readonly settleMs: number
}

/** Takes the steps of a renewal, one write each. */
export interface Renewer {
  /**
   * Reads everything anew, decides and takes one step. Gives the step, and for `nothing` and `wait-for-bundle-published` that step says
   * when to come back; after all others come back at once. Rejects with an ApiError; conflicts only mean to try again.
   */
  step(options?: { readonly force?: boolean }): Promise<RenewalStep>
}

/** Creates a renewer. Its only memory is since when it has seen the bundle published; all else stands in the Secret. */
export function createRenewer(tools: CertificateTools, options: RenewalOptions): Renewer {
  const { cluster, clock } = tools
  const { name, keyNames } = options.secret
  let seen: { readonly ca: string; readonly sinceMs: number } | undefined
  return {
    async step({ force = false } = {}) {
      const version = await cluster.readSecret(name)
      if (version === undefined) throw new Error(missingSecret(name))
      const stored = readStored(version.content, keyNames)
      const { bundles: published } = await cluster.readPublished()
      if (published.some(({ ca }) => ca.trim() !== stored.ca.trim())) seen = undefined
      else if (seen?.ca !== stored.ca) seen = { ca: stored.ca, sinceMs: clock.monotonicMs() }
      const publishedForMs = seen === undefined ? {} : { publishedForMs: clock.monotonicMs() - seen.sinceMs }
      const { hosts, settleMs } = options
      const renewBefore = options.renewBeforeMs === undefined ? {} : { renewBeforeMs: options.renewBeforeMs }
      const facts: RenewalFacts = { stored, published, hosts, settleMs, nowMs: clock.nowMs(), force, ...publishedForMs, ...renewBefore }
      const step = planRenewal(facts)
      await take(tools, options, step, facts, (store) => cluster.writeSecret(name, version, writeStored(version.content, store, keyNames)))
      return step
    },
  }
}

/** The webhook may write this one Secret and create none, so an empty one is all it needs to go on. */
const missingSecret = (name: string): string =>
  `there is no Secret ${name}; kubectl create secret generic ${name} (in the namespace of OpenELB) makes an empty one, which is filled at once`

async function take(
  { cluster, logger }: CertificateTools,
  { lifetimeMs }: RenewalOptions,
  step: RenewalStep,
  { stored, nowMs }: RenewalFacts,
  write: (store: ReturnType<typeof readStored>) => Promise<void>,
): Promise<void> {
  switch (step.kind) {
    case 'nothing':
    case 'wait-for-bundle-published':
      return
    case 'make-new': {
      const issued = await issueCertificates({ hosts: step.hosts, nowMs, lifetimeMs })
      await write(storeNew(stored, step.serve, issued, nowMs))
      logger.info(`made a new CA and certificate: ${explainReason(step.reason)}`, { serve: step.serve, hosts: step.hosts })
      return
    }
    case 'publish-bundle': {
      const changed = await cluster.publish(step.ca)
      logger.info(`published the bundle of CAs in ${changed.join(' and ')}`, { webhooks: step.stale.map(({ webhook }) => webhook) })
      return
    }
    case 'serve-new-leaf':
      await write(step.store)
      logger.info('every configuration trusts the new CA: the new certificate is served from now on')
      return
    case 'drop-old-ca':
      await write(step.store)
      logger.info(`dropped ${step.dropped} expired or double CA from the bundle`)
  }
}

/** How a verb waits: up to `timeoutMs` in all. `random` gives numbers from 0 up to 1. */
export interface Patience {
  readonly timeoutMs: number
  readonly random: () => number
}

const FIRST_DELAY_MS = 200
const LONGEST_DELAY_MS = 5000

/**
 * Repeats `attempt` with backoff until it succeeds; at the end of the patience it rejects with the last reason. An answer that no
 * repetition changes (400, 422: the object itself is refused) rejects at once. 403 and 404 are repeated: at an installation the
 * permissions and the webhook configurations may come after us.
 */
export async function untilDone<T>(
  { logger, clock }: Pick<CertificateTools, 'logger' | 'clock'>,
  { timeoutMs, random }: Patience,
  attempt: () => Promise<T>,
): Promise<T> {
  const deadlineMs = clock.monotonicMs() + timeoutMs
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (error instanceof ApiError && (error.status === 400 || error.status === 422)) throw error
      const delayMs = backoffDelayMs({ attempt: tries, baseMs: FIRST_DELAY_MS, maxMs: LONGEST_DELAY_MS, random })
      if (clock.monotonicMs() + delayMs >= deadlineMs) throw new Error(`gave up after ${tries} tries`, { cause: error })
      logger.warn(`${describeError(error)}; trying again in ${Math.round(delayMs)} ms`)
      await clock.sleep(delayMs)
    }
  }
}

/**
 * Takes the steps of a renewal, waits between them included, until none is left. Conflicts and outages are repeated within the
 * patience. `force` begins a renewal unless one is under way already, and that one is finished instead.
 */
export async function renewUntilSettled(
  tools: CertificateTools,
  patience: Patience,
  renewer: Renewer,
  { force }: { readonly force: boolean },
): Promise<void> {
  const deadlineMs = tools.clock.monotonicMs() + patience.timeoutMs
  let forced = force
  for (;;) {
    const leftMs = Math.max(0, deadlineMs - tools.clock.monotonicMs())
    const step = await untilDone(tools, { ...patience, timeoutMs: leftMs }, () => renewer.step({ force: forced }))
    forced = false
    if (step.kind === 'nothing') {
      tools.logger.info('nothing is left to do', { notAfter: new Date(step.leaf.notAfterMs).toISOString() })
      return
    }
    const waitMs = step.kind === 'wait-for-bundle-published' ? step.waitMs : 0
    if (tools.clock.monotonicMs() + waitMs >= deadlineMs)
      throw new Error(`not settled after ${patience.timeoutMs} ms: ${step.kind} was last`)
    await tools.clock.sleep(waitMs)
  }
}

/** Does what the command line asks for, with all waits and repetitions. `random` gives numbers from 0 up to 1. Rejects when it gives up. */
export async function runVerb(config: RunConfig, tools: CertificateTools, random: () => number): Promise<void> {
  const { keyNames, timeoutMs } = config
  const secret = { name: config.secretName, keyNames }
  const patience: Patience = { timeoutMs, random }
  switch (config.verb) {
    case 'create': {
      await untilDone(tools, patience, () => ensureCertificates(tools, secret, config))
      const { membershipSecretName } = config
      if (membershipSecretName !== '') await untilDone(tools, patience, () => ensureMembershipKey(tools, membershipSecretName))
      return
    }
    case 'patch':
      await untilDone(tools, patience, () => publishBundle(tools, secret, config.failurePolicy))
      return
    case 'renew':
      await renewUntilSettled(tools, patience, createRenewer(tools, { ...config, secret }), config)
  }
}
