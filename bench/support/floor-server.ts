/** The floor of `admit`: an empty fastify server over TLS. The certificate comes as a message of the parent, the port goes back as one. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import Fastify from 'fastify'

const [path = '/'] = process.argv.slice(2)
const [{ cert, key }] = (await once(process, 'message')) as [{ readonly cert: string; readonly key: string }]
const app = Fastify({ https: { cert, key, minVersion: 'TLSv1.2' } })
app.post(path, async () => ({}))
await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.((app.server.address() as AddressInfo).port)
process.once('disconnect', () => process.exit(0))
