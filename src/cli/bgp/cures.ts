/** What to do about a route that a peer is not told, by the reason of the RouteVerdict. */
export const CURES: Readonly<Record<string, string>> = {
  pending: 'it is on its way; when it stays so, the router does not read: openelb bgp capture NODE --peer PEER',
  'session-down': 'openelb bgp peers NODE has the cause, and what to do',
  'peer-not-selected': 'spec.bgp.peers of the Eip, or the annotation openelb.io/bgp-peers of the Service, names other BgpPeers',
  'family-not-negotiated': 'switch the address family on at both ends: spec.afiSafis of the BgpPeer, and the router',
  'other-nodes': 'nothing: those nodes tell it; with nextHop: nodes in the BgpPeer and a router that takes ADD-PATH, each node tells all',
  'no-next-hop': 'the node needs an address of that family, or the session the capability Extended Next Hop Encoding (RFC 8950)',
  'policy-rejected': 'the statement is in the ConfigMap that spec.policy of BgpConf default names',
  'attributes-too-long': 'give it fewer communities',
  leaving: 'the speaker is shutting down; another one tells it, or this one when it is back',
  'no-peer': 'spec.nodeSelector of the BgpPeers selects other nodes; openelb bgp peers NODE says what is wrong with those that select it',
  unknown: 'kubectl -n openelb-system get pods -l component=speaker -o wide',
}
