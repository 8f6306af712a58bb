import { COMMUNITY } from '../../wire/bgp/iana.ts'
import type { RouteAttributes } from './route.ts'

/** The names that IANA has for communities; everything else is `AS:NUMBER`. */
const WELL_KNOWN: ReadonlyMap<number, string> = new Map([
  [COMMUNITY.gracefulShutdown, 'graceful-shutdown'],
  [COMMUNITY.llgrStale, 'llgr-stale'],
  [COMMUNITY.noLlgr, 'no-llgr'],
  [COMMUNITY.blackhole, 'blackhole'],
  [COMMUNITY.noExport, 'no-export'],
  [COMMUNITY.noAdvertise, 'no-advertise'],
  [COMMUNITY.noExportSubconfed, 'no-export-subconfed'],
  [COMMUNITY.noPeer, 'nopeer'],
])

/** What is said of a route besides its path, each in a word or two: `local-pref 200`, `med 5`, `65000:1`, `large:1:2:3`, `rt:65000:1`. */
export function attributeTexts(attributes: RouteAttributes): readonly string[] {
  const { localPref, med, communities, largeCommunities, extendedCommunities } = attributes
  return [
    ...(localPref === undefined ? [] : [`local-pref ${localPref}`]),
    ...(med === undefined ? [] : [`med ${med}`]),
    ...communities.map(communityText),
    ...largeCommunities.map(({ global, local1, local2 }) => `large:${global}:${local1}:${local2}`),
    ...extendedCommunities.map(extendedText),
  ]
}

const communityText = (value: number): string => WELL_KNOWN.get(value) ?? `${value >>> 16}:${value & 0xffff}`

const SUBTYPES: Readonly<Record<number, string>> = { 2: 'rt', 3: 'ro' }

/** RFC 4360 section 3, RFC 5668: a number of 2 bytes and one of 4, an IPv4 address and one of 2, or one of 4 and one of 2; else hexadecimal. */
function extendedText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kind = SUBTYPES[view.getUint8(1)]
  const type = view.getUint8(0) & 0xbf
  if (kind === undefined || type > 2) return `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
  if (type === 0) return `${kind}:${view.getUint16(2)}:${view.getUint32(4)}`
  const first = type === 1 ? [...bytes.subarray(2, 6)].join('.') : String(view.getUint32(2))
  return `${kind}:${first}:${view.getUint16(6)}`
}
