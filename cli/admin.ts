import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { Health } from '../base/component.ts'
import type { Address } from './address.ts'

/** What a role that runs on its own is asked for, and by whom. */
export interface AdminQuestions {
  /** Whether it may be sent to: started, and not told to stop. Asked by whatever shares out connections. */
  ready(): Health
  /** Whether all is well, its queue and store included. Asked by people and alerts. */
  health(): Health
  metrics(): Promise<string>
}

/**
 * Serves the health and metrics of a role that runs on its own:
 *
 *   /livez    200 whenever the process can answer: to start it again would mend nothing that it can tell of
 *   /readyz   200 from its start until it is told to stop. A queue or store that is away does not change it: all replicas
 *             would be taken out at once, and clients meet a closed port instead of a 503 that says when to come again
 *   /healthz  200, or 503 with the reason, the queue's and the store's included: what a person or an alert wants to know
 *   /metrics  own metrics, in the text format of Prometheus
 */
export async function serveAdmin(address: Address, role: AdminQuestions): Promise<Server> {
  const states: Readonly<Record<string, () => Health>> = {
    '/livez': () => ({ ok: true }),
    '/readyz': () => role.ready(),
    '/healthz': () => role.health(),
  }
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? ''
    const state = Object.hasOwn(states, path) ? states[path] : undefined
    if (request.method !== 'GET' && request.method !== 'HEAD') response.writeHead(405, { allow: 'GET, HEAD' }).end()
    else if (state) {
      const health = state()
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
