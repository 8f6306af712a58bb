import { formatIp } from '../../addr/ip.ts'
import type { ErrorSight, PeerCause } from './peer-error.ts'
import type { PeerSettings } from './settings.ts'

/** The peer in words, with its port. */
function remoteText({ remote }: PeerSettings): string {
  return remote.kind === 'interface' ? `the router behind ${remote.name}` : `${formatIp(remote.ip)} port ${remote.port}`
}

/**
 * Why TCP failed. `cause`: the name of an errno, `EOF`, or in which way there is no answer yet: `silence`, `mute` (connected, and no OPEN), `unconfirmed`,
 * `uncalled`, `no-router`; or `rekeyed`.
 */
export function connectionCause(cause: string, peer: PeerSettings, sight: ErrorSight): PeerCause {
  const where = remoteText(peer)
  switch (cause) {
    case 'ECONNREFUSED':
      return {
        code: 'refused',
        message: `${where} refuses connections.`,
        cure: 'See that BGP runs on the router, listens on this port, and has us as a neighbor.',
      }
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'ENETDOWN':
    case 'EHOSTDOWN':
      return {
        code: 'unreachable',
        message: `There is no way to ${where} (${cause}).`,
        cure: farCure(peer, 'See the routes and links of this node, and that the router is up.'),
      }
    case 'ETIMEDOUT':
    case 'silence':
      return sight.wasConnected ? lostCause(cause, where) : silenceCause(where, peer, sight)
    case 'rekeyed':
      return {
        code: 'configuration',
        message: `The password was changed, and ${where} has begun a new session.`,
        cure: 'None is needed.',
      }
    case 'mute':
      return muteCause(where, peer, sight)
    case 'unconfirmed':
      return unconfirmedCause(where, peer)
    case 'uncalled':
      return uncalledCause(where, peer, sight)
    default:
      return localCause(cause, where, peer) ?? lostCause(cause, where)
  }
}

/** What is wrong on this node. */
function localCause(cause: string, where: string, peer: PeerSettings): PeerCause | undefined {
  switch (cause) {
    case 'EADDRNOTAVAIL':
      return {
        code: 'local-address',
        message: `This node does not have the local address of the session to ${where}.`,
        cure: 'Correct transport.localAddress, or leave it out.',
      }
    case 'ENODEV':
      return {
        code: 'device',
        message: `This node has no interface ${peer.transport.device ?? ''} for ${where}.`,
        cure: 'Correct conf.vrf, transport.bindInterface or conf.neighborInterface.',
      }
    case 'EPERM':
    case 'EACCES':
      return {
        code: 'permission',
        message: `The kernel does not permit the connection to ${where} (${cause}).`,
        cure: 'See the capabilities of the speaker and the packet filter of this node.',
      }
    case 'no-router':
      return {
        code: 'no-router',
        message: `No router was seen on ${where.replace('the router behind ', '')}.`,
        cure: 'Let the router send router advertisements on this link (FRR: `no ipv6 nd suppress-ra`).',
      }
    default:
      return undefined
  }
}

const lostCause = (cause: string, where: string): PeerCause => ({
  code: 'lost',
  message: `The connection to ${where} was lost (${cause === 'EOF' ? 'the peer closed it without a word' : cause}).`,
  cure: 'See the log of the router: it may have restarted, or does not know us as a neighbor.',
})

/** Some listen with another TTL than they speak with: the connection comes up, and nothing is heard on it. */
function muteCause(where: string, peer: PeerSettings, sight: ErrorSight): PeerCause {
  if (sight.md5Drops > 0 || sight.ttlDrops > 0) return silenceCause(where, peer, sight)
  return {
    code: 'timeout',
    message: `${where} took the connection, and sends no OPEN.`,
    cure: 'See the log of the router: it may be overloaded, or does not know this node as a neighbor.',
  }
}

/** We hear the peer, and it does not hear us. */
function unconfirmedCause(where: string, { transport }: PeerSettings): PeerCause {
  return {
    code: transport.ttl < 255 ? 'ttl' : 'timeout',
    message: `${where} has sent its OPEN, and takes nothing of what we send.`,
    cure:
      transport.ttl < 255
        ? `Perhaps it demands TTL security (we send a TTL of ${transport.ttl}): set ttlSecurity, or turn it off on the router.`
        : 'See that nothing between drops what this node sends, such as a packet filter or a link with a smaller MTU.',
  }
}

/** We only listen, and nobody came. */
function uncalledCause(where: string, peer: PeerSettings, sight: ErrorSight): PeerCause {
  if (sight.md5Drops > 0 || sight.ttlDrops > 0) return silenceCause(where, peer, sight)
  return {
    code: 'timeout',
    message: `${where} has not called, and we only listen (passiveMode).`,
    cure: 'Let the router call this node, or turn off transport.passiveMode.',
  }
}

const farCure = ({ transport }: PeerSettings, otherwise: string): string =>
  transport.ttl === 1 ? `${otherwise} If it is not on the same link, set ebgpMultihop.` : otherwise

/** A wrong password and a wrong TTL both look like silence; what the kernel threw away meanwhile tells them apart. */
function silenceCause(where: string, peer: PeerSettings, { md5Drops, ttlDrops }: ErrorSight): PeerCause {
  const { password, leastTtl } = peer.transport
  if (md5Drops > 0) {
    return {
      code: 'md5',
      message: `${where} does not answer, and segments with a wrong or missing MD5 signature were received meanwhile.`,
      cure: password === undefined ? 'The router uses a password: set one here.' : 'Set the same password on both sides.',
    }
  }
  if (ttlDrops > 0 && leastTtl !== undefined) {
    return {
      code: 'ttl',
      message: `${where} does not answer, and segments with a TTL below ${leastTtl} were thrown away meanwhile.`,
      cure: 'Turn on TTL security on the router too, or lower ttlSecurity.ttlMin by the routers between.',
    }
  }
  const perhaps: string[] = ['See that the router is up and that no packet filter is between']
  if (password !== undefined) perhaps.push('perhaps its password is another: a wrong one gets no answer')
  else perhaps.push('perhaps it wants a password')
  if (leastTtl !== undefined) perhaps.push('perhaps it has no TTL security')
  return {
    code: password === undefined ? 'timeout' : 'md5',
    message: `${where} does not answer${password === undefined ? '' : ' our signed connection requests'}.`,
    cure: `${farCure(peer, `${perhaps.join('; ')}.`)}`,
  }
}
