import { ADMISSION_NAME, CONTROLLER_NAME } from '../src/api/names.ts'
import { err, ok, type Result } from '../src/result.ts'

/** The Services whose names a serving certificate must have: ours, and the one that manifests of the original point at. */
const SERVICES = [ADMISSION_NAME, CONTROLLER_NAME] as const

/** The names under which API servers may call a webhook in `namespace`: each Service alone, with its namespace, and with `.svc`. */
export function serviceHosts(namespace: string): readonly string[] {
  return SERVICES.flatMap((service) => [service, `${service}.${namespace}`, `${service}.${namespace}.svc`])
}

/** One label of a DNS name (RFC 1123); the first label may be a `*`. */
const DNS_NAME = /^(?:\*\.)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i
const LONGEST_DNS_NAME = 253

/** Whether a host is written as an IP address, and so stands in a certificate as such. */
export const isAddress = (host: string): boolean => /^[\d.]+$|:/.test(host)

/** Reads a comma list of DNS names and IP addresses. Empty entries and spaces around names are dropped; the error quotes the bad entry. */
export function parseHosts(text: string): Result<readonly string[], string> {
  const hosts = text.split(',').flatMap((entry) => (entry.trim() === '' ? [] : [entry.trim()]))
  const bad = hosts.find((host) => !(isAddress(host) ? isSoundAddress(host) : DNS_NAME.test(host) && host.length <= LONGEST_DNS_NAME))
  return bad === undefined ? ok(hosts) : err(bad)
}

function isSoundAddress(host: string): boolean {
  if (host.includes(':')) return URL.canParse(`http://[${host}]/`)
  const octets = host.split('.')
  return octets.length === 4 && octets.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) <= 255)
}
