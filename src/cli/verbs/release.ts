/** `openelb release`: takes back an address that nobody living holds. */
import { formatIp, type Ip, parseIp } from '../../addr/ip.ts'
import { shownAddresses } from '../../allocator/request.ts'
import { type AddressClaimObject, claimName, type Holder } from '../../api/address-claim.ts'
import type { ServiceObject } from '../../api/core-objects.ts'
import { REQUESTED_ADDRESS } from '../../api/service-annotations.ts'
import type { ApiError } from '../../kube/api-error.ts'
import { ADDRESS_CLAIMS, SERVICES } from '../../kube/resources.ts'
import { formatAge } from '../age.ts'
import { attempt, type ClusterReader } from '../cluster-reader.ts'
import { sameIp } from '../ledger-state.ts'
import { misuse, type Outcome, trouble } from '../report.ts'
import { explainTrouble } from '../trouble.ts'
import type { Verb, VerbInput } from '../verb.ts'

/** What became of the Service that a claim names. */
export type HolderState = 'gone' | 'another-of-that-name' | 'does-not-show-it' | 'shows-it'

const SENTENCES: Readonly<Record<HolderState, string>> = {
  gone: 'which does not exist any more',
  'another-of-that-name': 'which was deleted; the Service of that name now is another one',
  'does-not-show-it': 'which lives and does not show the address',
  'shows-it': 'which lives and shows the address',
}

/** A Service counts by its uid, never by its name. */
export function holderState(holder: Holder, service: ServiceObject | undefined, ip: Ip): HolderState {
  if (service === undefined) return 'gone'
  if (service.metadata.uid !== holder.uid) return 'another-of-that-name'
  return shownAddresses(service).some((shown) => sameIp(shown, ip)) ? 'shows-it' : 'does-not-show-it'
}

async function stateOfHolders(cluster: ClusterReader, claim: AddressClaimObject, ip: Ip) {
  const { holders } = claim.spec
  return Promise.all(
    holders.map(async (holder) => {
      const service = await cluster.find<ServiceObject>(SERVICES, { namespace: holder.namespace, name: holder.name })
      return { holder, state: holderState(holder, service, ip) }
    }),
  )
}

function refusal(address: string, { namespace, name }: Holder): Outcome {
  return trouble(
    `${address} is held by ${namespace}/${name}, which lives and shows it: delete that Service, change its type, or let it ask for another ` +
      `address (annotation ${REQUESTED_ADDRESS}), and OpenELB frees this one itself; --force releases it all the same`,
  )
}

async function run({ words, values, cluster, person, nowMs }: VerbInput): Promise<Outcome> {
  const [text = '', ...more] = words
  if (text === '' || more.length > 0) return misuse('write: openelb release ADDRESS')
  const ip = parseIp(text)
  if (!ip.ok) return misuse(ip.error.message)
  const address = formatIp(ip.value)
  const claim = await cluster.find<AddressClaimObject>(ADDRESS_CLAIMS, { name: claimName(ip.value) })
  if (claim === undefined) return trouble(`nobody holds ${address}`)
  const holders = await stateOfHolders(cluster, claim, ip.value)
  const living = holders.find(({ state }) => state === 'shows-it')
  if (living !== undefined && !values.force) return refusal(address, living.holder)
  const who = holders.map(({ holder, state }) => `${holder.namespace}/${holder.name}, ${SENTENCES[state]}`).join('; ')
  const age = formatAge(claim.metadata.creationTimestamp, nowMs)
  const said = `${address} of Eip ${claim.spec.eip}, claimed ${age} ago, is held by ${who === '' ? 'nobody' : who}`
  if (!values.yes) {
    const answer = await person.confirm(`${said}.\nRelease it? `)
    if (answer === 'nobody') return trouble(`${said}; there is no terminal to ask at: confirm with --yes`)
    if (answer === 'no') return trouble('nothing was released')
  }
  return remove(cluster, claim, address, said)
}

async function remove(cluster: ClusterReader, { metadata }: AddressClaimObject, address: string, said: string): Promise<Outcome> {
  const { name, uid, resourceVersion } = metadata
  const removed = await attempt(cluster.remove(ADDRESS_CLAIMS, { name, uid, resourceVersion }))
  if (!removed.ok)
    return trouble(isConflict(removed.error) ? `the claim on ${address} changed meanwhile: look again` : explainTrouble(removed.error))
  const text = removed.value === 'deleted' ? `released ${address}` : `${address} was released by somebody else meanwhile`
  return { kind: 'report', code: 0, report: { blocks: [{ kind: 'lines', lines: [[text]] }], value: { released: address, was: said } } }
}

const isConflict = (error: ApiError): boolean => error.reason === 'Conflict'

export const release: Verb = {
  name: 'release',
  synopsis: ['release ADDRESS [--yes] [--force]'],
  summary: 'takes back an address whose Service is gone',
  about: `Deletes the claim on an address, after asking. OpenELB does that itself when a Service goes; this is the repair for a claim that was left
over (openelb doctor finds it). A claim whose Service lives and shows the address is refused with the ways to free it; with --force it is
deleted too, and the allocator, where one runs, gives that Service the address again or another one.
The claim is deleted only in exactly the version that was looked at.`,
  flags: ['yes', 'force', 'output'],
  run,
}
