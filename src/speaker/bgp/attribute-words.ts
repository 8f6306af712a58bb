import { formatCommunity } from '../../api/bgp-community.ts'
import type { RouteAttributes } from './route.ts'

/** What is said of a route besides its path, each in a word or two: `local-pref 200`, `med 5`, and communities as annotations write them. */
export function attributeTexts(attributes: RouteAttributes): readonly string[] {
  const { localPref, med, communities, largeCommunities, extendedCommunities } = attributes
  return [
    ...(localPref === undefined ? [] : [`local-pref ${localPref}`]),
    ...(med === undefined ? [] : [`med ${med}`]),
    ...communities.map((value) => formatCommunity({ kind: 'standard', value })),
    ...largeCommunities.map((value) => formatCommunity({ kind: 'large', value })),
    ...extendedCommunities.map((value) => formatCommunity({ kind: 'extended', value })),
  ]
}
