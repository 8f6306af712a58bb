/** Annotations under our prefixes that nobody reads: a misspelt wish would otherwise pass in silence. */
import type { ServiceObject } from '../api/core-objects.ts'
import {
  ADDRESSES,
  ALLOW_SHARED_IP,
  BGP_COMMUNITIES,
  BGP_LOCAL_PREF,
  BGP_MED,
  BGP_PEERS,
  DECIDED_ON,
  EIP_NAME,
  LAYER2_NODE,
  NODE_PROXY_EXTERNAL_IP,
  NODE_PROXY_INTERNAL_IP,
  NODE_PROXY_TYPE,
  PROTOCOL,
  REQUESTED_ADDRESS,
} from '../api/service-annotations.ts'
import type { Finding } from './verdict.ts'

const READ = [ADDRESSES, ALLOW_SHARED_IP, BGP_COMMUNITIES, BGP_PEERS, BGP_LOCAL_PREF, BGP_MED, EIP_NAME, REQUESTED_ADDRESS, PROTOCOL]
const KNOWN = new Set([...READ, DECIDED_ON, LAYER2_NODE, NODE_PROXY_TYPE, NODE_PROXY_EXTERNAL_IP, NODE_PROXY_INTERNAL_IP])

const OWN_DOMAIN = 'openelb.io'
/** What the domains of OpenELB's keys end in. */
const ORIGINAL_DOMAIN = 'openelb.kubesphere.io'

const domainOf = (key: string): string => key.slice(0, key.indexOf('/'))
const isOurs = (key: string): boolean => domainOf(key) === OWN_DOMAIN || domainOf(key).endsWith(ORIGINAL_DOMAIN)
/** Those of the same kind: a warning has room for 256 characters. */
const alike = (key: string): readonly string[] => READ.filter((read) => (domainOf(read) === OWN_DOMAIN) === (domainOf(key) === OWN_DOMAIN))

const KEYS_SHOWN = 4
const KEY_LENGTH = 48

/** The keys under our prefixes that nobody reads. */
export const unknownKeys = ({ metadata }: Pick<ServiceObject, 'metadata'>): readonly string[] =>
  Object.keys(metadata.annotations ?? {}).filter((key) => isOurs(key) && !KNOWN.has(key))

/** One warning for each of the first unknown keys, with the keys that are read. */
export function* keyFindings(service: ServiceObject): Generator<Finding> {
  for (const key of unknownKeys(service).slice(0, KEYS_SHOWN)) {
    yield { warn: `the annotation ${key.slice(0, KEY_LENGTH)} is not one that OpenELB reads; there are ${alike(key).join(', ')}` }
  }
}
