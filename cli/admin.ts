import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { Health } from '../base/component.ts'
import type { Address } from './address.ts'

/** Serves `/healthz` (200 or 503 with the reason) and `/metrics` of a role that runs on its own. */
export async function serveAdmin(
  address: Address,
  role: { health(): Health; metrics(): Promise<string> },
): Promise<Server> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') response.writeHead(405, { allow: 'GET, HEAD' }).end()
    else if (path === '/healthz') {
      const health = role.health()
      response.writeHead(health.ok ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify(health))
    } else if (path === '/metrics') {
      role.metrics().then(
        (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
        () => response.writeHead(500).end(),
      )
    } else response.writeHead(404).end()
  })
  server.listen(address.port, address.host)
  await once(server, 'listening')
  return server
}
