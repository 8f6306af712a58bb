import { formatIp, parseIp } from '../../src/addr/ip.ts'

/** The canonical text of an address, a zone behind it kept; anything else stays as it is. */
export function canonicalIp(text: string): string {
  const [address = '', ...zone] = text.split('%')
  const ip = parseIp(address)
  return ip.ok ? [formatIp(ip.value), ...zone].join('%') : text
}
